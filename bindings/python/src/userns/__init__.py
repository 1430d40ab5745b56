"""The tree of user namespaces of a Linux host, through libuserns. See user_namespaces(7).

    import userns

    for node in userns.scan():
        print(node.depth * "    ", node.inode, node.pids)

Every attribute asks the C library when it is read; userns(7) and the comments in userns.h say what each answer means.
Whatever comes from a snapshot keeps its memory, also after the end of a with statement or close() has taken leave of
the snapshot. Any number of threads may use one. It takes Python 3.8 or newer, this file and libuserns.so.0.
"""
# SPDX-License-Identifier: MIT OR Apache-2.0

from __future__ import annotations

import ctypes
import os
from ctypes import POINTER, c_bool, c_char_p, c_int, c_int32, c_size_t, c_uint32, c_uint64, c_void_p
from enum import IntEnum, IntFlag
from typing import Any, Callable, Generic, Iterator, List, NoReturn, Optional, Tuple, Type, TypeVar, Union, cast

__all__ = ["Gap", "Node", "NodeFlag", "OtherNamespace", "Pin", "PinKind", "Snapshot", "Source", "scan", "version"]
__all__ += ["version_number"]


# The constants USERNS_SCAN_, _GAP_, _NODE_, _PIN_ and _SOURCE_ of userns.h, which count 1, 2, 4 and so on, or 1, 2, 3
# and so on. A newer library can answer others.
_ScanFlag = IntFlag("_ScanFlag", "PINNED SOCKETS OWNED NAMES BPF")
Gap = IntFlag("Gap", "UNREADABLE HIDEPID PIDNS NESTED LINKS DESCRIPTORS SOCKETS MOUNTS MOUNT_NAMESPACES")
NodeFlag = IntFlag("NodeFlag", "INITIAL PARENT_HIDDEN EMPTY PINNED")
PinKind = IntEnum("PinKind", "DESCRIPTOR MOUNT OWNED SOCKET PROCESS CHILD PARENT")
Source = IntEnum("Source", "PROCFS BPF_PROCESSES BPF_TASKS")


class _Options(ctypes.Structure):
    _fields_ = [("size", c_size_t), ("proc_path", c_char_p), ("flags", c_uint64)]


_library = ctypes.CDLL("libuserns.so.0")


def _function(name: str, result: Any, *arguments: Any) -> Any:
    function = getattr(_library, name)
    function.restype, function.argtypes = result, arguments
    return function


_version = _function("userns_version", c_char_p)
_version_number = _function("userns_version_number", c_uint32)
_strerror = _function("userns_strerror", c_char_p, c_int)
_scan = _function("userns_scan", c_int, POINTER(_Options), POINTER(c_void_p))
_free = _function("userns_free", None, c_void_p)
_find = _function("userns_find_inode", c_void_p, c_void_p, c_uint64)
_find_id = _function("userns_find_id", c_void_p, c_void_p, c_uint64)
_find_pid = _function("userns_find_pid", c_void_p, c_void_p, c_int32)
_owner = _function("userns_owner_uid", c_bool, c_void_p, POINTER(c_uint32))
_is_ancestor = _function("userns_is_ancestor", c_bool, c_void_p, c_void_p)


class _Memory:
    """A snapshot of the C library. It goes when nothing holds this any more."""

    def __init__(self, address: int) -> None:
        self.address = address

    def __del__(self, free: Callable[[int], None] = _free) -> None:  # a default is there until the interpreter ends
        free(self.address)

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise TypeError("what comes from a snapshot can neither be pickled nor be copied deeply")


class _Handle:
    """Something in a snapshot, which its memory holds. Equal are those of one thing."""

    __slots__ = ("_memory", "_address")
    _shown: Tuple[str, ...] = ()

    def __init__(self, memory: _Memory, address: int) -> None:
        self._memory: Optional[_Memory] = memory
        self._address = address

    def _hold(self) -> _Memory:
        memory = self._memory
        if memory is None:
            raise ValueError("the snapshot is closed")
        return memory

    def __eq__(self, other: object) -> bool:
        same = isinstance(other, _Handle) and other._address == self._address and other._memory is self._memory
        return self is other or same and self._memory is not None

    def __hash__(self) -> int:
        return hash(self._address)

    def __repr__(self) -> str:
        shown = "".join(f" {name}={getattr(self, name)}" for name in self._shown)
        return f"<userns.{type(self).__name__}{shown}>"


_T = TypeVar("_T")
_H = TypeVar("_H", bound=_Handle)
_E = TypeVar("_E", bound=IntEnum)


