package userns_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/iotest"
	"time"

	"userns"
)

func scan(t *testing.T, options *userns.Options) *userns.Snapshot {
	t.Helper()
	snapshot, err := userns.Scan(options)
	if err != nil {
		t.Fatal(err)
	}
	return snapshot
}

func TestErrors(t *testing.T) {
	_, err := userns.Scan(&userns.Options{ProcPath: "/does/not/exist"})
	var failure *userns.Error
	if !errors.Is(err, syscall.ENOENT) || !errors.Is(err, fs.ErrNotExist) || !errors.As(err, &failure) {
		t.Fatalf("%T: %v", err, err)
	}
	if !strings.HasPrefix(err.Error(), "/does/not/exist: the directory does not exist") {
		t.Error(err)
	}
	if _, err := userns.Scan(&userns.Options{ProcPath: "/"}); !errors.Is(err, syscall.ENODEV) {
		t.Error(err)
	}
	if _, err := userns.Scan(&userns.Options{Flags: 1 << 63}); !errors.Is(err, syscall.EINVAL) || !strings.HasPrefix(err.Error(), "/proc: ") {
		t.Error(err)
	}
	if _, err := userns.Scan(&userns.Options{ProcPath: "/proc\x00/none"}); !errors.Is(err, syscall.EINVAL) {
		t.Error("the path was truncated")
	}
}

func TestOpen(t *testing.T) {
	snapshot := scan(t, &userns.Options{Flags: userns.ScanOwned})
	node, ok := snapshot.Self()
	if !ok {
		t.Skip("the kernel does not report the namespace of this process")
	}
	file, err := node.Open()
	if err != nil {
		t.Fatal(err)
	}
	own, err := userns.Describe(nil)
	if err != nil || own.Inode != node.Inode() || !own.IsOwn() || own.IsInitial() != node.IsInitial() {
		t.Errorf("%+v, %v", own, err)
	}
	if info, err := userns.Describe(file); err != nil || info != own {
		t.Errorf("%+v, %v", info, err)
	}
	file.Close()
	if _, err := userns.Describe(file); err == nil {
		t.Error("a closed file is a namespace")
	}
	for _, nonuser := range snapshot.Nonusers() {
		if file, err := nonuser.Open(); err == nil {
			if info, err := userns.Describe(file); err != nil || info.Inode != nonuser.Inode() || info.Type != nonuser.Type() {
				t.Errorf("%+v, %v", info, err)
			}
			file.Close()
		} else if !errors.Is(err, syscall.ESTALE) && !errors.Is(err, syscall.EACCES) {
			t.Error(err)
		}
	}
	null, err := os.Open("/dev/null")
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	if _, err := userns.Describe(null); !errors.Is(err, syscall.ENOTTY) {
		t.Error(err)
	}
}

func TestCompare(t *testing.T) {
	before := scan(t, nil)
	command := exec.Command("sleep", "100")
	if err := command.Start(); err != nil {
		t.Skip(err)
	}
	between := scan(t, nil)
	command.Process.Kill()
	command.Wait()
	after := scan(t, nil)
	node, ok := between.Self()
	if !ok {
		t.Skip("the kernel does not report the namespace of this process")
	}
	has := func(one, two *userns.Snapshot, kind userns.ChangeKind) bool {
		changes, err := userns.Compare(one, two)
		if err != nil {
			t.Fatal(err)
		}
		for _, change := range changes {
			if change == (userns.Change{Kind: kind, Node: node, PID: command.Process.Pid}) {
				return true
			}
		}
		return false
	}
	if !has(before, between, userns.ChangeJoined) || !has(between, after, userns.ChangeLeft) {
		t.Error("the process did not join and leave")
	}
	if changes, err := userns.Compare(after, after); err != nil || len(changes) != 0 {
		t.Error(changes, err)
	}
	before.Close()
	if !panics(func() { userns.Compare(before, after) }) || !panics(func() { userns.Compare(after, before) }) {
		t.Error("a closed snapshot was compared")
	}
	after.Close() // hangs if a failed call has not released it
}

// Two goroutines compare the same snapshots in both orders, and others close these.
func TestCompareWhileClosing(t *testing.T) {
	for i := 0; i < 200; i++ {
		one, two := scan(t, nil), scan(t, nil)
		var group sync.WaitGroup
		run := func(call func()) {
			group.Add(1)
			go func() {
				defer group.Done()
				call()
			}()
		}
		run(func() {
			for !panics(func() { userns.Compare(one, two) }) {
			}
		})
		run(func() {
			for !panics(func() { userns.Compare(two, one) }) {
			}
		})
		run(func() { one.Close() })
		run(func() { two.Close() })
		group.Wait()
	}
}

