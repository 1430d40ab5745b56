// Dump prints what tests/c/dump.c prints.
package main

import (
	"errors"
	"fmt"
	"math"
	"os"
	"syscall"
	"time"

	"userns"
)

// inode returns the inode number of a result, or -1.
func inode(node userns.Node, ok bool) int64 {
	if !ok {
		return -1
	}
	return int64(node.Inode())
}

func nonuserInode(nonuser userns.Nonuser, ok bool) int64 {
	if !ok {
		return -1
	}
	return int64(nonuser.Inode())
}

func text(text string, ok bool) string {
	if !ok {
		return "-1"
	}
	return text
}

func printNodes(what string, nodes []userns.Node) {
	fmt.Print(what, ":")
	for _, node := range nodes {
		fmt.Print(" ", node.Inode())
	}
	fmt.Println()
}

func printNonusers(what string, nonusers []userns.Nonuser) {
	fmt.Print(what, ":")
	for _, nonuser := range nonusers {
		fmt.Print(" ", nonuser.Inode())
	}
	fmt.Println()
}

func bit(is bool) int {
	if is {
		return 1
	}
	return 0
}

func printPins(pins []userns.Pin) {
	for _, pin := range pins {
		fmt.Printf("  pin: kind %d pid %d tid %d descriptor %d nonuser %d path %s", pin.Kind(), pin.PID(), pin.TID(),
			pin.Descriptor(), nonuserInode(pin.Nonuser()), text(pin.Path(), pin.Path() != ""))
		fmt.Printf(" overmounted %d locked %d\n", bit(pin.IsOvermounted()), bit(pin.MayBeLocked()))
	}
}

func printMap(what string, extents []userns.Extent) {
	fmt.Print(" ", what)
	for _, extent := range extents {
		fmt.Printf(" %d-%d-%d", extent.Inside, extent.Outside, extent.Count)
	}
}

// translated returns an id, -2 if it is not mapped, or -1 if that is not known.
func translated(id uint32, err error) int64 {
	switch {
	case errors.Is(err, syscall.ENOENT):
		return -2
	case err != nil:
		return -1
	}
	return int64(id)
}

func dumpMaps(root, node userns.Node) {
	fmt.Print("  maps:")
	uids, _ := node.UIDMap()
	printMap("uid", uids)
	gids, _ := node.GIDMap()
	printMap("gid", gids)
	projids, _ := node.ProjidMap()
	printMap("projid", projids)
	fmt.Print(" translated")
	for _, id := range []uint32{0, 1000} {
		fmt.Print(" ", translated(root.TranslateUID(id, node)), " ", translated(root.TranslateGID(id, node)), " ",
			translated(node.TranslateProjid(id, root)))
	}
	fmt.Println()
}

func printVerdict(what string, snapshot *userns.Snapshot, pid int, node userns.Node, ok bool) {
	verdict, err := userns.Verdict{}, error(nil)
	if ok {
		verdict, err = snapshot.Capable(pid, 21, node)
	}
	holds := -1
	if err == nil && verdict.Known {
		holds = bit(verdict.Holds)
	}
	fmt.Print(" ", what, " ", holds, " ", uint32(verdict.Why))
}

func printProcess(snapshot *userns.Snapshot, pid int) {
	fmt.Printf("  process: %d name %s cgroup %s", pid, text(snapshot.ProcessName(pid)), text(snapshot.ProcessCgroup(pid)))
	if uid, ok := snapshot.ProcessUID(pid); ok {
		fmt.Print(" uid ", uid)
	} else {
		fmt.Print(" uid -1")
	}
	if bits, ok := snapshot.ProcessCapabilities(pid); ok {
		fmt.Printf(" capabilities %x pids", bits)
	} else {
		fmt.Print(" capabilities -1 pids")
	}
	for _, each := range snapshot.ProcessPIDs(pid) {
		fmt.Print(" ", each)
	}
	root, ok := snapshot.Root()
	printVerdict("in root", snapshot, pid, root, ok)
	self, ok := snapshot.Self()
	printVerdict("in self", snapshot, pid, self, ok)
	fmt.Println()
}

func printLimits(node userns.Node) {
	if limit, ok := node.Limit(); ok {
		fmt.Print("  limit: ", limit)
	} else {
		fmt.Print("  limit: -1")
	}
	for _, charge := range node.Charges() {
		uid := int64(charge.UID)
		if charge.UID == math.MaxUint32 {
			uid = -1
		}
		fmt.Printf(" %d: %d", uid, charge.Count)
	}
	fmt.Println()
}

