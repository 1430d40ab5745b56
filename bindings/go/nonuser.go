package userns

// #include <userns.h>
import "C"

import "fmt"

// Nonuser is a namespace of another type than user.
type Nonuser struct {
	m *memory
	c *C.struct_userns_nonuser
}

// String returns the namespace as the links in /proc/PID/ns show it: "net:[4026531840]", for example.
func (n Nonuser) String() string { return fmt.Sprintf("%s:[%d]", n.TypeName(), n.Inode()) }

// Type returns the flag of clone(2) and setns(2): syscall.CLONE_NEWNET, for example.
func (n Nonuser) Type() int {
	n.m.acquire()
	defer n.m.release()
	return int(C.userns_nonuser_type(n.c))
}

// TypeName returns the name of the type as in /proc/PID/ns: "net", for example.
func (n Nonuser) TypeName() string {
	n.m.acquire()
	defer n.m.release()
	return C.GoString(C.userns_nonuser_type_name(n.c))
}

// Inode returns the inode number. The kernel reuses it once the namespace has ended.
func (n Nonuser) Inode() uint64 {
	n.m.acquire()
	defer n.m.release()
	return uint64(C.userns_nonuser_inode(n.c))
}

// ID returns the 64-bit id, which the kernel never reuses (Linux 6.18); 0 if it is unknown.
func (n Nonuser) ID() uint64 {
	n.m.acquire()
	defer n.m.release()
	return uint64(C.userns_nonuser_id(n.c))
}

// Owner returns the user namespace that owns it; false if that is not visible.
func (n Nonuser) Owner() (Node, bool) {
	n.m.acquire()
	defer n.m.release()
	return n.m.node(C.userns_nonuser_owner(n.c))
}

// Parent returns the parent of a PID namespace; false if it has none, or if that is not visible.
func (n Nonuser) Parent() (Nonuser, bool) {
	n.m.acquire()
	defer n.m.release()
	return n.m.nonuser(C.userns_nonuser_parent(n.c))
}

// MemberCount returns the number of processes that have a thread in it.
func (n Nonuser) MemberCount() int {
	n.m.acquire()
	defer n.m.release()
	return int(C.userns_nonuser_member_count(n.c))
}

// Pins returns what keeps it alive.
func (n Nonuser) Pins() []Pin {
	n.m.acquire()
	defer n.m.release()
	var count C.size_t
	first := C.userns_nonuser_pins(n.c, &count)
	return n.m.pins(first, count)
}
