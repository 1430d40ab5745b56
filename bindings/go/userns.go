// Package userns shows the tree of user namespaces of a Linux host, through libuserns. See user_namespaces(7).
//
// Fields and methods are what the C library answers; userns(7) and the comments in userns.h say what that means. Any
// number of goroutines may use a Snapshot and what comes from it. A Node, Namespace or Pin keeps its snapshot; those of
// one thing are equal. A snapshot is released when nothing uses it any more, or by Close; to call a method afterwards
// is a panic, never a use of memory that is gone. Slices are made from the library's arrays where these lie, without a
// copy in between, and belong to the caller: one of the library's own memory would not keep the snapshot.
package userns // SPDX-License-Identifier: MIT OR Apache-2.0

// #cgo LDFLAGS: -luserns
// #include <stdlib.h>
// #include <userns.h>
import "C"

import (
	"runtime"
	"strings"
	"sync"
	"syscall"
	"unsafe"
)

type (
	Gaps      uint32 // why a scan may not have seen everything, combined with |
	NodeFlags uint32 // what is special about a node, combined with |
	Source    uint32 // where a scan read which processes there are
	PinKind   uint32 // what kind of thing keeps a namespace alive
)

// The constants of userns.h, which describes each. A newer library can answer others.
const (
	ScanPinned, ScanSockets          uint64    = C.USERNS_SCAN_PINNED, C.USERNS_SCAN_SOCKETS
	ScanOwned, ScanNames             uint64    = C.USERNS_SCAN_OWNED, C.USERNS_SCAN_NAMES
	ScanBPF                          uint64    = C.USERNS_SCAN_BPF
	GapUnreadable, GapHidepid        Gaps      = C.USERNS_GAP_UNREADABLE, C.USERNS_GAP_HIDEPID
	GapPIDNS, GapNested              Gaps      = C.USERNS_GAP_PIDNS, C.USERNS_GAP_NESTED
	GapLinks, GapDescriptors         Gaps      = C.USERNS_GAP_LINKS, C.USERNS_GAP_DESCRIPTORS
	GapSockets, GapMounts            Gaps      = C.USERNS_GAP_SOCKETS, C.USERNS_GAP_MOUNTS
	GapMountNamespaces               Gaps      = C.USERNS_GAP_MOUNT_NAMESPACES
	NodeInitial, NodeParentHidden    NodeFlags = C.USERNS_NODE_INITIAL, C.USERNS_NODE_PARENT_HIDDEN
	NodeEmpty, NodePinned            NodeFlags = C.USERNS_NODE_EMPTY, C.USERNS_NODE_ONLY_PINNED
	SourceProcfs, SourceBPFProcesses Source    = C.USERNS_SOURCE_PROCFS, C.USERNS_SOURCE_BPF_PROCESSES
	SourceBPFTasks                   Source    = C.USERNS_SOURCE_BPF_TASKS
	PinDescriptor, PinMount          PinKind   = C.USERNS_PIN_DESCRIPTOR, C.USERNS_PIN_MOUNT
	PinOwned, PinSocket              PinKind   = C.USERNS_PIN_OWNED, C.USERNS_PIN_SOCKET
	PinProcess, PinChild             PinKind   = C.USERNS_PIN_MEMBER, C.USERNS_PIN_CHILD_NAMESPACE
	PinParent                        PinKind   = C.USERNS_PIN_FOR_CHILDREN
)

// Options say what to scan. The zero value asks for a plain scan of /proc.
type Options struct {
	ProcPath string // "" means "/proc"
	Flags    uint64 // Scan constants, combined with |
}

// Error is why a scan failed, or did not use BPF. It unwraps to the Errno.
type Error struct {
	Errno syscall.Errno
	Path  string // of the procfs, where it is about that
}

// Error is the path and the library's sentence.
func (e *Error) Error() string {
	return strings.TrimPrefix(e.Path+": "+C.GoString(C.userns_strerror(-C.int(e.Errno))), ": ")
}

// Unwrap is for errors.Is.
func (e *Error) Unwrap() error { return e.Errno }

// Snapshot is the tree of user namespaces as one scan saw it, with how much that could not see.
type Snapshot struct {
	Gaps                                                                Gaps
	Unreadable, UnreadableDescriptors, UnreadableMounts, UnopenedMounts int
	Source                                                              Source
	SourceError                                                         error // why ScanBPF was not followed; an *Error
	m                                                                   *memory
}

// What the library allocated, which goes with the last thing that comes from the snapshot, or with Close.
type memory struct {
	lock sync.RWMutex
	c    *C.struct_userns_snapshot
}

