package userns

// #include <stdlib.h>
// #include <userns.h>
import "C"

import (
	"strings"
	"syscall"
	"unsafe"
)

// Options of a scan. The zero value is a plain scan of /proc.
type Options struct {
	ProcPath string // the root directory of the procfs; "" means "/proc"
	Flags    ScanFlags
	Limit    uint64 // the largest number of pins, see userns_scan(3); 0 means 1,000,000
}

// Error is an error of the library, or the reason why a scan did not use BPF. It unwraps to the Errno.
type Error struct {
	Errno syscall.Errno
	Path  string // of the procfs; "" if the error is not about it
}

// Error returns the path and the sentence of userns_strerror().
func (e *Error) Error() string {
	sentence := C.GoString(C.userns_strerror(-C.int(e.Errno)))
	if e.Path == "" {
		return sentence
	}
	return e.Path + ": " + sentence
}

// Unwrap returns the Errno, for errors.Is.
func (e *Error) Unwrap() error { return e.Errno }

// Scan scans the user namespaces of the host. Nil options are the zero value. An error is an *Error.
func Scan(options *Options) (*Snapshot, error) {
	if options == nil {
		options = &Options{}
	}
	path := options.ProcPath
	if path == "" {
		path = "/proc"
	}
	if strings.IndexByte(path, 0) >= 0 {
		return nil, &Error{Errno: syscall.EINVAL, Path: path}
	}
	cPath := C.CString(path)
	defer C.free(unsafe.Pointer(cPath))
	cOptions := C.struct_userns_options{
		size:      C.sizeof_struct_userns_options,
		proc_path: cPath,
		flags:     C.uint64_t(options.Flags),
		limit:     C.uint64_t(options.Limit),
	}
	var scanned *C.struct_userns_snapshot
	if err := C.userns_scan(&cOptions, &scanned); err < 0 {
		return nil, &Error{Errno: syscall.Errno(-err), Path: path}
	}
	return &Snapshot{newMemory(scanned)}, nil
}

// Version returns the version of the library in use.
func Version() string { return C.GoString(C.userns_version()) }

// VersionNumber returns the version of the library in use as 0xMMmmpp.
func VersionNumber() uint32 { return uint32(C.userns_version_number()) }
