"""Snapshots and the objects in them."""

from __future__ import annotations

import ctypes
import errno
import io
import json
import os
import tempfile
from ctypes import byref, c_size_t, c_uint32, c_uint64, c_void_p
from datetime import datetime, timedelta, timezone
from enum import IntFlag
from typing import Any, Callable, Dict, IO, Iterator, List, NamedTuple, NoReturn, Optional, Type, TypeVar, Union, cast

from . import _library
from ._constants import ChangeKind, EmptySource, Gap, InfoFlag, NodeFlag, PinKind, ScanFlag, Source, Why
from ._library import Options, library

__all__ = [
    "Change",
    "Charge",
    "Extent",
    "Info",
    "Node",
    "Nonuser",
    "Pin",
    "Snapshot",
    "Verdict",
    "compare",
    "describe",
    "load",
    "scan",
    "version",
    "version_number",
]

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


class Charge(NamedTuple):
    """How many user namespaces the kernel charges to a user."""

    uid: Optional[int]
    """The user; None for all users whose UID is unknown together."""
    count: int  # type: ignore[assignment]  # hides a method of tuples


class Verdict(NamedTuple):
    """Whether a process has a capability in a user namespace."""

    holds: Optional[bool]
    """None if it cannot be known."""
    why: Why


class _Memory:
    """Owns a snapshot of the C library; releases it with the last object that refers to it.

    A function of the library accepts this object as the snapshot, and keeps it while it runs.
    """

    __slots__ = ("_as_parameter_", "__weakref__")

    def __init__(self, address: int) -> None:
        self._as_parameter_ = c_void_p(address)

    # The default argument still exists when the interpreter shuts down.
    def __del__(self, free: Callable[[c_void_p], None] = library.userns_free) -> None:
        free(self._as_parameter_)


class _Handle:
    """An object of a snapshot. Two are equal if they are the same object of the same snapshot.

    A function of the library accepts this object as the C pointer that it stands for.
    """

    __slots__ = ("_memory", "_address")

    def __init__(self, memory: _Memory, address: int) -> None:
        self._memory = memory
        self._address = address

    @property
    def _as_parameter_(self) -> c_void_p:
        return c_void_p(self._address)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, _Handle) or type(other) is not type(self):
            return NotImplemented
        return self._address == other._address and self._memory is other._memory

    def __hash__(self) -> int:
        return hash(self._address)

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise TypeError(f"cannot pickle or deepcopy a {type(self).__name__}: it refers to its snapshot")

    def __copy__(self: _H) -> _H:
        return self


_H = TypeVar("_H", bound=_Handle)


def _one(kind: Type[_H], memory: _Memory, address: Optional[int]) -> Optional[_H]:
    """Wraps a pointer of the library."""
    return None if address is None else kind(memory, address)


def _array(function: Any, *arguments: Any) -> List[Any]:
    """Calls a function that returns an array, and copies the elements."""
    count = c_size_t()
    first = function(*arguments, byref(count))
    return first[: count.value] if first else []


def _all(kind: Type[_H], memory: _Memory, function: Any, owner: Union[_Memory, _Handle]) -> List[_H]:
    """Calls a function that returns an array of pointers, and wraps them."""
    return [kind(memory, address) for address in _array(function, owner)]


def _text(text: Optional[bytes]) -> Optional[str]:
    return None if text is None else os.fsdecode(text)


def _fits(number: int, bits: int) -> bool:
    """Whether an unsigned C integer can hold a number; ctypes would truncate it."""
    return 0 <= number < 1 << bits


def _error(error: int, *path: Any) -> OSError:
    return OSError(-error, os.fsdecode(library.userns_strerror(error)), *path)


def _opened(fd: int) -> int:
    """Takes what a function returned: a descriptor or an error."""
    if fd < 0:
        raise _error(fd)
    return fd


