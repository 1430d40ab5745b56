#!/usr/bin/env python3
"""What userns_tree shows, in Python: userns_tree.py [DIRECTORY OF A PROCFS]"""

import sys
from typing import Iterator

import userns


def lines(snapshot: userns.Snapshot) -> Iterator[str]:
    for node in snapshot:
        indent = 4 * node.depth * " "
        yield f"{indent}{{{node.device} {node.inode}}}"
        label, line = 12 * " " + "PIDs: ", ""
        for pid in node.pids:
            if len(indent) + 25 + len(line) >= 80 and len(line) > 32:
                yield indent + label + line
                label, line = len(label) * " ", ""
            line += f"{pid} "
        yield indent + label + line if line else ""


try:
    with userns.scan(*sys.argv[1:2]) as snapshot:
        sys.stdout.writelines(line + "\n" for line in lines(snapshot))
    sys.stdout.flush()
except OSError as error:
    sys.exit(f"userns_tree.py: {error.filename or 'standard output'}: {error.strerror}")
