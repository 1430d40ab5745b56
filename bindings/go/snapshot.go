package userns

// #include <userns.h>
import "C"

import (
	"syscall"
	"time"
)

// Snapshot is the result of a scan: an immutable tree of user namespaces.
type Snapshot struct {
	m *memory
}

// Close waits for running methods, and releases the snapshot. It can be called again, and always returns nil.
func (s *Snapshot) Close() error {
	s.m.free()
	return nil
}

// Root returns the node to start from; false if the snapshot is empty.
func (s *Snapshot) Root() (Node, bool) {
	s.m.acquire()
	defer s.m.release()
	return s.m.node(C.userns_root(s.m.snapshot))
}

// Roots returns the nodes without a visible parent.
func (s *Snapshot) Roots() []Node {
	s.m.acquire()
	defer s.m.release()
	var count C.size_t
	first := C.userns_roots(s.m.snapshot, &count)
	return s.m.nodes(first, count)
}

// Nodes returns all nodes, depth first.
func (s *Snapshot) Nodes() []Node {
	s.m.acquire()
	defer s.m.release()
	var count C.size_t
	first := C.userns_nodes(s.m.snapshot, &count)
	return s.m.nodes(first, count)
}

// Self returns the user namespace of this process; false if it is unknown.
func (s *Snapshot) Self() (Node, bool) {
	s.m.acquire()
	defer s.m.release()
	return s.m.node(C.userns_self(s.m.snapshot))
}

// Nonusers returns all nonuser namespaces. It needs ScanOwned or ScanPinned.
func (s *Snapshot) Nonusers() []Nonuser {
	s.m.acquire()
	defer s.m.release()
	var count C.size_t
	first := C.userns_nonusers(s.m.snapshot, &count)
	return s.m.nonusers(first, count)
}

// FindInode returns the node with an inode number.
func (s *Snapshot) FindInode(inode uint64) (Node, bool) {
	s.m.acquire()
	defer s.m.release()
	return s.m.node(C.userns_find_inode(s.m.snapshot, C.uint64_t(inode)))
}

// FindID returns the node with a 64-bit id.
func (s *Snapshot) FindID(id uint64) (Node, bool) {
	s.m.acquire()
	defer s.m.release()
	return s.m.node(C.userns_find_id(s.m.snapshot, C.uint64_t(id)))
}

// FindPID returns the node of a process.
func (s *Snapshot) FindPID(pid int) (Node, bool) {
	s.m.acquire()
	defer s.m.release()
	if !isPID(pid) {
		return Node{}, false
	}
	return s.m.node(C.userns_find_pid(s.m.snapshot, C.pid_t(pid)))
}

// ProcessName returns the command name of a process, "" if the name is unknown. It returns false if the scan did not
// see the process, or without ScanNames. The name can contain any bytes but NUL.
func (s *Snapshot) ProcessName(pid int) (string, bool) {
	s.m.acquire()
	defer s.m.release()
	if !isPID(pid) {
		return "", false
	}
	name := C.userns_process_name(s.m.snapshot, C.pid_t(pid))
	return C.GoString(name), name != nil
}

// Gaps returns the reasons why the snapshot can be incomplete.
func (s *Snapshot) Gaps() Gaps {
	s.m.acquire()
	defer s.m.release()
	return Gaps(C.userns_gaps(s.m.snapshot))
}

// GapCount counts what one gap stands for, in the unit that userns.h states.
func (s *Snapshot) GapCount(gap Gaps) int {
	s.m.acquire()
	defer s.m.release()
	return int(C.userns_gap_count(s.m.snapshot, C.uint32_t(gap)))
}

// Source returns where the scan read the processes; 0 if the file of a loaded snapshot does not tell.
func (s *Snapshot) Source() Source {
	s.m.acquire()
	defer s.m.release()
	return Source(C.userns_source(s.m.snapshot))
}

// SourceError returns why a scan with ScanBPF used procfs, an *Error; nil if it did not.
func (s *Snapshot) SourceError() error {
	s.m.acquire()
	defer s.m.release()
	if err := C.userns_source_error(s.m.snapshot); err < 0 {
		return &Error{Errno: syscall.Errno(-err)}
	}
	return nil
}

// SourceLog returns what the kernel's verifier said about the BPF programs if it rejected them, for a report; "" if it did
// not.
func (s *Snapshot) SourceLog() string {
	s.m.acquire()
	defer s.m.release()
	return C.GoString(C.userns_source_log(s.m.snapshot))
}

// EmptySource returns how far the scan looked for namespaces without processes.
func (s *Snapshot) EmptySource() EmptySource {
	s.m.acquire()
	defer s.m.release()
	return EmptySource(C.userns_empty_source(s.m.snapshot))
}

// Time returns the time at which the scan began.
func (s *Snapshot) Time() time.Time {
	s.m.acquire()
	defer s.m.release()
	return time.Unix(0, int64(C.userns_time(s.m.snapshot)))
}

// BootID returns the boot id of the scanned host, a UUID; "" if it is unknown.
func (s *Snapshot) BootID() string {
	s.m.acquire()
	defer s.m.release()
	return C.GoString(C.userns_boot_id(s.m.snapshot))
}

// PIDNamespace returns the inode number of the PID namespace that the PIDs belong to; 0 if it is unknown.
func (s *Snapshot) PIDNamespace() uint64 {
	s.m.acquire()
	defer s.m.release()
	return uint64(C.userns_pid_namespace(s.m.snapshot))
}

// isPID reports whether C's pid_t can hold a number.
func isPID(pid int) bool { return int(C.pid_t(pid)) == pid }
