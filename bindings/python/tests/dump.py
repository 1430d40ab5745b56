"""What tests/c/facts.c prints, in Python."""

import os
import sys
from typing import Iterable, Optional, Sequence, Union

from userns import Node, OtherNamespace, Pin, Snapshot, scan, version, version_number

Namespace = Union[Node, OtherNamespace]


def number(namespace: Optional[Namespace]) -> int:
    return namespace.inode if namespace else -1


def put(*words: object) -> None:
    sys.stdout.buffer.write(os.fsencode(" ".join(str(word) for word in words)) + b"\n")


def put_all(what: str, namespaces: Iterable[Namespace]) -> None:
    put(what + ":", *(namespace.inode for namespace in namespaces))


def put_pins(pins: Sequence[Pin]) -> None:
    for pin in pins:
        descriptor = -1 if pin.descriptor is None else pin.descriptor
        put("  pin: kind", int(pin.kind), "pid", pin.pid or 0, "tid", pin.tid or 0, "descriptor", descriptor,
            "namespace", number(pin.namespace), "path", -1 if pin.path is None else pin.path)


def describe_node(snapshot: Snapshot, node: Node) -> None:
    below = sum(node.is_ancestor_of(other) for other in snapshot)
    owner = -1 if node.owner is None else node.owner
    last = snapshot.find_pid(node.pids[-1]) if node.pids else None
    put("node: inode", node.inode, "device", node.device, "id", node.id or 0, "flags", int(node.flags),
        "depth", node.depth, "below", below, "owner", owner, "parent", number(node.parent),
        "found", number(snapshot.find(node.inode)), "by id", number(snapshot.find_id(node.id or 0)),
        "by PID", number(last))
    put("  PIDs:", *node.pids)
    put("  names:", *node.names)
    put_all("  children", node.children)
    put_all("  owned", node.owned)
    put_pins(node.pins)


def describe(snapshot: Snapshot) -> None:
    error = snapshot.source_error
    put("gaps", int(snapshot.gaps), "unreadable", snapshot.unreadable, snapshot.unreadable_descriptors,
        snapshot.unreadable_mounts, snapshot.unopened_mounts, "source", int(snapshot.source),
        "error", -error.errno if error and error.errno else 0)
    put(" root", number(snapshot.root), "self", number(snapshot.own), "no inode", number(snapshot.find(1)),
        "no id", number(snapshot.find_id(0)), "no PID", number(snapshot.find_pid(-1)))
    put_all("nodes", snapshot.nodes)
    put_all("namespaces", snapshot.namespaces)
    for node in snapshot.nodes:
        describe_node(snapshot, node)
    for other in snapshot.namespaces:
        put("namespace: type", other.type, "name", other.name, "inode", other.inode, "id", other.id or 0,
            "members", other.members, "owner", number(other.owner))
        put_pins(other.pins)
    put_all("roots", snapshot.roots)


try:
    put("version", version(), version_number())
    describe(scan(sys.argv[1], pinned=True, sockets=True, owned=True, names=True, bpf=True))
    describe(scan(sys.argv[1]))
except OSError as error:
    put("error", error.errno, error.strerror)
    sys.exit(1)
