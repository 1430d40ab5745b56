package userns_test

import (
	"fmt"
	"os"

	"userns"
)

func Example() {
	snapshot, err := userns.Scan(&userns.Options{Flags: userns.ScanNames})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer snapshot.Close()
	node, ok := snapshot.FindPID(os.Getpid())
	self, _ := snapshot.Self()
	name, _ := snapshot.ProcessName(os.Getpid())
	fmt.Println(ok, node == self, name != "")
	// Output: true true true
}

func ExampleGaps_String() {
	fmt.Println(userns.GapHidepid | userns.GapNested)
	// Output: hidepid|nested
}
