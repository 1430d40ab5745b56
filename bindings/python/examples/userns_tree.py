#!/usr/bin/env python3
"""Print what userns_tree prints: userns_tree.py [DIRECTORY OF A PROCFS]"""

import sys
from typing import Iterator

import userns

WIDTH = 80
LABEL = "            PIDs: "


def lines(snapshot: userns.Snapshot) -> Iterator[str]:
    for node in snapshot:
        indent = 4 * node.depth * " "
        yield f"{indent}{{{node.device} {node.inode}}}"
        label, line = LABEL, ""
        for pid in node.pids:
            if len(indent) + 25 + len(line) >= WIDTH and len(line) > 32:
                yield indent + label + line
                label, line = len(LABEL) * " ", ""
            line += f"{pid} "
        yield indent + label + line if line else ""


def main() -> None:
    try:
        with userns.scan(*sys.argv[1:2]) as snapshot:
            sys.stdout.writelines(line + "\n" for line in lines(snapshot))
        sys.stdout.flush()
    except OSError as error:
        sys.exit(f"userns_tree.py: {error.filename or 'standard output'}: {error.strerror}")


if __name__ == "__main__":
    main()
