// Facts prints what tests/c/facts.c prints.
package main

import (
	"errors"
	"fmt"
	"os"

	"userns"
)

// Inode is the inode number that a method answered, or -1.
func inode(node userns.Node, ok bool) int64 {
	if !ok {
		return -1
	}
	return int64(node.Inode)
}

func printNodes(what string, nodes []userns.Node) {
	fmt.Print(what, ":")
	for _, node := range nodes {
		fmt.Print(" ", node.Inode)
	}
	fmt.Println()
}

func printNamespaces(what string, namespaces []userns.Namespace) {
	fmt.Print(what, ":")
	for _, namespace := range namespaces {
		fmt.Print(" ", namespace.Inode)
	}
	fmt.Println()
}

func printPins(pins []userns.Pin) {
	for _, pin := range pins {
		target, path := int64(-1), pin.Path
		if namespace, ok := pin.Namespace(); ok {
			target = int64(namespace.Inode)
		}
		if path == "" {
			path = "-1"
		}
		fmt.Printf("  pin: kind %d pid %d tid %d descriptor %d namespace %d path %s\n",
			pin.Kind, pin.PID, pin.TID, pin.Descriptor, target, path)
	}
}

func describeNode(snapshot *userns.Snapshot, node userns.Node) {
	below, last := 0, int64(-1)
	for _, other := range snapshot.Nodes() {
		if node.IsAncestorOf(other) {
			below++
		}
	}
	pids := node.PIDs()
	if len(pids) > 0 {
		last = inode(snapshot.FindPID(pids[len(pids)-1]))
	}
	fmt.Printf("node: inode %d device %d id %d flags %d depth %d below %d owner %d parent %d found %d by id %d by PID %d\n",
		node.Inode, node.Device, node.ID, node.Flags, node.Depth, below, node.Owner, inode(node.Parent()),
		inode(snapshot.Find(node.Inode)), inode(snapshot.FindID(node.ID)), last)
	fmt.Print("  PIDs:")
	for _, pid := range pids {
		fmt.Print(" ", pid)
	}
	fmt.Print("\n  names:")
	for _, name := range node.Names() {
		fmt.Print(" ", name)
	}
	fmt.Println()
	printNodes("  children", node.Children())
	printNamespaces("  owned", node.Owned())
	printPins(node.Pins())
}

func describe(snapshot *userns.Snapshot) {
	var why *userns.Error
	errno := 0
	if errors.As(snapshot.SourceError, &why) {
		errno = -int(why.Errno)
	}
	fmt.Printf("gaps %d unreadable %d %d %d %d source %d error %d\n", snapshot.Gaps, snapshot.Unreadable,
		snapshot.UnreadableDescriptors, snapshot.UnreadableMounts, snapshot.UnopenedMounts, snapshot.Source, errno)
	fmt.Printf(" root %d self %d no inode %d no id %d no PID %d\n", inode(snapshot.Root()), inode(snapshot.Self()),
		inode(snapshot.Find(1)), inode(snapshot.FindID(0)), inode(snapshot.FindPID(-1)))
	printNodes("nodes", snapshot.Nodes())
	printNamespaces("namespaces", snapshot.Namespaces())
	for _, node := range snapshot.Nodes() {
		describeNode(snapshot, node)
	}
	for _, other := range snapshot.Namespaces() {
		fmt.Printf("namespace: type %d name %s inode %d id %d members %d owner %d\n", other.Type, other.Name,
			other.Inode, other.ID, other.Members, inode(other.Owner()))
		printPins(other.Pins())
	}
	printNodes("roots", snapshot.Roots())
}

func main() {
	fmt.Println("version", userns.Version(), userns.VersionNumber())
	all := userns.ScanPinned | userns.ScanSockets | userns.ScanOwned | userns.ScanNames | userns.ScanBPF
	for _, flags := range []uint64{all, 0} {
		snapshot, err := userns.Scan(&userns.Options{ProcPath: os.Args[1], Flags: flags})
		var failure *userns.Error
		if errors.As(err, &failure) {
			failure.Path = ""
			fmt.Println("error", int(failure.Errno), failure)
			os.Exit(1)
		}
		describe(snapshot)
		snapshot.Close()
	}
}
