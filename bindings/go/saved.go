package userns

// #include <userns.h>
import "C"

import (
	"errors"
	"io"
	"os"
	"syscall"
)

// Save writes the snapshot as JSON, see userns-json(5). An error is that of w, or an *Error.
func (s *Snapshot) Save(w io.Writer) error {
	s.m.acquire()
	defer s.m.release()
	read, write, err := os.Pipe()
	if err != nil {
		return err
	}
	copied := make(chan error)
	go func() {
		_, err := io.Copy(w, read)
		read.Close() // the library then fails, too
		copied <- err
	}()
	saved := withDescriptor(write, func(fd C.int) C.int { return C.userns_save(s.m.snapshot, fd) })
	write.Close()
	if err := <-copied; err != nil {
		return err
	}
	return saved
}

// Load reads a snapshot that Save or another program wrote, to the end of r. An error is that of r, or an *Error with
// EBADMSG if it is not a saved snapshot. After an *Error such as EFBIG or ENOMEM, which does not wait for the end, a last
// Read of r may still be going on.
func Load(r io.Reader) (*Snapshot, error) {
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	copied := make(chan error, 1) // nobody may wait for it
	go func() {
		_, err := io.Copy(write, r)
		write.Close()
		copied <- err
	}()
	var loaded *C.struct_userns_snapshot
	failure := withDescriptor(read, func(fd C.int) C.int { return C.userns_load(fd, &loaded) })
	read.Close() // io.Copy fails if the library has not read all
	atEnd := failure == nil || errors.Is(failure, syscall.EBADMSG) || errors.Is(failure, syscall.EPROTONOSUPPORT)
	if !atEnd {
		return nil, failure
	}
	if err = <-copied; err == nil {
		err = failure
	}
	if err != nil {
		C.userns_free(loaded)
		return nil, err
	}
	return &Snapshot{newMemory(loaded)}, nil
}

// withDescriptor calls a function of the library with the descriptor of a file, which stays open meanwhile.
func withDescriptor(file *os.File, call func(C.int) C.int) error {
	connection, err := file.SyscallConn()
	if err != nil {
		return err
	}
	var result C.int
	if err := connection.Control(func(fd uintptr) { result = call(C.int(fd)) }); err != nil {
		return err
	}
	if result < 0 {
		return &Error{Errno: syscall.Errno(-result)}
	}
	return nil
}
