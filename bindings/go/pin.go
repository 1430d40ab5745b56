package userns

// #include <userns.h>
import "C"

// Pin is a reason why the kernel keeps a namespace. The kind tells which methods return more than a zero value.
type Pin struct {
	m *memory
	c *C.struct_userns_pin
}

// Kind returns the kind of the pin.
func (p Pin) Kind() PinKind {
	p.m.acquire()
	defer p.m.release()
	return PinKind(C.userns_pin_kind(p.c))
}

// PID returns the process that is a member, holds a descriptor or socket, or sees the mount; 0 for the other kinds.
func (p Pin) PID() int {
	p.m.acquire()
	defer p.m.release()
	return int(C.userns_pin_pid(p.c))
}

// TID returns the thread of that process; 0 for the other kinds.
func (p Pin) TID() int {
	p.m.acquire()
	defer p.m.release()
	return int(C.userns_pin_tid(p.c))
}

// Descriptor returns the number of the descriptor or socket; -1 for the other kinds.
func (p Pin) Descriptor() int {
	p.m.acquire()
	defer p.m.release()
	return int(C.userns_pin_descriptor(p.c))
}

// Path returns the path of a mount, from the root directory of the process PID; "" for the other kinds.
func (p Pin) Path() string {
	p.m.acquire()
	defer p.m.release()
	return C.GoString(C.userns_pin_path(p.c))
}

// IsOvermounted tells whether the path of a mount is known to lead to something else.
func (p Pin) IsOvermounted() bool {
	p.m.acquire()
	defer p.m.release()
	return bool(C.userns_pin_is_overmounted(p.c))
}

// MayBeLocked tells whether a mount can be locked, so that only the end of its mount namespace removes it.
func (p Pin) MayBeLocked() bool {
	p.m.acquire()
	defer p.m.release()
	return bool(C.userns_pin_may_be_locked(p.c))
}

// Nonuser returns the mount namespace of a mount, the owned namespace, or the child namespace; false for the other kinds,
// and for a mount whose mount namespace is unknown.
func (p Pin) Nonuser() (Nonuser, bool) {
	p.m.acquire()
	defer p.m.release()
	return p.m.nonuser(C.userns_pin_nonuser(p.c))
}