def _flags(kind: Type[IntFlag], **wanted: bool) -> int:
    """The bits of the keywords that are true. Each has the name of its bit, in lower case."""
    return sum(kind[name.upper()] for name, is_wanted in wanted.items() if is_wanted)


def _number(fd: int) -> int:
    if not -(1 << 31) <= fd < 1 << 31:
        raise OverflowError("fd is not a number of 32 bits")
    return fd


def _memory_file() -> IO[bytes]:
    """A file without a name, in memory; not all builds of Python have that."""
    if hasattr(os, "memfd_create"):
        return open(os.memfd_create("snapshot"), "w+b")
    return tempfile.TemporaryFile()


class Extent(NamedTuple):
    """A range of ids in a map: the first one inside and outside of the namespace, and their number."""

    inside: int
    outside: int
    count: int  # type: ignore[assignment]  # hides a method of tuples


class Node(_Handle):
    """A user namespace in a snapshot."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<userns.Node user:[{self.inode}]>"

    @property
    def inode(self) -> int:
        """The inode number. The kernel reuses it once the namespace has ended."""
        return int(library.userns_inode(self))

    @property
    def device(self) -> int:
        """The device number, the same for all namespaces."""
        return int(library.userns_device(self))

    @property
    def id(self) -> Optional[int]:
        """The 64-bit id, which the kernel never reuses (Linux 6.18); None if unknown."""
        return library.userns_id(self) or None

    @property
    def flags(self) -> NodeFlag:
        """Properties of the node."""
        return NodeFlag(library.userns_flags(self))

    @property
    def is_initial(self) -> bool:
        """Whether this is the initial user namespace."""
        return NodeFlag.INITIAL in self.flags

    @property
    def is_parent_hidden(self) -> bool:
        """Whether the namespace has a parent that is not visible to the caller."""
        return NodeFlag.PARENT_HIDDEN in self.flags

    @property
    def is_empty(self) -> bool:
        """Whether the scan saw no process in the namespace."""
        return NodeFlag.EMPTY in self.flags

    @property
    def is_only_pinned(self) -> bool:
        """Whether the namespace is known only through pins."""
        return NodeFlag.ONLY_PINNED in self.flags

    @property
    def depth(self) -> int:
        """The number of ancestors in the snapshot."""
        return int(library.userns_depth(self))

    @property
    def owner_uid(self) -> Optional[int]:
        """The effective UID of the creator; None if unknown."""
        uid = c_uint32()
        return uid.value if library.userns_owner_uid(self, byref(uid)) else None

    @property
    def parent(self) -> Optional[Node]:
        """The user namespace in which it was created; None for a root."""
        return _one(Node, self._memory, library.userns_parent(self))

    @property
    def children(self) -> List[Node]:
        """The user namespaces created in it."""
        return _all(Node, self._memory, library.userns_children, self)

    @property
    def pids(self) -> List[int]:
        """The processes in it, ascending."""
        return _array(library.userns_pids, self)

    @property
    def owned(self) -> List[Nonuser]:
        """The nonuser namespaces that it owns; needs scan(owned=True) or scan(pinned=True)."""
        return _all(Nonuser, self._memory, library.userns_owned, self)

    @property
    def pins(self) -> List[Pin]:
        """What else keeps it alive; needs scan(pinned=True)."""
        return _all(Pin, self._memory, library.userns_pins, self)

    @property
    def charges(self) -> List[Charge]:
        """How many user namespaces below it the kernel charges in it to each user."""
        charges = _array(library.userns_charges, self)
        return [Charge(None if each.uid == 0xFFFFFFFF else each.uid, each.count) for each in charges]

    @property
    def limit(self) -> Optional[int]:
        """How many user namespaces each user may have in it; needs scan(pinned=True).

        None if that is unknown, as without BPF of all but the caller's own.
        """
        limit = c_uint64()
        return limit.value if library.userns_limit(self, byref(limit)) else None

    def is_ancestor_of(self, node: Node) -> bool:
        """Whether it is the parent of a node, or the parent of its parent, and so on."""
        if not isinstance(node, Node):
            raise TypeError(f"expected a Node, not {type(node).__name__}")
        return bool(library.userns_is_ancestor(self, node))

    def open(self) -> int:
        """Opens the namespace, for example for os.setns(). Returns a descriptor for os.close().

        Raises OSError: ESTALE if the namespace has ended, PermissionError if it is out of reach.
        """
        return _opened(library.userns_open(self))

    @property
    def is_setgroups_denied(self) -> bool:
        """Whether setgroups(2) is known to be denied in it; needs scan(maps=True)."""
        return NodeFlag.SETGROUPS_DENIED in self.flags

    @property
    def uid_map(self) -> Optional[List[Extent]]:
        """The UIDs that it maps; None if unknown; needs scan(maps=True)."""
        return self._map(library.userns_uid_map)

    @property
    def gid_map(self) -> Optional[List[Extent]]:
        """The GIDs that it maps; None if unknown; needs scan(maps=True)."""
        return self._map(library.userns_gid_map)

    @property
    def projid_map(self) -> Optional[List[Extent]]:
        """The project ids that it maps; None if unknown; needs scan(maps=True)."""
        return self._map(library.userns_projid_map)

    def translate_uid(self, uid: int, to: Node) -> Optional[int]:
        """What a UID of it is in another node of its snapshot; None if it is not mapped.

        Raises OSError (ENODATA) if a map that decides is not known, and ValueError for a node of
        another snapshot; so do the next two.
        """
        return self._translate(library.userns_translate_uid, uid, to)

    def translate_gid(self, gid: int, to: Node) -> Optional[int]:
        """What a GID of it is in another node of its snapshot; None if it is not mapped."""
        return self._translate(library.userns_translate_gid, gid, to)

    def translate_projid(self, projid: int, to: Node) -> Optional[int]:
        """What a project id of it is in another node of its snapshot; None if it is not mapped."""
        return self._translate(library.userns_translate_projid, projid, to)

    def _map(self, function: Any) -> Optional[List[Extent]]:
        if NodeFlag.MAPS not in self.flags:
            return None
        return [Extent(extent.inside, extent.outside, extent.count) for extent in _array(function, self)]

    def _translate(self, function: Any, id: int, to: Node) -> Optional[int]:
        if not isinstance(to, Node):
            raise TypeError(f"expected a Node, not {type(to).__name__}")
        if self._memory is not to._memory:
            raise ValueError("the nodes are of different snapshots")
        if not _fits(id, 32):
            return None
        result = c_uint32()
        error = function(self, id, to, byref(result))
        if error == -errno.ENOENT:
            return None
        if error < 0:
            raise _error(error)
        return result.value


class Nonuser(_Handle):
    """A namespace of another type than user."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<userns.Nonuser {self.type_name}:[{self.inode}]>"

    @property
    def type(self) -> int:
        """The flag of clone(2) and setns(2): CLONE_NEWNET, for example."""
        return int(library.userns_nonuser_type(self))

    @property
    def type_name(self) -> str:
        """The name of the type as in /proc/PID/ns: "net", for example."""
        return os.fsdecode(library.userns_nonuser_type_name(self))

    @property
    def inode(self) -> int:
        """The inode number. The kernel reuses it once the namespace has ended."""
        return int(library.userns_nonuser_inode(self))

    @property
    def id(self) -> Optional[int]:
        """The 64-bit id, which the kernel never reuses (Linux 6.18); None if unknown."""
        return library.userns_nonuser_id(self) or None

    @property
    def owner(self) -> Optional[Node]:
        """The user namespace that owns it; None if it is not visible."""
        return _one(Node, self._memory, library.userns_nonuser_owner(self))

    @property
    def parent(self) -> Optional[Nonuser]:
        """The parent of a PID namespace; None if it has none or it is not visible."""
        return _one(Nonuser, self._memory, library.userns_nonuser_parent(self))

    @property
    def member_count(self) -> int:
        """The number of processes that have a thread in it."""
        return int(library.userns_nonuser_member_count(self))

    @property
    def pins(self) -> List[Pin]:
        """What keeps it alive."""
        return _all(Pin, self._memory, library.userns_nonuser_pins, self)

    def open(self) -> int:
        """Opens the namespace, like Node.open()."""
        return _opened(library.userns_nonuser_open(self))


