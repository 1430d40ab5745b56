package userns

// #include <userns.h>
import "C"

import (
	"os"
	"syscall"
)

// Open opens the namespace, for example for setns(2). An error is an *Error: ESTALE if the namespace has ended, EACCES if
// it is out of reach.
func (n Node) Open() (*os.File, error) {
	n.m.acquire()
	defer n.m.release()
	return opened(C.userns_open(n.c), "user")
}

// Open opens the namespace, like Node.Open.
func (n Nonuser) Open() (*os.File, error) {
	name := n.TypeName()
	n.m.acquire()
	defer n.m.release()
	return opened(C.userns_nonuser_open(n.c), name)
}

// opened takes what a function of the library returned: a descriptor or an error.
func opened(fd C.int, name string) (*os.File, error) {
	if fd < 0 {
		return nil, &Error{Errno: syscall.Errno(-fd)}
	}
	return os.NewFile(uintptr(fd), name), nil
}

// Info describes a namespace. What is hidden or unknown is 0.
type Info struct {
	Flags    InfoFlags
	Inode    uint64
	Device   uint64
	ID       uint64 // the 64-bit id (Linux 6.18)
	Parent   uint64 // the inode number of the parent of a user or PID namespace
	Owner    uint64 // the inode number of the user namespace that owns a nonuser namespace
	Type     int    // the flag of clone(2)
	OwnerUID uint32 // the creator of a user namespace, with InfoOwnerUID
}

// IsInitial reports whether this is the initial user namespace.
func (i Info) IsInitial() bool { return i.Flags&InfoInitial != 0 }

// IsParentHidden reports whether the namespace has a parent that is not visible to the caller.
func (i Info) IsParentHidden() bool { return i.Flags&InfoParentHidden != 0 }

// IsOwn reports whether the calling thread is in the namespace.
func (i Info) IsOwn() bool { return i.Flags&InfoOwn != 0 }

// Describe describes the namespace of a file, without a scan; nil is the user namespace of the caller. An error is an
// *Error.
func Describe(file *os.File) (Info, error) {
	if file == nil {
		return describe(-1)
	}
	connection, err := file.SyscallConn()
	if err != nil {
		return Info{}, err
	}
	var info Info
	var failure error
	// Keeps the file open.
	if err := connection.Control(func(fd uintptr) { info, failure = describe(C.int(fd)) }); err != nil {
		return Info{}, err
	}
	return info, failure
}

func describe(fd C.int) (Info, error) {
	info := C.struct_userns_info{size: C.sizeof_struct_userns_info}
	if err := C.userns_describe(fd, &info); err < 0 {
		return Info{}, &Error{Errno: syscall.Errno(-err)}
	}
	return Info{
		Flags:    InfoFlags(info.flags),
		Inode:    uint64(info.inode),
		Device:   uint64(info.device),
		ID:       uint64(info.id),
		Parent:   uint64(info.parent),
		Owner:    uint64(info.owner),
		Type:     int(info._type),
		OwnerUID: uint32(info.owner_uid),
	}, nil
}
