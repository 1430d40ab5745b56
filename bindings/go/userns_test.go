package userns

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
)

func Example() {
	snapshot, err := Scan(nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer snapshot.Close()
	node, ok := snapshot.FindPID(os.Getpid())
	self, _ := snapshot.Self()
	fmt.Println(ok, node == self, node.Inode == self.Inode)
	// Output: true true true
}

func scan(t *testing.T, options *Options) *Snapshot {
	t.Helper()
	snapshot, err := Scan(options)
	if err != nil {
		t.Fatal(err)
	}
	return snapshot
}

func TestErrors(t *testing.T) {
	_, err := Scan(&Options{ProcPath: "/does/not/exist"})
	var failure *Error
	if !errors.Is(err, syscall.ENOENT) || !errors.Is(err, fs.ErrNotExist) || !errors.As(err, &failure) {
		t.Fatalf("%T: %v", err, err)
	}
	if !strings.HasPrefix(err.Error(), "/does/not/exist: there is no such directory") {
		t.Error(err)
	}
	if _, err := Scan(&Options{ProcPath: "/"}); !errors.Is(err, syscall.ENODEV) {
		t.Error(err)
	}
	if _, err := Scan(&Options{Flags: 1 << 63}); !errors.Is(err, syscall.EINVAL) || !strings.HasPrefix(err.Error(), "/proc: ") {
		t.Error(err)
	}
	if _, err := Scan(&Options{ProcPath: "/proc\x00/none"}); !errors.Is(err, syscall.EINVAL) {
		t.Error("the path was cut")
	}
}

func TestNumbersAreNotCut(t *testing.T) {
	snapshot := scan(t, nil)
	pid := int64(os.Getpid()) + 1<<32
	if _, ok := snapshot.FindPID(int(pid)); ok && int64(int(pid)) == pid {
		t.Error("found process", pid)
	}
}

// A node is all that is left of its snapshot, while the garbage collector runs again and again.
func TestNodeKeepsItsSnapshot(t *testing.T) {
	for i := 0; i < 100; i++ {
		node, ok := scan(t, nil).Self()
		if !ok {
			t.Skip("the kernel does not tell the namespace of this process")
		}
		runtime.GC()
		runtime.GC()
		if _, ok := node.Parent(); ok != (node.Depth > 0) || len(node.PIDs()) == 0 {
			t.Fatal("the node has lost its snapshot")
		}
	}
}

func panics(question func()) (did bool) {
	defer func() { did = recover() != nil }()
	question()
	return
}

func TestClose(t *testing.T) {
	snapshot := scan(t, &Options{Flags: ScanOwned})
	node, namespaces, copied := snapshot.Nodes()[0], snapshot.Namespaces(), *snapshot
	for i := 0; i < 2; i++ {
		if err := snapshot.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for i, question := range []func(){
		func() { snapshot.Nodes() }, func() { copied.Root() }, func() { snapshot.FindPID(1) }, func() { node.PIDs() },
		func() { node.Parent() }, func() { node.IsAncestorOf(node) }, func() { namespaces[0].Pins() },
	} {
		if !panics(question) {
			t.Error("question", i, "was answered")
		}
	}
}

func TestCloseWhileOthersAsk(t *testing.T) {
	for i := 0; i < 50; i++ {
		snapshot := scan(t, &Options{Flags: ScanOwned | ScanNames})
		var group sync.WaitGroup
		for j := 0; j < 4; j++ {
			group.Add(1)
			go func() {
				defer group.Done()
				for !panics(func() {
					for _, node := range snapshot.Nodes() {
						if len(node.PIDs()) != len(node.Names()) {
							t.Error("there is not one name for each process")
						}
						node.Owned()
					}
				}) {
				}
			}()
		}
		runtime.Gosched()
		snapshot.Close()
		group.Wait()
	}
}

func TestEquality(t *testing.T) {
	first, second := scan(t, nil), scan(t, nil)
	if first.Nodes()[0] != first.Roots()[0] || first.Nodes()[0] == second.Nodes()[0] {
		t.Error("a node equals others than itself")
	}
	if first.Nodes()[0].IsAncestorOf(second.Nodes()[0]) {
		t.Error("an ancestor in another snapshot")
	}
}

func residentPages(t *testing.T) (pages int) {
	text, err := os.ReadFile("/proc/self/statm")
	if err == nil {
		_, err = fmt.Sscanf(string(text), "%d %d", new(int), &pages)
	}
	if err != nil {
		t.Fatal(err)
	}
	return pages
}

// What finalizers release, and what Close does.
func TestNothingIsLeft(t *testing.T) {
	var kept []*Snapshot
	rounds := func(n int, act func(*Snapshot)) int {
		before := residentPages(t)
		for i := 0; i < n; i++ {
			act(scan(t, &Options{Flags: ScanOwned | ScanNames}))
			if i%50 == 0 {
				runtime.GC()
			}
		}
		return residentPages(t) - before
	}
	forget, closing := func(*Snapshot) {}, func(s *Snapshot) { s.Close() }
	rounds(500, forget)
	held := rounds(500, func(s *Snapshot) { kept = append(kept, s) })
	for _, s := range kept {
		s.Close()
	}
	for _, act := range []func(*Snapshot){forget, closing} {
		if left := rounds(2000, act); held <= 0 || left > 2*held { // all would take four times as much
			t.Errorf("500 snapshots take %d pages; 2000 that are gone take %d", held, left)
		}
	}
}