class Pin(_Handle):
    """A reason why the kernel keeps a namespace. The kind tells which attributes are not None."""

    __slots__ = ()

    def __repr__(self) -> str:
        names = ("pid", "tid", "descriptor", "path", "nonuser")
        values = ((name, getattr(self, name)) for name in names)
        shown = (f" {name}={value!r}" for name, value in values if value is not None)
        return f"<userns.Pin {self.kind.name}{''.join(shown)}>"

    @property
    def kind(self) -> PinKind:
        """The kind of the pin."""
        return PinKind(library.userns_pin_kind(self))

    @property
    def pid(self) -> Optional[int]:
        """The process that is a member, holds a descriptor, socket or io_uring, or sees the mount."""
        return library.userns_pin_pid(self) or None

    @property
    def tid(self) -> Optional[int]:
        """The thread of that process."""
        return library.userns_pin_tid(self) or None

    @property
    def descriptor(self) -> Optional[int]:
        """The number of the descriptor or socket."""
        number = int(library.userns_pin_descriptor(self))
        return None if number < 0 else number

    @property
    def path(self) -> Optional[str]:
        """The path of the mount, from the root directory of the process pid."""
        return _text(library.userns_pin_path(self))

    @property
    def is_overmounted(self) -> bool:
        """Whether the path of the mount is known to lead to something else."""
        return bool(library.userns_pin_is_overmounted(self))

    @property
    def may_be_locked(self) -> bool:
        """Whether the mount can be locked, so that only the end of its mount namespace removes it."""
        return bool(library.userns_pin_may_be_locked(self))

    @property
    def nonuser(self) -> Optional[Nonuser]:
        """The mount namespace of a mount, the owned namespace, or the child namespace."""
        return _one(Nonuser, self._memory, library.userns_pin_nonuser(self))


