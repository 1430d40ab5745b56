"""Print what tests/c/dump.c prints."""

import errno
import os
import sys
import time
from typing import Callable, Iterable, Optional, Sequence, Union

import userns

Namespace = Union[userns.Node, userns.Nonuser]


def number(namespace: Optional[Namespace]) -> int:
    return namespace.inode if namespace else -1


def text(value: Union[str, int, None]) -> Union[str, int]:
    return -1 if value is None else value


def put(*words: object) -> None:
    sys.stdout.buffer.write(os.fsencode(" ".join(str(word) for word in words)) + b"\n")


def put_all(what: str, namespaces: Iterable[Namespace]) -> None:
    put(f"{what}:", *(namespace.inode for namespace in namespaces))


def put_pins(pins: Sequence[userns.Pin]) -> None:
    for pin in pins:
        put(
            *("  pin: kind", int(pin.kind), "pid", pin.pid or 0, "tid", pin.tid or 0),
            *("descriptor", text(pin.descriptor), "nonuser", number(pin.nonuser)),
            *("path", text(pin.path)),
            *("overmounted", int(pin.is_overmounted), "locked", int(pin.may_be_locked)),
        )


def put_map(what: str, extents: Optional[Sequence[userns.Extent]]) -> str:
    return " ".join([what, *("-".join(map(str, extent)) for extent in extents or [])])


def translated(translate: Callable[[int, userns.Node], Optional[int]], id: int, to: userns.Node) -> int:
    try:
        result = translate(id, to)
    except OSError as error:
        assert error.errno == errno.ENODATA
        return -1
    return -2 if result is None else result


def dump_maps(root: userns.Node, node: userns.Node) -> None:
    ids = (
        translated(translate, id, to)
        for id in (0, 1000)
        for translate, to in (
            (root.translate_uid, node),
            (root.translate_gid, node),
            (node.translate_projid, root),
        )
    )
    maps = (put_map("uid", node.uid_map), put_map("gid", node.gid_map), put_map("projid", node.projid_map))
    put("  maps:", *maps, "translated", *ids)


def verdict(snapshot: userns.Snapshot, pid: int, node: Optional[userns.Node]) -> str:
    try:
        if node is None:
            return "-1 0"
        holds, why = snapshot.capable(pid, 21, node)
    except OSError:
        return "-1 0"
    return f"{-1 if holds is None else int(holds)} {int(why)}"


def put_process(snapshot: userns.Snapshot, pid: int) -> None:
    capabilities = snapshot.process_capabilities(pid)
    put(
        *("  process:", pid, "name", text(snapshot.process_name(pid))),
        *("cgroup", text(snapshot.process_cgroup(pid)), "uid", text(snapshot.process_uid(pid))),
        *("capabilities", -1 if capabilities is None else f"{capabilities:x}"),
        *("pids", *snapshot.process_pids(pid)),
        *("in root", verdict(snapshot, pid, snapshot.root)),
        *("in self", verdict(snapshot, pid, snapshot.self_node)),
    )


def dump_node(snapshot: userns.Snapshot, node: userns.Node) -> None:
    below = sum(node.is_ancestor_of(other) for other in snapshot)
    last = snapshot.find_pid(node.pids[-1]) if node.pids else None
    put(
        *("node: inode", node.inode, "device", node.device, "id", node.id or 0),
        *("flags", int(node.flags), "depth", node.depth, "below", below),
        *("owner", text(node.owner_uid), "parent", number(node.parent)),
        *("by inode", number(snapshot.find_inode(node.inode))),
        *("by id", number(snapshot.find_id(node.id or 0)), "by PID", number(last)),
    )
    for pid in node.pids:
        put_process(snapshot, pid)
    assert snapshot.root is not None
    dump_maps(snapshot.root, node)
    put("  limit:", text(node.limit), *(f"{text(uid)}: {count}" for uid, count in node.charges))
    put_all("  children", node.children)
    put_all("  owned", node.owned)
    put_pins(node.pins)


def dump_nonuser(nonuser: userns.Nonuser) -> None:
    put(
        *("nonuser: type", nonuser.type, "name", nonuser.type_name, "inode", nonuser.inode),
        *("id", nonuser.id or 0, "members", nonuser.member_count),
        *("owner", number(nonuser.owner), "parent", number(nonuser.parent)),
    )
    put_pins(nonuser.pins)


def dump_host(snapshot: userns.Snapshot, before: int) -> None:
    is_now = before <= snapshot.time_ns <= before + 60 * 10**9
    error = snapshot.source_error
    put(
        *("host: time", int(is_now), "boot", text(snapshot.boot_id)),
        *("PID namespace", snapshot.pid_namespace or 0, "source", int(snapshot.source)),
        *("error", -error.errno if error and error.errno else 0),
        *("log", text(snapshot.source_log), "empty source", int(snapshot.empty_source)),
    )


def dump(snapshot: userns.Snapshot) -> None:
    counts = (snapshot.gap_count(userns.Gap(1 << bit)) for bit in range(32))
    put("gaps:", int(snapshot.gaps), *counts)
    put(
        *("found: root", number(snapshot.root), "self", number(snapshot.self_node)),
        *("no inode", number(snapshot.find_inode(1)), "no id", number(snapshot.find_id(0))),
        *("no PID", number(snapshot.find_pid(-1)), "no name", text(snapshot.process_name(-1))),
        *("no verdict", verdict(snapshot, -1, snapshot.root)),
    )
    put_all("nodes", snapshot.nodes)
    put_all("nonusers", snapshot.nonusers)
    for node in snapshot.nodes:
        dump_node(snapshot, node)
    for nonuser in snapshot.nonusers:
        dump_nonuser(nonuser)
    put_all("roots", snapshot.roots)


def scan_and_dump(proc_path: str, all_flags: bool) -> None:
    before = time.time_ns()
    flags = ("pinned", "sockets", "owned", "names", "bpf", "maps", "credentials", "cgroups")
    snapshot = userns.scan(proc_path, **{flag: all_flags for flag in flags})
    dump_host(snapshot, before)
    dump(snapshot)


def probe_and_dump(steps: userns.Step = userns.Step(0), **flags: bool) -> None:
    probe = userns.probe(steps, **flags)
    error = probe.error.errno if probe.error else 0
    put(
        *("probe: tried", int(probe.tried), "worked", int(probe.worked), "failed", int(probe.failed_step or 0)),
        *("error", error, "reasons", len(probe.reasons)),
    )
    for kind, is_proved, words in probe.reasons:
        put("  kind", int(kind), "proved", int(is_proved), "text", words)


def dump_probes() -> None:
    probe_and_dump()
    probe_and_dump(read_only=True)
    probe_and_dump(userns.Step.NET | userns.Step.NESTED, one_by_one=True, subids=True)
    probe_and_dump(userns.Step(1 << 40))


def main() -> None:
    try:
        if sys.argv[1] == "probe":
            return dump_probes()
        put("version:", userns.version(), userns.version_number())
        scan_and_dump(sys.argv[1], True)
        scan_and_dump(sys.argv[1], False)
    except OSError as error:
        put("error", error.errno, error.strerror)
        sys.exit(1)


if __name__ == "__main__":
    main()