func TestProbe(t *testing.T) {
	result, err := userns.Probe(&userns.ProbeOptions{Steps: userns.StepMap})
	if err != nil {
		t.Fatal(err)
	}
	if result.FailedStep == 0 {
		if result.Tried != result.Worked || result.Worked != userns.StepCreate|userns.StepMap || result.Errno != 0 || len(result.Reasons) != 0 {
			t.Errorf("%+v", result)
		}
	} else if result.Worked.Has(result.FailedStep) || result.Errno == 0 || len(result.Reasons) == 0 {
		t.Errorf("%+v", result)
	}
	if _, err := userns.Probe(&userns.ProbeOptions{Steps: 1 << 63}); !errors.Is(err, syscall.EINVAL) {
		t.Error(err)
	}
	if _, err := userns.Probe(&userns.ProbeOptions{Flags: 1 << 31}); !errors.Is(err, syscall.EINVAL) {
		t.Error(err)
	}
}

func TestNumbersAreNotTruncated(t *testing.T) {
	snapshot := scan(t, nil)
	pid := int64(os.Getpid()) + 1<<32
	if _, ok := snapshot.FindPID(int(pid)); ok && int64(int(pid)) == pid {
		t.Error("found process", pid)
	}
}

// The garbage collector runs while only a node refers to the snapshot.
func TestNodeKeepsItsSnapshot(t *testing.T) {
	for i := 0; i < 100; i++ {
		node, ok := scan(t, nil).Self()
		if !ok {
			t.Skip("the kernel does not report the namespace of this process")
		}
		runtime.GC()
		runtime.GC()
		if _, ok := node.Parent(); ok != (node.Depth() > 0) || len(node.PIDs()) == 0 {
			t.Fatal("the node lost its snapshot")
		}
	}
}

func panics(call func()) (did bool) {
	defer func() { did = recover() != nil }()
	call()
	return
}