// Node is one user namespace of a snapshot.
type Node struct {
	Inode, Device, ID uint64 // the ID is 0 where it is unknown
	Flags             NodeFlags
	Depth             int
	Owner             int64 // a UID, -1 where it is unknown
	m                 *memory
	c                 *C.struct_userns_node
}

// Namespace is one of another type than user.
type Namespace struct {
	Type, Members int    // CLONE_NEWNET and so on, see clone(2); how many processes have a thread in it
	Name          string // "net" and so on
	Inode, ID     uint64
	m             *memory
	c             *C.struct_userns_namespace
}

// Pin is something that keeps a namespace alive. What a pin of its kind does not have is 0, -1 or "".
type Pin struct {
	Kind                 PinKind
	PID, TID, Descriptor int
	Path                 string // where it is mounted, as the process PID sees it
	m                    *memory
	c                    *C.struct_userns_pin
}

// Version is that of the library.
func Version() string { return C.GoString(C.userns_version()) }

// VersionNumber is that of the library as 0xMMmmpp.
func VersionNumber() uint32 { return uint32(C.userns_version_number()) }

// Scan observes the host; nil stands for the zero Options. A failure is an *Error.
func Scan(options *Options) (*Snapshot, error) {
	path, wanted := "/proc", C.struct_userns_options{size: C.sizeof_struct_userns_options}
	if options == nil {
		options = &Options{ProcPath: path}
	} else if options.ProcPath != "" {
		path = options.ProcPath
	}
	wanted.flags = C.uint64_t(options.Flags)
	if strings.IndexByte(path, 0) >= 0 {
		return nil, &Error{syscall.EINVAL, path}
	}
	wanted.proc_path = C.CString(path)
	defer C.free(unsafe.Pointer(wanted.proc_path))
	m := &memory{}
	if err := C.userns_scan(&wanted, &m.c); err < 0 {
		return nil, &Error{syscall.Errno(-err), path}
	}
	runtime.SetFinalizer(m, (*memory).free)
	s := &Snapshot{Gaps: Gaps(C.userns_gaps(m.c)), Source: Source(C.userns_source(m.c)), m: m}
	s.Unreadable, s.UnopenedMounts = int(C.userns_gap_count(m.c, USERNS_GAP_UNREADABLE)), int(C.userns_gap_count(m.c, USERNS_GAP_UNOPENED_MOUNTS))
	s.UnreadableDescriptors = int(C.userns_gap_count(m.c, USERNS_GAP_DESCRIPTORS))
	s.UnreadableMounts = int(C.userns_gap_count(m.c, USERNS_GAP_MOUNTS))
	if err := C.userns_source_error(m.c); err < 0 {
		s.SourceError = &Error{Errno: syscall.Errno(-err)}
	}
	return s, nil
}

// Close releases the snapshot, once no method is running. It may be called again, and always returns nil.
func (s *Snapshot) Close() error { s.m.free(); return nil }

func (m *memory) free() {
	m.lock.Lock()
	defer m.lock.Unlock()
	C.userns_free(m.c)
	m.c = nil
}

// Each method uses the memory while it runs, so that neither Close nor the finalizer releases it.
func (m *memory) use() (done func()) {
	if m.lock.RLock(); m.c == nil {
		m.lock.RUnlock()
		panic("userns: the snapshot is closed")
	}
	return m.lock.RUnlock
}

func (m *memory) node(c *C.struct_userns_node) Node {
	n := Node{m: m, c: c, Flags: NodeFlags(C.userns_flags(c)), Depth: int(C.userns_depth(c)), Owner: -1}
	n.Inode, n.Device, n.ID = uint64(C.userns_inode(c)), uint64(C.userns_device(c)), uint64(C.userns_id(c))
	if uid := C.uid_t(0); C.userns_owner_uid(c, &uid) {
		n.Owner = int64(uid)
	}
	return n
}

func (m *memory) namespace(c *C.struct_userns_namespace) Namespace {
	n := Namespace{m: m, c: c, Type: int(C.userns_nonuser_type(c)), Name: C.GoString(C.userns_nonuser_type_name(c))}
	n.Inode, n.ID = uint64(C.userns_nonuser_inode(c)), uint64(C.userns_nonuser_id(c))
	n.Members = int(C.userns_nonuser_member_count(c))
	return n
}

func (m *memory) pin(c *C.struct_userns_pin) Pin {
	p := Pin{m: m, c: c, Kind: PinKind(C.userns_pin_kind(c)), Path: C.GoString(C.userns_pin_path(c))}
	p.PID, p.TID, p.Descriptor = int(C.userns_pin_pid(c)), int(C.userns_pin_tid(c)), int(C.userns_pin_descriptor(c))
	return p
}

