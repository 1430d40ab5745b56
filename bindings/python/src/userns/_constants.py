"""The constants of userns.h, which describes each."""

from __future__ import annotations

from enum import IntEnum, IntFlag

__all__ = [
    "ChangeKind",
    "EmptySource",
    "Gap",
    "InfoFlag",
    "NodeFlag",
    "PinKind",
    "ProbeFlag",
    "ReasonKind",
    "ScanFlag",
    "Source",
    "Step",
    "Why",
]


class ScanFlag(IntFlag):
    """USERNS_SCAN_: the keywords of scan()."""

    PINNED = 0x1
    SOCKETS = 0x2
    OWNED = 0x4
    NAMES = 0x8
    BPF = 0x10
    MAPS = 0x20
    CREDENTIALS = 0x40
    CGROUPS = 0x80


class Gap(IntFlag):
    """USERNS_GAP_: why a snapshot can be incomplete. A newer library can return more bits."""

    UNREADABLE = 0x1
    HIDEPID = 0x2
    PIDNS = 0x4
    NESTED = 0x8
    LINKS = 0x10
    DESCRIPTORS = 0x20
    SOCKETS = 0x40
    MOUNTS = 0x80
    MOUNT_NAMESPACES = 0x100
    CHROOTED = 0x200
    UNOPENED_MOUNTS = 0x400
    RELATIONS = 0x800
    NAMES = 0x1000
    PINS = 0x2000
    MAPS = 0x4000
    CREDENTIALS = 0x8000
    CGROUPS = 0x10000


class NodeFlag(IntFlag):
    """USERNS_NODE_: properties of a node. A newer library can return more bits."""

    INITIAL = 0x1
    PARENT_HIDDEN = 0x2
    EMPTY = 0x4
    ONLY_PINNED = 0x8
    MAPS = 0x10
    SETGROUPS_DENIED = 0x20


class InfoFlag(IntFlag):
    """USERNS_INFO_: bits of Info.flags besides those of NodeFlag. A newer library can return more."""

    OWN = 0x10000
    OWNER_UID = 0x20000


class ProbeFlag(IntFlag):
    """USERNS_PROBE_: the keywords of probe()."""

    READ_ONLY = 0x1
    ONE_BY_ONE = 0x2
    SUBIDS = 0x4


class Step(IntFlag):
    """USERNS_STEP_: the steps of a probe."""

    CREATE = 0x1
    MAP = 0x2
    CAPABLE = 0x4
    NET = 0x8
    PID = 0x10
    NESTED = 0x20


class _OpenEnum(IntEnum):
    """An enum of which a newer library can return further values."""

    @classmethod
    def _missing_(cls, value: object) -> IntEnum | None:
        if not isinstance(value, int):
            return None
        member = int.__new__(cls, value)
        member._name_ = f"UNKNOWN_{value}"
        member._value_ = value
        return member


class Source(_OpenEnum):
    """enum userns_source: where a scan read the processes."""

    PROCFS = 1
    BPF_PROCESSES = 2
    BPF_TASKS = 3


class EmptySource(_OpenEnum):
    """enum userns_empty_source: how far a scan looked for namespaces without processes."""

    ANCESTORS = 1
    PINS = 2
    MOUNT_NAMESPACES = 3
    LISTNS = 4


class PinKind(_OpenEnum):
    """enum userns_pin_kind: what keeps a namespace alive."""

    MEMBER = 1
    FOR_CHILDREN = 2
    DESCRIPTOR = 3
    MOUNT = 4
    SOCKET = 5
    OWNED = 6
    CHILD_NAMESPACE = 7
    IO_URING = 8
    CREDENTIALS = 9
    PEER = 10
    FILE_SYSTEM = 11
    PIDFD = 12
    OUT_OF_SIGHT = 13


class Why(_OpenEnum):
    """enum userns_why: what decides whether a process has a capability."""

    MEMBER = 1
    ANCESTOR = 2
    OWNER = 3
    OUTSIDE = 4
    HIDDEN = 5


class ChangeKind(_OpenEnum):
    """enum userns_change_kind: what differs between two snapshots."""

    APPEARED = 1
    ENDED = 2
    EMPTIED = 3
    MAPPED = 4
    JOINED = 5
    LEFT = 6


class ReasonKind(_OpenEnum):
    """enum userns_reason_kind: why a step of a probe fails."""

    NOT_BUILT = 1
    CHROOT = 2
    LIMIT = 3
    DEPTH = 4
    UNMAPPED = 5
    SYSCTL = 6
    APPARMOR = 7
    SELINUX = 8
    SECCOMP = 9
    HELPER = 10
    PROC_MASKED = 11
    PROCESSES = 12
    TIMEOUT = 13
    LSM = 14
    UNKNOWN = 15