func dumpNode(snapshot *userns.Snapshot, node userns.Node) {
	below := 0
	for _, other := range snapshot.Nodes() {
		if node.IsAncestorOf(other) {
			below++
		}
	}
	owner := int64(-1)
	if uid, ok := node.OwnerUID(); ok {
		owner = int64(uid)
	}
	last, pids := int64(-1), node.PIDs()
	if len(pids) > 0 {
		last = inode(snapshot.FindPID(pids[len(pids)-1]))
	}
	fmt.Printf("node: inode %d device %d id %d flags %d depth %d below %d owner %d parent %d", node.Inode(), node.Device(),
		node.ID(), node.Flags(), node.Depth(), below, owner, inode(node.Parent()))
	fmt.Printf(" by inode %d by id %d by PID %d\n", inode(snapshot.FindInode(node.Inode())),
		inode(snapshot.FindID(node.ID())), last)
	for _, pid := range pids {
		printProcess(snapshot, pid)
	}
	root, _ := snapshot.Root()
	dumpMaps(root, node)
	printLimits(node)
	printNodes("  children", node.Children())
	printNonusers("  owned", node.Owned())
	printPins(node.Pins())
}

func dumpNonuser(nonuser userns.Nonuser) {
	fmt.Printf("nonuser: type %d name %s inode %d id %d members %d owner %d parent %d\n", nonuser.Type(),
		nonuser.TypeName(), nonuser.Inode(), nonuser.ID(), nonuser.MemberCount(), inode(nonuser.Owner()),
		nonuserInode(nonuser.Parent()))
	printPins(nonuser.Pins())
}

func dumpHost(snapshot *userns.Snapshot, before time.Time) {
	isNow := 0
	if age := snapshot.Time().Sub(before); age >= 0 && age <= time.Minute {
		isNow = 1
	}
	errno := 0
	var reason *userns.Error
	if errors.As(snapshot.SourceError(), &reason) {
		errno = -int(reason.Errno)
	}
	bootID, log := snapshot.BootID(), snapshot.SourceLog()
	fmt.Printf("host: time %d boot %s PID namespace %d source %d error %d log %s empty source %d\n", isNow,
		text(bootID, bootID != ""), snapshot.PIDNamespace(), snapshot.Source(), errno, text(log, log != ""),
		snapshot.EmptySource())
}

func dump(snapshot *userns.Snapshot) {
	fmt.Printf("gaps: %d", snapshot.Gaps())
	for bit := 0; bit < 32; bit++ {
		fmt.Print(" ", snapshot.GapCount(1<<bit))
	}
	fmt.Printf("\nfound: root %d self %d no inode %d no id %d no PID %d no name %s", inode(snapshot.Root()),
		inode(snapshot.Self()), inode(snapshot.FindInode(1)), inode(snapshot.FindID(0)), inode(snapshot.FindPID(-1)),
		text(snapshot.ProcessName(-1)))
	root, ok := snapshot.Root()
	printVerdict("no verdict", snapshot, -1, root, ok)
	fmt.Println()
	printNodes("nodes", snapshot.Nodes())
	printNonusers("nonusers", snapshot.Nonusers())
	for _, node := range snapshot.Nodes() {
		dumpNode(snapshot, node)
	}
	for _, nonuser := range snapshot.Nonusers() {
		dumpNonuser(nonuser)
	}
	printNodes("roots", snapshot.Roots())
}

func scanAndDump(path string, flags userns.ScanFlags) error {
	before := time.Now().Round(0) // without the monotonic clock
	snapshot, err := userns.Scan(&userns.Options{ProcPath: path, Flags: flags})
	if err != nil {
		return err
	}
	defer snapshot.Close()
	dumpHost(snapshot, before)
	dump(snapshot)
	return nil
}

func probeAndDump(options *userns.ProbeOptions) error {
	result, err := userns.Probe(options)
	if err != nil {
		return err
	}
	fmt.Printf("probe: tried %d worked %d failed %d error %d reasons %d\n", result.Tried, result.Worked,
		result.FailedStep, result.Errno, len(result.Reasons))
	for _, reason := range result.Reasons {
		proved := 0
		if reason.IsProved {
			proved = 1
		}
		fmt.Println("  kind", uint32(reason.Kind), "proved", proved, "text", reason.Text)
	}
	return nil
}

func dumpProbes() {
	for _, options := range []*userns.ProbeOptions{
		nil,
		{Flags: userns.ProbeReadOnly},
		{Flags: userns.ProbeOneByOne | userns.ProbeSubids, Steps: userns.StepNet | userns.StepNested},
		{Steps: 1 << 40},
	} {
		var failure *userns.Error
		if err := probeAndDump(options); errors.As(err, &failure) {
			fmt.Println("error", int(failure.Errno), failure)
			os.Exit(1)
		}
	}
}

func main() {
	if os.Args[1] == "probe" {
		dumpProbes()
		return
	}
	fmt.Println("version:", userns.Version(), userns.VersionNumber())
	all := userns.ScanPinned | userns.ScanSockets | userns.ScanOwned | userns.ScanNames | userns.ScanBPF |
		userns.ScanMaps | userns.ScanCredentials | userns.ScanCgroups
	for _, flags := range []userns.ScanFlags{all, 0} {
		var failure *userns.Error
		if err := scanAndDump(os.Args[1], flags); errors.As(err, &failure) {
			failure.Path = ""
			fmt.Println("error", int(failure.Errno), failure)
			os.Exit(1)
		}
	}
}
