// Package userns returns the tree of user namespaces of a Linux host, through libuserns. See user_namespaces(7).
//
//	snapshot, err := userns.Scan(nil)
//	if err != nil {
//		log.Fatal(err)
//	}
//	defer snapshot.Close()
//	for _, node := range snapshot.Nodes() {
//		fmt.Println(node.Depth(), node.Inode(), node.PIDs())
//	}
//
// Each method calls the function of userns.h with its name, and the comments there are the contract.
//
// A Snapshot owns memory of the library. A Node, Nonuser or Pin refers to it, and is comparable: equal values are the
// same object of the same snapshot. The memory is released by Close, or when nothing refers to it any more. After
// Close, each method panics; it never uses freed memory. Slices belong to the caller.
//
// Any number of goroutines can scan, and can use the same Snapshot and its objects.
package userns // SPDX-License-Identifier: MIT OR Apache-2.0
