"""The tree of user namespaces of a Linux host, through libuserns. See user_namespaces(7).

    import userns

    for node in userns.scan():
        print(node.depth * "    ", node.inode, node.pids)

Each attribute calls the function of userns.h with its name, and the comments there are the
contract. What is NULL or unknown there is None here. Objects of a snapshot keep its memory. Any
number of threads can scan, and can read the same snapshot.
"""
# SPDX-License-Identifier: MIT OR Apache-2.0

from ._constants import EmptySource, Gap, InfoFlag, NodeFlag, PinKind, Source
from ._snapshot import Info, Node, Nonuser, Pin, Snapshot, describe, scan, version, version_number

__all__ = [
    "EmptySource",
    "Gap",
    "Info",
    "InfoFlag",
    "Node",
    "NodeFlag",
    "Nonuser",
    "Pin",
    "PinKind",
    "Snapshot",
    "Source",
    "describe",
    "scan",
    "version",
    "version_number",
]