class Snapshot:
    """The result of a scan: an immutable tree of user namespaces.

    Iteration yields the nodes. After close(), or at the end of a with statement, every attribute
    raises ValueError; objects taken from the snapshot before stay valid, and keep its memory.
    """

    __slots__ = ("_memory",)

    def __init__(self, memory: _Memory) -> None:
        self._memory: Optional[_Memory] = memory

    def _open(self) -> _Memory:
        """The memory, which the caller keeps even if another thread closes the snapshot."""
        memory = self._memory
        if memory is None:
            raise ValueError("the snapshot is closed")
        return memory

    def close(self) -> None:
        """Drop the reference to the memory."""
        self._memory = None

    def __enter__(self) -> Snapshot:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[Node]:
        return iter(self.nodes)

    def __repr__(self) -> str:
        if self._memory is None:
            return "<userns.Snapshot, closed>"
        return f"<userns.Snapshot of {len(self.nodes)} user namespaces>"

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise TypeError("cannot copy or pickle a Snapshot")

    @property
    def root(self) -> Optional[Node]:
        """The node to start from; None if the snapshot is empty."""
        memory = self._open()
        return _one(Node, memory, library.userns_root(memory))

    @property
    def roots(self) -> List[Node]:
        """The nodes without a visible parent."""
        memory = self._open()
        return _all(Node, memory, library.userns_roots, memory)

    @property
    def nodes(self) -> List[Node]:
        """All nodes, depth first."""
        memory = self._open()
        return _all(Node, memory, library.userns_nodes, memory)

    @property
    def self_node(self) -> Optional[Node]:
        """The user namespace of the process that scanned; None if unknown."""
        memory = self._open()
        return _one(Node, memory, library.userns_self(memory))

    @property
    def nonusers(self) -> List[Nonuser]:
        """All nonuser namespaces; needs scan(owned=True) or scan(pinned=True)."""
        memory = self._open()
        return _all(Nonuser, memory, library.userns_nonusers, memory)

    def find_inode(self, inode: int) -> Optional[Node]:
        """Find the node with an inode number."""
        memory = self._open()
        if not _fits(inode, 64):
            return None
        return _one(Node, memory, library.userns_find_inode(memory, inode))

    def find_id(self, id: int) -> Optional[Node]:
        """Find the node with a 64-bit id."""
        memory = self._open()
        if not _fits(id, 64):
            return None
        return _one(Node, memory, library.userns_find_id(memory, id))

    def find_pid(self, pid: int) -> Optional[Node]:
        """Find the node of a process."""
        memory = self._open()
        if not _fits(pid, 31):
            return None
        return _one(Node, memory, library.userns_find_pid(memory, pid))

    def process_name(self, pid: int) -> Optional[str]:
        """The command name of a process; needs scan(names=True).

        It is empty if the name is unknown, and None if the scan did not see the process. Bytes that
        are no text become surrogates, as in os.fsdecode().
        """
        memory = self._open()
        if not _fits(pid, 31):
            return None
        return _text(library.userns_process_name(memory, pid))

    def process_uid(self, pid: int) -> Optional[int]:
        """The effective UID of a process; None if unknown. Needs scan(credentials=True)."""
        memory, uid = self._open(), c_uint32()
        known = _fits(pid, 31) and library.userns_process_uid(memory, pid, byref(uid))
        return uid.value if known else None

    def process_capabilities(self, pid: int) -> Optional[int]:
        """The effective capabilities of a process as bits; None if unknown. Needs scan(credentials=True)."""
        memory, bits = self._open(), c_uint64()
        known = _fits(pid, 31) and library.userns_process_capabilities(memory, pid, byref(bits))
        return bits.value if known else None

    def process_pids(self, pid: int) -> List[int]:
        """The PIDs of a process, from the PID namespace of the procfs down to its own; needs scan(credentials=True)."""
        memory = self._open()
        return _array(library.userns_process_pids, memory, pid) if _fits(pid, 31) else []

    def process_cgroup(self, pid: int) -> Optional[str]:
        """The path of the cgroup of a process; None if unknown. Needs scan(cgroups=True)."""
        memory = self._open()
        return _text(library.userns_process_cgroup(memory, pid)) if _fits(pid, 31) else None

    def capable(self, pid: int, capability: int, node: Node) -> Verdict:
        """Whether a process has a capability in a user namespace; needs scan(credentials=True).

        Raises ProcessLookupError if the scan did not see the process, and OSError (EINVAL) for a
        capability that does not exist or a node of another snapshot.
        """
        memory, reason = self._open(), c_uint32()
        if not isinstance(node, Node):
            raise TypeError(f"expected a Node, not {type(node).__name__}")
        arguments = (pid if _fits(pid, 31) else -1, capability if _fits(capability, 31) else -1)
        holds = library.userns_capable(memory, *arguments, node, byref(reason))
        if holds < 0 and not reason.value:
            raise _error(holds)
        return Verdict(None if holds < 0 else holds > 0, Why(reason.value))

    @property
    def gaps(self) -> Gap:
        """The reasons why the snapshot can be incomplete."""
        return Gap(library.userns_gaps(self._open()))

    def gap_count(self, gap: Gap) -> int:
        """Count what one gap stands for, in the unit that userns.h states."""
        memory = self._open()
        if not _fits(gap, 32):
            return 0
        return int(library.userns_gap_count(memory, gap))

    @property
    def source(self) -> Source:
        """Where the scan read the processes; 0 if the file of a loaded snapshot does not tell."""
        return Source(library.userns_source(self._open()))

    @property
    def source_error(self) -> Optional[OSError]:
        """Why scan(bpf=True) used procfs; None if it did not."""
        error = library.userns_source_error(self._open())
        return _error(error) if error else None

    @property
    def source_log(self) -> Optional[str]:
        """What the kernel's verifier said about the BPF programs if it rejected them, for a report."""
        return _text(library.userns_source_log(self._open()))

    @property
    def empty_source(self) -> EmptySource:
        """How far the scan looked for namespaces without processes."""
        return EmptySource(library.userns_empty_source(self._open()))

    @property
    def time(self) -> datetime:
        """The time at which the scan began, in UTC, rounded down to microseconds."""
        return _EPOCH + timedelta(microseconds=self.time_ns // 1000)

    @property
    def time_ns(self) -> int:
        """The time at which the scan began, in nanoseconds since the Epoch."""
        return int(library.userns_time(self._open()))

    @property
    def boot_id(self) -> Optional[str]:
        """The boot id of the scanned host, a UUID; None if unknown."""
        return _text(library.userns_boot_id(self._open()))

    @property
    def pid_namespace(self) -> Optional[int]:
        """The inode number of the PID namespace that the PIDs belong to; None if unknown."""
        return library.userns_pid_namespace(self._open()) or None

    def save(self, file: Union[int, IO[Any]]) -> None:
        """Write the snapshot as JSON, see userns-json(5), to a descriptor or a file, of text or bytes.

        Raises OSError for the errors of userns_save(), or what the file raises; BlockingIOError if a raw file that
        is non-blocking has not taken all.
        """
        if isinstance(file, int):
            error = library.userns_save(self._open(), _number(file))
            if error < 0:
                raise _error(error)
            return
        _write(file, self._json())

    def to_dict(self) -> Dict[str, Any]:
        """The snapshot as the objects that json.loads() makes of what save() writes, see userns-json(5)."""
        return cast(Dict[str, Any], json.loads(self._json()))

    def _json(self) -> bytes:
        with _memory_file() as file:
            self.save(file.fileno())
            file.seek(0)
            return file.read()


def _write(file: IO[Any], json_bytes: bytes) -> None:
    """Write all to a file of text or bytes."""
    try:
        written = file.write(json_bytes)
    except TypeError:  # of text: some wrappers are no io.TextIOBase
        file.write(json_bytes.decode())
        return
    rest = memoryview(json_bytes)
    # Raw files can take a part, or nothing and return None. Of others, None says nothing.
    while written is not None or isinstance(file, io.RawIOBase):
        if not written:
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        rest = rest[written:]
        if not rest:
            return
        written = file.write(rest)


def scan(
    proc_path: Union[str, bytes, os.PathLike[Any]] = "/proc",
    *,
    pinned: bool = False,
    sockets: bool = False,
    owned: bool = False,
    names: bool = False,
    bpf: bool = False,
    maps: bool = False,
    credentials: bool = False,
    cgroups: bool = False,
    limit: int = 0,
) -> Snapshot:
    """Scan the user namespaces of the host.

    The keywords are the flags USERNS_SCAN_PINNED, _SOCKETS, _OWNED, _NAMES, _BPF, _MAPS, _CREDENTIALS and
    _CGROUPS of userns.h, and the field limit of struct userns_options: the largest number of pins; 0 means 1,000,000.
    Raises OSError, with the path, for the errors of userns_scan().
    """
    path = os.fsencode(proc_path)
    if b"\0" in path:
        raise ValueError("embedded null byte")
    if not 0 <= limit < 1 << 64:
        raise ValueError("limit is not a number of 64 bits")
    flags = _flags(
        ScanFlag,
        pinned=pinned,
        sockets=sockets,
        owned=owned,
        names=names,
        bpf=bpf,
        maps=maps,
        credentials=credentials,
        cgroups=cgroups,
    )
    options = Options(size=ctypes.sizeof(Options), proc_path=path, flags=flags, limit=limit)
    address = c_void_p()
    error = library.userns_scan(byref(options), byref(address))
    if error < 0 or address.value is None:
        raise _error(error, proc_path)
    return Snapshot(_Memory(address.value))


class Change(NamedTuple):
    """A difference between two snapshots."""

    kind: ChangeKind
    #: A node of the first snapshot if it has ended or a process has left it, else of the second.
    node: Node
    #: The process that joined or left.
    pid: Optional[int]


def compare(before: Snapshot, after: Snapshot) -> List[Change]:
    """What changed between two snapshots, in an order in which it can have happened.

    Raises OSError (EXDEV) if the snapshots are of different boots or PID namespaces.
    """
    for snapshot in (before, after):
        if not isinstance(snapshot, Snapshot):
            raise TypeError(f"expected a Snapshot, not {type(snapshot).__name__}")
    old, new, changes = before._open(), after._open(), c_void_p()
    error = library.userns_compare(old, new, byref(changes))
    if error < 0:
        raise _error(error)

    def copied(address: int) -> Change:
        change = c_void_p(address)
        kind = ChangeKind(library.userns_change_kind(change))
        memory = old if kind in (ChangeKind.ENDED, ChangeKind.LEFT) else new
        return Change(
            kind, Node(memory, library.userns_change_node(change)), library.userns_change_pid(change) or None
        )

    try:
        return [copied(address) for address in _array(library.userns_changes, changes)]
    finally:
        library.userns_changes_free(changes)


def load(file: Union[int, IO[Any]]) -> Snapshot:
    """Read a snapshot that save() wrote, from a descriptor or a file, of text or bytes, to its end.

    Raises OSError for the errors of userns_load(): EBADMSG if it is not a saved snapshot.
    """
    if not isinstance(file, int):
        text = file.read()
        with _memory_file() as copy:
            copy.write(text.encode() if isinstance(text, str) else text)
            copy.flush()
            copy.seek(0)
            return load(copy.fileno())
    address = c_void_p()
    error = library.userns_load(_number(file), byref(address))
    if error < 0 or address.value is None:
        raise _error(error)
    return Snapshot(_Memory(address.value))


class Info(NamedTuple):
    """What describe() tells about a namespace. What is hidden or unknown is None."""

    #: Bits of NodeFlag and InfoFlag.
    flags: int
    inode: int
    device: int
    id: Optional[int]
    #: The inode number of the parent of a user or PID namespace.
    parent: Optional[int]
    #: The inode number of the user namespace that owns a nonuser namespace.
    owner: Optional[int]
    #: The flag of clone(2).
    type: Optional[int]
    #: The effective UID of the creator of a user namespace.
    owner_uid: Optional[int]

    @property
    def is_initial(self) -> bool:
        """Whether this is the initial user namespace."""
        return bool(self.flags & NodeFlag.INITIAL)

    @property
    def is_parent_hidden(self) -> bool:
        """Whether the namespace has a parent that is not visible to the caller."""
        return bool(self.flags & NodeFlag.PARENT_HIDDEN)

    @property
    def is_own(self) -> bool:
        """Whether the calling thread is in the namespace."""
        return bool(self.flags & InfoFlag.OWN)


def describe(fd: Union[int, Any] = -1) -> Info:
    """Describes the namespace of a descriptor or file, without a scan; by default the caller's own.

    Raises OSError for the errors of userns_describe().
    """
    number = _number(fd if isinstance(fd, int) else fd.fileno())
    info = _library.Info(size=ctypes.sizeof(_library.Info))
    error = library.userns_describe(number, byref(info))
    if error < 0:
        raise _error(error)
    owner_uid = info.owner_uid if info.flags & InfoFlag.OWNER_UID else None
    id, parent, owner, type = (value or None for value in (info.id, info.parent, info.owner, info.type))
    return Info(info.flags, info.inode, info.device, id, parent, owner, type, owner_uid)


def version() -> str:
    """The version of the library in use."""
    return os.fsdecode(library.userns_version())


def version_number() -> int:
    """The version of the library in use as 0xMMmmpp."""
    return int(library.userns_version_number())