class _Answer(Generic[_T]):
    """A read-only attribute of a handle: what a function of the library answers, converted."""

    def __init__(self, name: str, result: Any, doc: str,
                 convert: Callable[[_Memory, Any], Any] = lambda memory, it: it) -> None:
        self._function = _function(name, *self._signature(result))
        self._convert, self.__doc__ = convert, doc

    def __get__(self, handle: Any, kind: object = None) -> _T:
        if handle is None:
            return cast(_T, self)  # the attribute of the class, for help()
        memory = handle._hold()  # until the function has returned, even if another thread closes the snapshot
        return cast(_T, self._ask(memory, handle._address))

    def __set__(self, handle: object, value: object) -> NoReturn:
        raise AttributeError("a snapshot does not change")

    def _signature(self, result: Any) -> Any:
        return result, c_void_p

    def _ask(self, memory: _Memory, address: int) -> Any:
        return self._convert(memory, self._function(address))


class _Array(_Answer[List[_T]]):
    """The same for an array. Each element is converted."""

    def _signature(self, result: Any) -> Any:
        return POINTER(result), c_void_p, POINTER(c_size_t)

    def _ask(self, memory: _Memory, address: int) -> Any:
        count = c_size_t()
        first = self._function(address, count)
        return [self._convert(memory, element) for element in first[: count.value]] if first else []


def _handle(kind: Callable[[], Type[_H]]) -> Callable[[_Memory, Optional[int]], Optional[_H]]:
    return lambda memory, address: None if address is None else kind()(memory, address)


_node, _namespace, _pin = _handle(lambda: Node), _handle(lambda: OtherNamespace), _handle(lambda: Pin)


def _nonzero(memory: _Memory, number: int) -> Optional[int]:
    return number or None


def _text(memory: _Memory, text: Optional[bytes]) -> Optional[str]:
    return None if text is None else os.fsdecode(text)


def _one_of(kind: Type[_E]) -> Callable[[_Memory, int], int]:
    """Names a number, or leaves it as it is: the library can be newer than this file."""
    return lambda memory, number: kind(number) if number in list(kind) else number


def _error(error: int, *path: Any) -> OSError:
    return OSError(-error, os.fsdecode(_strerror(error)), *path)


class Node(_Handle):
    """One user namespace of a snapshot."""

    __slots__ = ()
    _shown = ("inode",)

    inode = _Answer[int]("userns_inode", c_uint64, "The inode number, used again once the namespace has ended.")
    device = _Answer[int]("userns_device", c_uint64, "The device number, the same for all namespaces.")
    id = _Answer[Optional[int]]("userns_id", c_uint64, "The 64-bit id, never used again, or None.", _nonzero)
    flags = _Answer[NodeFlag]("userns_flags", c_uint32, "What is special about it.", lambda _, bits: NodeFlag(bits))
    depth = _Answer[int]("userns_depth", c_uint32, "How many ancestors the snapshot shows.")
    parent = _Answer["Optional[Node]"]("userns_parent", c_void_p, "The node that it was made in, or None.", _node)
    children = _Array["Node"]("userns_children", c_void_p, "The nodes that were made in it.", _node)
    pids = _Array[int]("userns_pids", c_int32, "The processes in it, ascending.")
    names = _Array[str]("userns_names", c_char_p, "With scan(names=True), the command names of these.", _text)
    pins = _Array["Pin"]("userns_pins", c_void_p, "With scan(pinned=True), what else keeps it alive.", _pin)
    owned = _Array["OtherNamespace"]("userns_owned", c_void_p, "With scan(owned=True), what it owns.", _namespace)

    @property
    def owner(self) -> Optional[int]:
        """The UID that made it, or None where that is unknown."""
        uid = c_uint32()
        return uid.value if _owner(self._address, uid) else None

    def is_ancestor_of(self, node: Node) -> bool:
        """Whether it is the parent of a node, or the parent of its parent, and so on."""
        return isinstance(node, Node) and bool(_is_ancestor(self._address, node._address))


class OtherNamespace(_Handle):
    """A namespace of another type than user."""

    __slots__ = ()
    _shown = ("name", "inode")

    type = _Answer[int]("userns_nonuser_type", c_int, "The flag of clone(2) and setns(2), CLONE_NEWNET for example.")
    name = _Answer[str]("userns_nonuser_type_name", c_char_p, 'The name of the type, "net" for example.', _text)
    inode = _Answer[int]("userns_nonuser_inode", c_uint64, "The inode number, as that of a node.")
    id = _Answer[Optional[int]]("userns_nonuser_id", c_uint64, "The 64-bit id, as that of a node.", _nonzero)
    members = _Answer[int]("userns_nonuser_member_count", c_size_t, "How many processes have a thread in it.")
    owner = _Answer[Optional[Node]]("userns_nonuser_owner", c_void_p, "The node that owns it, or None.", _node)
    pins = _Array["Pin"]("userns_nonuser_pins", c_void_p, "What keeps it alive.", _pin)


