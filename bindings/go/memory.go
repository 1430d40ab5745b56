package userns

// #include <userns.h>
import "C"

import (
	"runtime"
	"sync"
	"sync/atomic"
	"unsafe"
)

// memory owns a snapshot of the library. All objects of the snapshot refer to it, so that the finalizer runs after the
// last of them is gone. It contains no pointer to itself, which would prevent that.
type memory struct {
	lock     sync.RWMutex
	snapshot *C.struct_userns_snapshot // nil once it is released
	number   uint64                    // of this snapshot, among those of the program
}

var lastNumber uint64

func newMemory(snapshot *C.struct_userns_snapshot) *memory {
	m := &memory{snapshot: snapshot, number: atomic.AddUint64(&lastNumber, 1)}
	runtime.SetFinalizer(m, (*memory).free)
	return m
}

func (m *memory) free() {
	m.lock.Lock()
	defer m.lock.Unlock()
	C.userns_free(m.snapshot)
	m.snapshot = nil
}

// acquire keeps the snapshot from being released until release is called. Every method that calls the library does
// so, once: a second acquire could wait for a Close that waits for the first one.
func (m *memory) acquire() {
	if m == nil {
		panic("userns: a zero value is not an object of a snapshot")
	}
	m.lock.RLock()
	if m.snapshot == nil {
		m.lock.RUnlock()
		panic("userns: the snapshot is closed")
	}
}

func (m *memory) release() { m.lock.RUnlock() }

// acquireBoth acquires two snapshots, and returns the function that releases them. All goroutines acquire in the order of
// the numbers: otherwise two could each wait for a Close that waits for the other one.
func acquireBoth(one, two *memory) (release func()) {
	if one == two {
		one.acquire()
		return one.release
	}
	if one != nil && two != nil && two.number < one.number {
		one, two = two, one
	}
	one.acquire()
	acquired := false
	defer func() {
		if !acquired {
			one.release()
		}
	}()
	two.acquire()
	acquired = true
	return func() {
		two.release()
		one.release()
	}
}

// The following functions wrap pointers of the library.

func (m *memory) node(c *C.struct_userns_node) (Node, bool) {
	if c == nil {
		return Node{}, false
	}
	return Node{m, c}, true
}

func (m *memory) nonuser(c *C.struct_userns_nonuser) (Nonuser, bool) {
	if c == nil {
		return Nonuser{}, false
	}
	return Nonuser{m, c}, true
}

func (m *memory) nodes(first **C.struct_userns_node, count C.size_t) []Node {
	nodes := make([]Node, count)
	for i, c := range unsafe.Slice(first, int(count)) {
		nodes[i] = Node{m, c}
	}
	return nodes
}

func (m *memory) nonusers(first **C.struct_userns_nonuser, count C.size_t) []Nonuser {
	nonusers := make([]Nonuser, count)
	for i, c := range unsafe.Slice(first, int(count)) {
		nonusers[i] = Nonuser{m, c}
	}
	return nonusers
}

func (m *memory) pins(first **C.struct_userns_pin, count C.size_t) []Pin {
	pins := make([]Pin, count)
	for i, c := range unsafe.Slice(first, int(count)) {
		pins[i] = Pin{m, c}
	}
	return pins
}