func one[C, T any](handle *C, convert func(*C) T) (found T, ok bool) {
	if handle != nil {
		found = convert(handle)
	}
	return found, handle != nil
}

func list[E, T any](m *memory, convert func(E) T, array func(*C.size_t) *E) []T {
	defer m.use()()
	var length C.size_t
	first := array(&length)
	all := make([]T, length)
	for i, element := range unsafe.Slice(first, int(length)) {
		all[i] = convert(element)
	}
	return all
}

// Root is the node to begin with.
func (s *Snapshot) Root() (Node, bool) { defer s.m.use()(); return one(C.userns_root(s.m.c), s.m.node) }

// Self is the node of this process.
func (s *Snapshot) Self() (Node, bool) { defer s.m.use()(); return one(C.userns_self(s.m.c), s.m.node) }

// Find is the node with an inode number.
func (s *Snapshot) Find(inode uint64) (Node, bool) {
	defer s.m.use()()
	return one(C.userns_find_inode(s.m.c, C.uint64_t(inode)), s.m.node)
}

// FindID is the node with a 64-bit id.
func (s *Snapshot) FindID(id uint64) (Node, bool) {
	defer s.m.use()()
	return one(C.userns_find_id(s.m.c, C.uint64_t(id)), s.m.node)
}

// FindPID is the node that a process lives in.
func (s *Snapshot) FindPID(pid int) (Node, bool) {
	defer s.m.use()()
	if int(C.pid_t(pid)) != pid {
		return Node{}, false
	}
	return one(C.userns_find_pid(s.m.c, C.pid_t(pid)), s.m.node)
}

// Roots are the nodes whose parent the scan did not see.
func (s *Snapshot) Roots() []Node {
	return list(s.m, s.m.node, func(n *C.size_t) **C.struct_userns_node { return C.userns_roots(s.m.c, n) })
}

// Nodes are all nodes, depth first.
func (s *Snapshot) Nodes() []Node {
	return list(s.m, s.m.node, func(n *C.size_t) **C.struct_userns_node { return C.userns_nodes(s.m.c, n) })
}

// Namespaces are all namespaces of other types, with ScanOwned.
func (s *Snapshot) Namespaces() []Namespace {
	return list(s.m, s.m.namespace, func(l *C.size_t) **C.struct_userns_namespace { return C.userns_nonusers(s.m.c, l) })
}

// Parent is the node that it was made in.
func (n Node) Parent() (Node, bool) { defer n.m.use()(); return one(C.userns_parent(n.c), n.m.node) }

// Children are the nodes that were made in it.
func (n Node) Children() []Node {
	return list(n.m, n.m.node, func(l *C.size_t) **C.struct_userns_node { return C.userns_children(n.c, l) })
}

// PIDs are the processes in it, ascending.
func (n Node) PIDs() []int {
	number := func(pid C.pid_t) int { return int(pid) }
	return list(n.m, number, func(l *C.size_t) *C.pid_t { return C.userns_pids(n.c, l) })
}

// Names are the command names of the processes in PIDs, with ScanNames.
func (n Node) Names() []string {
	text := func(name *C.char) string { return C.GoString(name) }
	return list(n.m, text, func(l *C.size_t) **C.char { return C.userns_names(n.c, l) })
}

// Pins are what else keeps it alive, with ScanPinned.
func (n Node) Pins() []Pin {
	return list(n.m, n.m.pin, func(l *C.size_t) **C.struct_userns_pin { return C.userns_pins(n.c, l) })
}

// Owned are the namespaces of other types that it owns, with ScanOwned.
func (n Node) Owned() []Namespace {
	return list(n.m, n.m.namespace, func(l *C.size_t) **C.struct_userns_namespace { return C.userns_owned(n.c, l) })
}

// IsAncestorOf says whether it is the parent of a node of its snapshot, or the parent of its parent, and so on.
func (n Node) IsAncestorOf(node Node) bool {
	defer n.m.use()()
	return n.m == node.m && bool(C.userns_is_ancestor(n.c, node.c))
}

// Owner is the node that owns it.
func (n Namespace) Owner() (Node, bool) {
	defer n.m.use()()
	return one(C.userns_nonuser_owner(n.c), n.m.node)
}

// Pins are what keeps it alive.
func (n Namespace) Pins() []Pin {
	return list(n.m, n.m.pin, func(l *C.size_t) **C.struct_userns_pin { return C.userns_nonuser_pins(n.c, l) })
}

// Namespace is the one that is owned, or is the child.
func (p Pin) Namespace() (Namespace, bool) {
	defer p.m.use()()
	return one(C.userns_pin_nonuser(p.c), p.m.namespace)
}
