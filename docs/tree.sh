#!/usr/bin/env bash
# tree.sh [--graph] [DIRECTORY]: draws docs/tree.svg on standard output: a scene of real user namespaces, as userns_inspect
# and userns_tree show it. With --graph, draws docs/graph.svg: the same scene as userns_inspect --dot shows it.
#
#     make -C examples-c && docs/tree.sh >docs/tree.svg && docs/tree.sh --graph >docs/graph.svg
#
# DIRECTORY contains both programs; the default is examples-c. Needs root, util-linux and awk, or Graphviz. The scene is in a PID and
# a mount namespace of its own and ends with this script. It has a cgroup namespace, so that it does not show the cgroup in
# which it happens to run.
set -euo pipefail

# The scene, in the process 1 of a PID namespace. Ends when standard input ends.
scene() {
    # Programs that do nothing, with names to show.
    mount -t tmpfs -o mode=755 tmpfs /run
    for name in web worker sandbox database build; do
        ln -s "$(command -v sleep)" /run/$name
    done
    printf init >/proc/$$/comm

    # A container of the user with UID 2000, with two processes and a nested sandbox.
    start 10 web setpriv --reuid=2000 --regid=2000 --clear-groups unshare --user --map-root-user --net --uts
    start 11 worker nsenter --target 10 --user --net --uts
    start 12 sandbox nsenter --target 10 --user --net --uts unshare --user --map-current-user --ipc

    # A container of root.
    start 20 database unshare --user --map-root-user --net

    # A user namespace whose only process has ended: a descriptor and a mount keep it alive.
    start 30 build unshare --user --map-root-user
    touch /run/saved
    mount --bind /proc/30/ns/user /run/saved
    exec 9</proc/30/ns/user
    kill 30
    wait 30 || true

    # The programs get the PIDs from 40 on.
    echo 39 >/proc/sys/kernel/ns_last_pid
    echo ready
    read -r || exit 0
}

# start PID NAME COMMAND...: runs the command with this PID and waits until it has become the program NAME.
start() {
    local pid=$1 name=$2 comm=
    shift 2
    echo $((pid - 1)) >/proc/sys/kernel/ns_last_pid
    "$@" "/run/$name" infinity </dev/null >/dev/null &
    until [ "$comm" = "$name" ]; do
        kill -0 "$pid"
        read -r comm <"/proc/$pid/comm"
    done
}

# Runs a program in the scene, on a terminal, where it uses colours. Its standard error is that of this script.
show() {
    local enter="nsenter --target $init --pid --mount --cgroup"
    printf '\033[1m$ %s\033[0m\n' "$*"
    LC_ALL=C.UTF-8 COLUMNS=99 TERM=xterm script -qec "$enter '$programs/$1' ${2-} 2>&9" /dev/null </dev/null | tr -d '\r'
}

draw() {
    awk '
        function tspan(code) {
            if (code == 0) { closing = ""; for (; open > 0; open--) closing = closing "</tspan>"; return closing }
            open++
            return "<tspan class=\"" (code == 1 ? "bold" : code == 2 ? "dim" : "yellow") "\">"
        }
        {
            gsub(/&/, "\\&amp;"); gsub(/</, "\\&lt;"); gsub(/>/, "\\&gt;")
            text = ""
            while (match($0, /\033\[[0-9]+m/)) {
                text = text substr($0, 1, RSTART - 1) tspan(substr($0, RSTART + 2, RLENGTH - 3))
                $0 = substr($0, RSTART + RLENGTH)
            }
            lines[NR] = text $0 tspan(0)
            gsub(/<tspan[^>]*><\/tspan>/, "", lines[NR])
        }
        END {
            height = 18 * NR + 24
            print "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"812\" height=\"" height "\" viewBox=\"0 0 812 " height "\">"
            print "<!-- drawn by docs/tree.sh -->"
            print "<style>text { font: 13px ui-monospace, Menlo, Consolas, \"DejaVu Sans Mono\", monospace; fill: #24292f; white-space: pre }"
            print ".bold { font-weight: bold } .dim { fill: #8c959f } .yellow { fill: #9a6700 }</style>"
            print "<rect x=\"0.5\" y=\"0.5\" width=\"811\" height=\"" height - 1 "\" rx=\"8\" fill=\"#ffffff\" stroke=\"#d0d7de\"/>"
            for (n = 1; n <= NR; n++)
                print "<text x=\"14\" y=\"" 18 * n + 9 "\" xml:space=\"preserve\">" lines[n] "</text>"
            print "</svg>"
        }'
}

if [ "${1-}" = --scene ]; then
    scene
    exit
fi
exec 9>&2
graph=
if [ "${1-}" = --graph ]; then
    graph=1
    shift
fi
programs=$(realpath "${1:-$(dirname "$0")/../examples-c}")
coproc SCENE { exec unshare --pid --fork --kill-child --mount --cgroup --mount-proc "$BASH" "$0" --scene; }
read -r -u "${SCENE[0]}" ready
init=$(cat "/proc/$SCENE_PID/task/$SCENE_PID/children")
init=${init% }
if [ -n "$graph" ]; then
    LC_ALL=C.UTF-8 nsenter --target "$init" --pid --mount --cgroup "$programs/userns_inspect" --dot --pinned 2>&9 | dot -Tsvg
else
    { show userns_inspect --pinned; echo; show userns_tree; } | draw
fi
kill "$SCENE_PID"
