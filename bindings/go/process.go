package userns

// #include <userns.h>
import "C"

import (
	"syscall"
	"unsafe"
)

// Verdict tells whether a process has a capability in a user namespace.
type Verdict struct {
	Holds bool
	Known bool // false: it cannot be known, and Holds is false
	Why   Why
}

// ProcessUID returns the effective UID of a process. It returns false if it is unknown, or without ScanCredentials.
func (s *Snapshot) ProcessUID(pid int) (uid uint32, ok bool) {
	s.m.acquire()
	defer s.m.release()
	if !isPID(pid) {
		return 0, false
	}
	var known C.uid_t
	ok = bool(C.userns_process_uid(s.m.snapshot, C.pid_t(pid), &known))
	return uint32(known), ok
}

// ProcessCapabilities returns the effective capabilities of a process as bits. It returns false if they are unknown, or
// without ScanCredentials.
func (s *Snapshot) ProcessCapabilities(pid int) (bits uint64, ok bool) {
	s.m.acquire()
	defer s.m.release()
	if !isPID(pid) {
		return 0, false
	}
	var known C.uint64_t
	ok = bool(C.userns_process_capabilities(s.m.snapshot, C.pid_t(pid), &known))
	return uint64(known), ok
}

// ProcessPIDs returns the PIDs of a process, from the PID namespace of the procfs down to its own. It needs
// ScanCredentials.
func (s *Snapshot) ProcessPIDs(pid int) []int {
	s.m.acquire()
	defer s.m.release()
	if !isPID(pid) {
		return nil
	}
	var count C.size_t
	first := C.userns_process_pids(s.m.snapshot, C.pid_t(pid), &count)
	pids := make([]int, count)
	for i, each := range unsafe.Slice(first, int(count)) {
		pids[i] = int(each)
	}
	return pids
}

// ProcessCgroup returns the path of the cgroup of a process. It returns false if it is unknown, or without ScanCgroups.
// The path can contain any bytes but NUL and newline.
func (s *Snapshot) ProcessCgroup(pid int) (string, bool) {
	s.m.acquire()
	defer s.m.release()
	if !isPID(pid) {
		return "", false
	}
	path := C.userns_process_cgroup(s.m.snapshot, C.pid_t(pid))
	return C.GoString(path), path != nil
}

// Capable tells whether a process has a capability in a user namespace of the snapshot. It needs ScanCredentials. An error
// is an *Error: ESRCH if the scan did not see the process, EINVAL for a wrong argument.
func (s *Snapshot) Capable(pid int, capability int, node Node) (Verdict, error) {
	s.m.acquire()
	defer s.m.release()
	if s.m != node.m || capability < 0 || capability > 63 {
		return Verdict{}, &Error{Errno: syscall.EINVAL}
	}
	if !isPID(pid) {
		return Verdict{}, &Error{Errno: syscall.ESRCH}
	}
	var reason C.uint32_t
	holds := C.userns_capable(s.m.snapshot, C.pid_t(pid), C.int(capability), node.c, &reason)
	if holds < 0 && reason == 0 {
		return Verdict{}, &Error{Errno: syscall.Errno(-holds)}
	}
	return Verdict{Holds: holds > 0, Known: holds >= 0, Why: Why(reason)}, nil
}
