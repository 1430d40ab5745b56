// Userns_tree prints what the C program of that name prints: userns_tree [DIRECTORY OF A PROCFS]
package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"

	"userns"
)

func show(path string) error {
	snapshot, err := userns.Scan(&userns.Options{ProcPath: path})
	if err != nil {
		return err
	}
	defer snapshot.Close()
	out := bufio.NewWriter(os.Stdout)
	for _, node := range snapshot.Nodes() {
		indent := strings.Repeat("    ", node.Depth())
		fmt.Fprintf(out, "%s{%d %d}\n", indent, node.Device(), node.Inode())
		label, line := "            PIDs: ", ""
		for _, pid := range node.PIDs() {
			if len(indent)+25+len(line) >= 80 && len(line) > 32 {
				fmt.Fprintf(out, "%s%s%s\n", indent, label, line)
				label, line = strings.Repeat(" ", len(label)), ""
			}
			line += fmt.Sprintf("%d ", pid)
		}
		if line != "" {
			fmt.Fprint(out, indent, label, line)
		}
		fmt.Fprintln(out)
	}
	return out.Flush()
}

func main() {
	path := "/proc"
	if len(os.Args) > 1 {
		path = os.Args[1]
	}
	if err := show(path); err != nil {
		fmt.Fprintln(os.Stderr, "userns_tree:", err)
		os.Exit(1)
	}
}