func TestClose(t *testing.T) {
	snapshot := scan(t, &userns.Options{Flags: userns.ScanOwned})
	node, nonusers, copied := snapshot.Nodes()[0], snapshot.Nonusers(), *snapshot
	for i := 0; i < 2; i++ {
		if err := snapshot.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for i, call := range []func(){
		func() { snapshot.Nodes() },
		func() { copied.Root() },
		func() { snapshot.FindPID(1) },
		func() { snapshot.Gaps() },
		func() { node.Inode() },
		func() { node.PIDs() },
		func() { node.Parent() },
		func() { node.IsAncestorOf(node) },
		func() { nonusers[0].Pins() },
		func() { userns.Node{}.Inode() },
		func() { userns.Pin{}.Kind() },
	} {
		if !panics(call) {
			t.Error("call", i, "did not panic")
		}
	}
}

func TestCredentials(t *testing.T) {
	pid := os.Getpid()
	snapshot, without := scan(t, &userns.Options{Flags: userns.ScanCredentials | userns.ScanCgroups}), scan(t, nil)
	if uid, ok := snapshot.ProcessUID(pid); !ok || int(uid) != os.Geteuid() {
		t.Error(uid, ok)
	}
	if pids := snapshot.ProcessPIDs(pid); len(pids) == 0 || pids[0] != pid {
		t.Error(pids)
	}
	node, ok := snapshot.Self()
	if !ok {
		t.Skip("the kernel does not report the namespace of this process")
	}
	bits, _ := snapshot.ProcessCapabilities(pid)
	verdict, err := snapshot.Capable(pid, 21, node)
	if err != nil || verdict != (userns.Verdict{Holds: bits>>21&1 != 0, Known: true, Why: userns.WhyMember}) {
		t.Error(verdict, err)
	}
	if verdict, err := without.Capable(pid, 21, without.Nodes()[0]); err != nil || verdict.Known || verdict.Why != userns.WhyHidden {
		t.Error(verdict, err)
	}
	if _, err := snapshot.Capable(-1, 21, node); !errors.Is(err, syscall.ESRCH) {
		t.Error(err)
	}
	if _, err := without.Capable(pid, 21, node); !errors.Is(err, syscall.EINVAL) {
		t.Error(err)
	}
	if _, ok := without.ProcessUID(pid); ok || len(without.ProcessPIDs(pid)) != 0 {
		t.Error("credentials were read")
	}
	if _, ok := without.ProcessCgroup(pid); ok {
		t.Error("cgroups were read")
	}
}

func TestLimit(t *testing.T) {
	for i := 0; i < 10; i++ {
		file, err := os.Open("/proc/self/ns/user")
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
	}
	countOwn := func(limit uint64) (count int) {
		snapshot := scan(t, &userns.Options{Flags: userns.ScanPinned, Limit: limit})
		defer snapshot.Close()
		for _, node := range snapshot.Nodes() {
			for _, pin := range node.Pins() {
				if pin.Kind() == userns.PinDescriptor && pin.PID() == os.Getpid() {
					count++
				}
			}
		}
		return
	}
	if count := countOwn(0); count != 10 {
		t.Error(count, "pins without a limit")
	}
	if count := countOwn(1); count >= 5 {
		t.Error(count, "pins with a limit")
	}
}

func TestCloseInAnotherGoroutine(t *testing.T) {
	for i := 0; i < 50; i++ {
		snapshot := scan(t, &userns.Options{Flags: userns.ScanOwned | userns.ScanNames})
		var group sync.WaitGroup
		for j := 0; j < 4; j++ {
			group.Add(1)
			go func() {
				defer group.Done()
				for !panics(func() {
					for _, node := range snapshot.Nodes() {
						for _, pid := range node.PIDs() {
							if _, ok := snapshot.ProcessName(pid); !ok {
								t.Error("no name of process", pid)
							}
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
		t.Error("a node equals another one")
	}
	if first.Nodes()[0].IsAncestorOf(second.Nodes()[0]) {
		t.Error("an ancestor in another snapshot")
	}
}

func TestSnapshot(t *testing.T) {
	before := time.Now().Round(0)
	snapshot := scan(t, nil)
	if age := snapshot.Time().Sub(before); age < 0 || age > time.Minute {
		t.Error("the time of the scan is off by", age)
	}
	bootID, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err == nil && snapshot.BootID() != strings.TrimSpace(string(bootID)) {
		t.Error("another boot id:", snapshot.BootID())
	}
	for bit := 0; bit < 32; bit++ {
		gap := userns.Gaps(1 << bit)
		if snapshot.Gaps().Has(gap) != (snapshot.GapCount(gap) > 0) {
			t.Error("the count of a gap contradicts its bit:", gap)
		}
	}
	if _, ok := snapshot.ProcessName(os.Getpid()); ok {
		t.Error("a name without ScanNames")
	}
	for _, node := range snapshot.Nodes() {
		is := map[userns.NodeFlags]bool{
			userns.NodeInitial:      node.IsInitial(),
			userns.NodeParentHidden: node.IsParentHidden(),
			userns.NodeEmpty:        node.IsEmpty(),
			userns.NodeOnlyPinned:   node.IsOnlyPinned(),
		}
		for flag, set := range is {
			if set != (node.Flags()&flag != 0) {
				t.Error(node, node.Flags(), "contradict", flag)
			}
		}
	}
}

func TestStrings(t *testing.T) {
	for _, test := range []struct {
		value fmt.Stringer
		text  string
	}{
		{userns.Gaps(0), "0x0"},
		{userns.GapHidepid | 1<<31, "hidepid|0x80000000"},
		{userns.NodeEmpty | userns.NodeOnlyPinned, "empty|only pinned"},
		{userns.SourceProcfs, "procfs"},
		{userns.Source(99), "source 99"},
		{userns.EmptySourcePins, "pins"},
		{userns.EmptySource(99), "empty source 99"},
		{userns.PinForChildren, "for children"},
		{userns.PinKind(99), "pin kind 99"},
		{userns.ChangeEmptied, "emptied"},
		{userns.ChangeKind(99), "change kind 99"},
		{userns.StepCreate | userns.StepPID, "create|pid"},
		{userns.ReasonProcMasked, "proc masked"},
		{userns.ReasonKind(99), "reason kind 99"},
	} {
		if test.value.String() != test.text {
			t.Errorf("%q, not %q", test.value, test.text)
		}
	}
}

type failingWriter struct{ err error }

func (w failingWriter) Write([]byte) (int, error) { return 0, w.err }

func TestSave(t *testing.T) {
	snapshot := scan(t, &userns.Options{Flags: userns.ScanOwned | userns.ScanNames})
	var saved, again bytes.Buffer
	if err := snapshot.Save(&saved); err != nil {
		t.Fatal(err)
	}
	loaded, err := userns.Load(bytes.NewReader(saved.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	if err := loaded.Save(&again); err != nil || !bytes.Equal(saved.Bytes(), again.Bytes()) {
		t.Errorf("%v: %s\n%s", err, saved.String(), again.String())
	}
	if len(loaded.Nodes()) != len(snapshot.Nodes()) || !loaded.Time().Equal(snapshot.Time()) {
		t.Errorf("%v, not %v", loaded.Time(), snapshot.Time())
	}
	failure := errors.New("full")
	if err := snapshot.Save(failingWriter{failure}); err != failure {
		t.Error(err)
	}
	for _, bad := range []string{"", "{}", saved.String()[:saved.Len()/2], strings.Repeat("[", 1<<20)} {
		if _, err := userns.Load(strings.NewReader(bad)); !errors.Is(err, syscall.EBADMSG) {
			t.Errorf("%.9q: %v", bad, err)
		}
	}
	if _, err := userns.Load(iotest.ErrReader(failure)); err != failure {
		t.Error(err)
	}
}

// pages returns how many pages this process has mapped, and how many are in memory.
func pages(t *testing.T) (virtual, resident int) {
	text, err := os.ReadFile("/proc/self/statm")
	if err == nil {
		_, err = fmt.Sscanf(string(text), "%d %d", &virtual, &resident)
	}
	if err != nil {
		t.Fatal(err)
	}
	return virtual, resident
}

func TestSaveClosed(t *testing.T) {
	snapshot := scan(t, nil)
	snapshot.Close()
	goroutines := runtime.NumGoroutine()
	func() {
		defer func() {
			if recover() == nil {
				t.Error("Save of a closed snapshot did not panic")
			}
		}()
		snapshot.Save(io.Discard)
	}()
	if now := runtime.NumGoroutine(); now > goroutines {
		t.Errorf("%d goroutines, not %d", now, goroutines)
	}
}

// blanks has so many blanks, and then nothing until it is closed.
type blanks struct {
	left int
	end  chan struct{}
}

func (r *blanks) Read(to []byte) (int, error) {
	if r.left == 0 {
		<-r.end
		return 0, io.EOF
	}
	if len(to) > r.left {
		to = to[:r.left]
	}
	for i := range to {
		to[i] = ' '
	}
	r.left -= len(to)
	return len(to), nil
}

// The library has no memory when it has read 128 MiB. The reader has no more then, and no end.
func TestLoadDoesNotWait(t *testing.T) {
	virtual, _ := pages(t)
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_AS, &before); err != nil {
		t.Fatal(err)
	}
	limit := syscall.Rlimit{Cur: uint64(virtual)*uint64(os.Getpagesize()) + 200<<20, Max: before.Max}
	if err := syscall.Setrlimit(syscall.RLIMIT_AS, &limit); err != nil {
		t.Fatal(err)
	}
	defer syscall.Setrlimit(syscall.RLIMIT_AS, &before)
	r := &blanks{128 << 20, make(chan struct{})}
	defer close(r.end)
	loaded := make(chan error, 1)
	go func() {
		_, err := userns.Load(r)
		loaded <- err
	}()
	select {
	case err := <-loaded:
		if !errors.Is(err, syscall.ENOMEM) {
			t.Error(err)
		}
	case <-time.After(time.Minute):
		t.Error("Load waits for its reader")
	}
}

func residentPages(t *testing.T) int {
	_, resident := pages(t)
	return resident
}

// Both the finalizer and Close release memory.
func TestNoLeak(t *testing.T) {
	one := func() *userns.Snapshot {
		return scan(t, &userns.Options{Flags: userns.ScanOwned | userns.ScanNames})
	}
	rounds := func(n int, act func(*userns.Snapshot)) int {
		before := residentPages(t)
		for i := 0; i < n; i++ {
			act(one())
			if i%50 == 0 {
				runtime.GC()
			}
		}
		return residentPages(t) - before
	}
	forget, closing := func(*userns.Snapshot) {}, func(s *userns.Snapshot) { s.Close() }
	rounds(500, forget)
	// Memory that is free in the heap is used first. So the number of snapshots is no constant.
	const held = 512
	var kept []*userns.Snapshot
	for before := residentPages(t); residentPages(t)-before < held; {
		kept = append(kept, one())
	}
	for _, s := range kept {
		s.Close()
	}
	count := len(kept)
	for _, act := range []func(*userns.Snapshot){forget, closing} {
		if left := rounds(4*count, act); left > 2*held { // half of what as many snapshots take
			t.Errorf("%d snapshots take %d pages; %d released ones left %d", count, held, 4*count, left)
		}
	}
}
