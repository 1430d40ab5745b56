"""The tree of user namespaces of a Linux host, through libuserns. See user_namespaces(7).

    import userns

    for node in userns.scan():
        print(node.depth * "    ", node.inode, node.pids)

Each attribute calls the function of userns.h with its name, and the comments there are the
contract. What is NULL or unknown there is None here. Objects of a snapshot keep its memory. Any
number of threads can scan, and can read the same snapshot.
"""
# SPDX-License-Identifier: MIT OR Apache-2.0

from ._constants import (
    ChangeKind,
    EmptySource,
    Gap,
    InfoFlag,
    NodeFlag,
    PinKind,
    ReasonKind,
    Source,
    Step,
    Why,
)
from ._probe import Probe, Reason, probe
from ._snapshot import (
    Change,
    Charge,
    Extent,
    Info,
    Node,
    Nonuser,
    Pin,
    Snapshot,
    Verdict,
    compare,
    describe,
    load,
    scan,
    version,
    version_number,
)

__all__ = [
    "Change",
    "ChangeKind",
    "Charge",
    "EmptySource",
    "Extent",
    "Gap",
    "Info",
    "InfoFlag",
    "Node",
    "NodeFlag",
    "Nonuser",
    "Pin",
    "PinKind",
    "Probe",
    "Reason",
    "ReasonKind",
    "Snapshot",
    "Source",
    "Step",
    "Verdict",
    "Why",
    "compare",
    "describe",
    "load",
    "probe",
    "scan",
    "version",
    "version_number",
]
