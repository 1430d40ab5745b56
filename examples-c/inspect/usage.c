/* The help. */
#include "inspect.h"
#include <stdio.h>

static const char usage[] =
    "Usage: userns_inspect [OPTION]... [NAMESPACE]\n"
    "Shows the user namespaces: owner, maps, processes, owned namespaces, pins.\n"
    "\n"
    "NAMESPACE selects one namespace; a user namespace is shown with its descendants:\n"
    "  PID            that of a process; 'self' is userns_inspect itself\n"
    "  INODE          that with this inode number (above 4194304, the largest PID)\n"
    "  TYPE:[INODE]   the same, as readlink(1) and lsns(8) print it\n"
    "  PATH           a file: /proc/PID/ns/TYPE or a bind mount; or /proc/PID\n"
    "      --pid PID, --inode INODE   the same, for any number\n"
    "\n"
    "      --pinned        also find namespaces without processes, and show which\n"
    "                      descriptors and mounts keep each namespace alive\n"
    "      --sockets       like --pinned, and show sockets\n"
    "      --bpf           find processes by BPF, which is faster if there are many\n"
    "      --proc DIR      read the procfs that is mounted at DIR (default: /proc)\n"
    "\n"
    "      --empty         like --pinned, and show only namespaces without processes\n"
    "      --user USER     show only namespaces whose owner is USER, a name or UID\n"
    "      --sort ORDER    order siblings by pid (the smallest of each; the default),\n"
    "                      inode, processes (most first) or owner\n"
    "      --no-pids       count the processes of each name instead of listing PIDs\n"
    "      --all           show long lists in full\n"
    "\n"
    "For programs and scripts:\n"
    "  -l, --list          one line for each namespace\n"
    "  -o, --output COLUMNS  the columns of the list, see below; '+COLUMNS' adds to\n"
    "                      the default\n"
    "  -n, --noheadings    a list without headings\n"
    "  -r, --raw           a list without alignment: one blank between columns,\n"
    "                      blanks in names as \\x20\n"
    "      --dot           a graph for dot(1) of Graphviz\n"
    "      --openmetrics   numbers for Prometheus, of a scan like --pinned\n"
    "      --json          everything, for other programs and for --load\n"
    "                      (with --pinned or --sockets also pins)\n"
    "      --watch SECONDS what changes, one line for each change; with --json one\n"
    "                      JSON object; with --no-pids without processes\n"
    "      --load FILE     show what --json has saved, here or elsewhere, instead of\n"
    "                      this host; '-' is standard input\n"
    "\n"
    "Questions:\n"
    "      --map ID --from NAMESPACE --to NAMESPACE\n"
    "                      what a UID is elsewhere; 'self' stands for a missing one\n"
    "      --gid, --projid ID is a GID or a project id\n"
    "      --can PID CAP   whether a process has a capability in NAMESPACE, and why\n"
    "                      (default: its own); CAP is a name or number\n"
    "      --limits        how many user namespaces are charged to whom\n"
    "\n"
    "For --map and --can, the exit status is 3 for no and 4 for not known.\n"
    "\n"
    "  -h, --help          show this help\n"
    "  -V, --version       show the version\n";

void print_help(void)
{
    fputs(usage, stdout);
    puts("\nThe columns of the list:");
    print_columns();
}
