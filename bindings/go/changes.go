package userns

// #include <userns.h>
import "C"

import (
	"syscall"
	"unsafe"
)

// Change is a difference between two snapshots.
type Change struct {
	Kind ChangeKind
	Node Node // of the first snapshot if it has ended or a process has left it, else of the second
	PID  int  // the process that joined or left; 0 if there is none
}

// Compare returns what changed between two snapshots, in an order in which it can have happened. An error is an *Error:
// EXDEV if the snapshots are of different boots or PID namespaces.
func Compare(before, after *Snapshot) ([]Change, error) {
	release := acquireBoth(before.m, after.m)
	defer release()
	var changes *C.struct_userns_changes
	if err := C.userns_compare(before.m.snapshot, after.m.snapshot, &changes); err < 0 {
		return nil, &Error{Errno: syscall.Errno(-err)}
	}
	defer C.userns_changes_free(changes)
	var count C.size_t
	first := C.userns_changes(changes, &count)
	copied := make([]Change, count)
	for i, c := range unsafe.Slice(first, int(count)) {
		kind, m := ChangeKind(C.userns_change_kind(c)), after.m
		if kind == ChangeEnded || kind == ChangeLeft {
			m = before.m
		}
		copied[i] = Change{kind, Node{m, C.userns_change_node(c)}, int(C.userns_change_pid(c))}
	}
	return copied, nil
}