class Pin(_Handle):
    """Something that keeps a namespace alive. What a pin of its kind does not have is None."""

    __slots__ = ()
    _shown = ("kind", "pid", "path", "namespace")

    kind = _Answer[int]("userns_pin_kind", c_uint32, "A PinKind, or a number that is none yet.", _one_of(PinKind))
    pid = _Answer[Optional[int]]("userns_pin_pid", c_int32, "The process that holds it or sees the mount.", _nonzero)
    tid = _Answer[Optional[int]]("userns_pin_tid", c_int32, "The thread of that process.", _nonzero)
    descriptor = _Answer[Optional[int]]("userns_pin_descriptor", c_int, "The number of a descriptor.",
                                        lambda _, number: None if number < 0 else number)
    path = _Answer[Optional[str]]("userns_pin_path", c_char_p, "Where it is mounted, as pid sees it.", _text)
    namespace = _Answer[Optional[OtherNamespace]]("userns_pin_nonuser", c_void_p, "What is owned, or the child.",
                                                  _namespace)


class Snapshot(_Handle):
    """The tree of user namespaces as one scan saw it: an iterable of its nodes, and a context manager."""

    __slots__ = ()

    root = _Answer[Optional[Node]]("userns_root", c_void_p, "The node to begin with, or None.", _node)
    roots = _Array[Node]("userns_roots", c_void_p, "The nodes whose parent the scan did not see.", _node)
    nodes = _Array[Node]("userns_nodes", c_void_p, "All nodes, depth first.", _node)
    own = _Answer[Optional[Node]]("userns_self", c_void_p, "The node of this process, or None.", _node)
    gaps = _Answer[Gap]("userns_gaps", c_uint32, "Why the scan may have missed something.", lambda _, bits: Gap(bits))
    unreadable = _Answer[int]("userns_unreadable", c_size_t, "How many processes could not be read.")
    unreadable_descriptors = _Answer[int]("userns_unreadable_descriptors", c_size_t,
                                          "Of how many processes descriptors could not be read.")
    unreadable_mounts = _Answer[int]("userns_unreadable_mounts", c_size_t, "Of how many mounts could not be read.")
    unopened_mounts = _Answer[int]("userns_unopened_mounts", c_size_t, "How many mounts could not be opened.")
    namespaces = _Array[OtherNamespace]("userns_nonusers", c_void_p, "With scan(owned=True), all of other types.",
                                        _namespace)
    source = _Answer[int]("userns_source", c_uint32, "A Source, or a number that is none yet.", _one_of(Source))
    source_error = _Answer[Optional[OSError]]("userns_source_error", c_int, "With scan(bpf=True), why not BPF.",
                                              lambda _, error: _error(error) if error else None)

    def find(self, inode: int) -> Optional[Node]:
        """The node with an inode number."""
        return self._found(_find, inode)

    def find_id(self, id: int) -> Optional[Node]:
        """The node with a 64-bit id."""
        return self._found(_find_id, id)

    def find_pid(self, pid: int) -> Optional[Node]:
        """The node that a process lives in."""
        return self._found(_find_pid, pid)

    def _found(self, function: Any, number: int) -> Optional[Node]:
        memory = self._hold()
        fits = function.argtypes[1](number).value == number  # ctypes would take what fits of it
        return _node(memory, function(self._address, number)) if fits else None

    def close(self) -> None:
        """Takes leave of the snapshot. Its memory goes with the last node, pin or namespace of it."""
        self._memory = None

    def __enter__(self) -> Snapshot:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[Node]:
        return iter(self.nodes)


def scan(proc_path: Union[str, bytes, os.PathLike[Any]] = "/proc", *, pinned: bool = False, sockets: bool = False,
         owned: bool = False, names: bool = False, bpf: bool = False) -> Snapshot:
    """Observes the host. The keywords are those of USERNS_SCAN_ in userns.h; an error is an OSError with the path."""
    path = os.fsencode(proc_path)
    if b"\0" in path:
        raise ValueError("embedded null byte")
    wanted = zip(_ScanFlag, (pinned, sockets, owned, names, bpf))
    flags = sum(flag for flag, on in wanted if on)
    address = c_void_p()
    error = _scan(_Options(ctypes.sizeof(_Options), path, flags), address)
    if error < 0 or address.value is None:
        raise _error(error, proc_path)
    return Snapshot(_Memory(address.value), address.value)


def version() -> str:
    """The version of the library."""
    return os.fsdecode(_version())


def version_number() -> int:
    """The version of the library as 0xMMmmpp."""
    return int(_version_number())
