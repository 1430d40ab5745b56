package userns

// #include <userns.h>
import "C"

import (
	"fmt"
	"unsafe"
)

// Node is a user namespace in a snapshot.
type Node struct {
	m *memory
	c *C.struct_userns_node
}

// String returns the namespace as the links in /proc/PID/ns show it: "user:[4026531837]", for example.
func (n Node) String() string { return fmt.Sprintf("user:[%d]", n.Inode()) }

// Inode returns the inode number. The kernel reuses it once the namespace has ended.
func (n Node) Inode() uint64 {
	n.m.acquire()
	defer n.m.release()
	return uint64(C.userns_inode(n.c))
}

// Device returns the device number, the same for all namespaces.
func (n Node) Device() uint64 {
	n.m.acquire()
	defer n.m.release()
	return uint64(C.userns_device(n.c))
}

// ID returns the 64-bit id, which the kernel never reuses (Linux 6.18); 0 if it is unknown.
func (n Node) ID() uint64 {
	n.m.acquire()
	defer n.m.release()
	return uint64(C.userns_id(n.c))
}

// Flags returns the properties of the node, which the next five methods test.
func (n Node) Flags() NodeFlags {
	n.m.acquire()
	defer n.m.release()
	return NodeFlags(C.userns_flags(n.c))
}

// IsInitial reports whether this is the initial user namespace.
func (n Node) IsInitial() bool { return n.Flags()&NodeInitial != 0 }

// IsParentHidden reports whether the namespace has a parent that is not visible to the caller.
func (n Node) IsParentHidden() bool { return n.Flags()&NodeParentHidden != 0 }

// IsEmpty reports whether the scan saw no process in the namespace.
func (n Node) IsEmpty() bool { return n.Flags()&NodeEmpty != 0 }

// IsOnlyPinned reports whether the namespace is known only through pins.
func (n Node) IsOnlyPinned() bool { return n.Flags()&NodeOnlyPinned != 0 }

// IsSetgroupsDenied reports whether setgroups(2) is known to be denied in the namespace. It needs ScanMaps.
func (n Node) IsSetgroupsDenied() bool { return n.Flags()&NodeSetgroupsDenied != 0 }

// Depth returns the number of ancestors in the snapshot.
func (n Node) Depth() int {
	n.m.acquire()
	defer n.m.release()
	return int(C.userns_depth(n.c))
}

// OwnerUID returns the effective UID of the creator; false if it is unknown.
func (n Node) OwnerUID() (uid uint32, ok bool) {
	n.m.acquire()
	defer n.m.release()
	var owner C.uid_t
	ok = bool(C.userns_owner_uid(n.c, &owner))
	return uint32(owner), ok
}

// Parent returns the user namespace in which it was created; false for a root.
func (n Node) Parent() (Node, bool) {
	n.m.acquire()
	defer n.m.release()
	return n.m.node(C.userns_parent(n.c))
}

// Children returns the user namespaces created in it.
func (n Node) Children() []Node {
	n.m.acquire()
	defer n.m.release()
	var count C.size_t
	first := C.userns_children(n.c, &count)
	return n.m.nodes(first, count)
}

// PIDs returns the processes in it, ascending.
func (n Node) PIDs() []int {
	n.m.acquire()
	defer n.m.release()
	var count C.size_t
	first := C.userns_pids(n.c, &count)
	pids := make([]int, count)
	for i, pid := range unsafe.Slice(first, int(count)) {
		pids[i] = int(pid)
	}
	return pids
}

// Owned returns the nonuser namespaces that it owns. It needs ScanOwned or ScanPinned.
func (n Node) Owned() []Nonuser {
	n.m.acquire()
	defer n.m.release()
	var count C.size_t
	first := C.userns_owned(n.c, &count)
	return n.m.nonusers(first, count)
}

// Pins returns what else keeps it alive. It needs ScanPinned.
func (n Node) Pins() []Pin {
	n.m.acquire()
	defer n.m.release()
	var count C.size_t
	first := C.userns_pins(n.c, &count)
	return n.m.pins(first, count)
}

// Charge is the number of user namespaces that the kernel charges to a user.
type Charge struct {
	UID   uint32 // math.MaxUint32 for all users whose UID is unknown together
	Count int
}

// Charges returns how many user namespaces below this one the kernel charges in it to each user, ascending by UID.
func (n Node) Charges() []Charge {
	n.m.acquire()
	defer n.m.release()
	var count C.size_t
	first := C.userns_charges(n.c, &count)
	charges := make([]Charge, count)
	for i, each := range unsafe.Slice(first, int(count)) {
		charges[i] = Charge{uint32(each.uid), int(each.count)}
	}
	return charges
}

// Limit returns how many user namespaces each user may have in it; false if that is unknown, as without BPF of all
// but the caller's own. It needs ScanPinned.
func (n Node) Limit() (limit uint64, ok bool) {
	n.m.acquire()
	defer n.m.release()
	var known C.uint64_t
	ok = bool(C.userns_limit(n.c, &known))
	return uint64(known), ok
}

// IsAncestorOf reports whether it is the parent of a node of its snapshot, or the parent of its parent, and so on.
func (n Node) IsAncestorOf(node Node) bool {
	n.m.acquire()
	defer n.m.release()
	return n.m == node.m && bool(C.userns_is_ancestor(n.c, node.c))
}
