"""What the module promises besides the answers, which dump.py compares.

The environment variable USERNS_H names the header, whose constants are compared.
"""

import codecs
import copy
import errno
import gc
import io
import os
import pickle
import re
import subprocess
import tempfile
import threading
import time
import unittest
import weakref
from datetime import datetime, timedelta, timezone
from enum import IntFlag
from pathlib import Path
from typing import Any, Dict, IO, List, Optional, Union, cast

import userns
from userns import _constants


class Errors(unittest.TestCase):
    def test_they_are_os_errors_of_their_kind(self) -> None:
        with self.assertRaises(FileNotFoundError) as caught:
            userns.scan("/does/not/exist")
        self.assertEqual(caught.exception.errno, errno.ENOENT)
        self.assertEqual(caught.exception.filename, "/does/not/exist")
        self.assertIn("does not exist", str(caught.exception))
        with self.assertRaises(OSError) as not_procfs:
            userns.scan(Path("/"))
        self.assertEqual(not_procfs.exception.errno, errno.ENODEV)

    def test_a_path_is_not_truncated(self) -> None:
        with self.assertRaises(ValueError):
            userns.scan("/proc\0/none")
        self.assertGreater(len(userns.scan(b"/proc").nodes), 0)

    def test_a_number_is_not_truncated(self) -> None:
        snapshot = userns.scan(names=True)
        pid = os.getpid()
        self.assertEqual(snapshot.find_pid(pid), snapshot.self_node)
        self.assertIsNone(snapshot.find_pid(pid + 2**32))
        self.assertIsNotNone(snapshot.process_name(pid))
        self.assertIsNone(snapshot.process_name(pid + 2**32))
        self.assertEqual(snapshot.gap_count(userns.Gap(2**32 | 1)), 0)
        for node in snapshot:
            self.assertIsNone(snapshot.find_inode(node.inode + 2**64))
            self.assertIsNone(snapshot.find_inode(node.inode - 2**64))

    def test_only_nodes_are_descendants(self) -> None:
        snapshot = userns.scan(owned=True)
        self.assertGreater(len(snapshot.nonusers), 0)
        with self.assertRaises(TypeError):
            snapshot.roots[0].is_ancestor_of(snapshot.nonusers[0])  # type: ignore[arg-type]

    def test_attributes_are_read_only(self) -> None:
        snapshot = userns.scan()
        for name in ("inode", "pids", "other"):
            with self.assertRaises(AttributeError):
                setattr(snapshot.nodes[0], name, 1)
        for name in ("nodes", "time", "other"):
            with self.assertRaises(AttributeError):
                setattr(snapshot, name, 1)


class Actions(unittest.TestCase):
    def test_open(self) -> None:
        snapshot = userns.scan(owned=True)
        node, nonusers = snapshot.self_node, snapshot.nonusers
        assert node is not None
        own = [ns for ns in nonusers if ns.inode == os.stat("/proc/self/ns/net").st_ino]
        namespaces: List[Union[userns.Node, userns.Nonuser]] = [node, *own]
        for namespace in namespaces:
            fd = namespace.open()
            try:
                self.assertEqual(os.fstat(fd).st_ino, namespace.inode)
                self.assertFalse(os.get_inheritable(fd))
            finally:
                os.close(fd)
        self.assertEqual(len(own), 1)

    def test_describe(self) -> None:
        own = userns.describe()
        status = os.stat("/proc/self/ns/user")
        self.assertEqual((own.inode, own.device), (status.st_ino, status.st_dev))
        self.assertTrue(own.is_own)
        self.assertEqual(own.is_initial, own.inode == 4026531837)
        self.assertEqual(own.is_parent_hidden, own.parent is None and not own.is_initial)
        self.assertIsNone(own.owner)
        with open("/proc/self/ns/user") as file:
            self.assertEqual(userns.describe(file), own)
            self.assertEqual(userns.describe(file.fileno()), own)
        with open("/proc/self/ns/net") as file:
            self.assertNotEqual(userns.describe(file).type, own.type)
            self.assertTrue(userns.describe(file).is_own)
        with open("/dev/null") as file, self.assertRaises(OSError) as caught:
            userns.describe(file)
        self.assertEqual(caught.exception.errno, errno.ENOTTY)
        with self.assertRaises(OverflowError):
            userns.describe(2**32 - 1)


class Changes(unittest.TestCase):
    def test_a_process_joins_and_leaves(self) -> None:
        before = userns.scan()
        with subprocess.Popen(["sleep", "100"]) as process:
            between = userns.scan()
            process.kill()
        after = userns.scan()
        joined = userns.Change(userns.ChangeKind.JOINED, between.self_node, process.pid)  # type: ignore[arg-type]
        left = userns.Change(userns.ChangeKind.LEFT, between.self_node, process.pid)  # type: ignore[arg-type]
        self.assertIn(joined, userns.compare(before, between))
        self.assertIn(left, userns.compare(between, after))
        self.assertEqual(userns.compare(after, after), [])

    def test_nodes_keep_their_snapshots(self) -> None:
        before = userns.scan()
        with subprocess.Popen(["sleep", "100"]) as process:
            after = userns.scan()
            process.kill()
        changes = userns.compare(before, after) + userns.compare(after, before)
        before.close()
        after.close()
        del before, after
        gc.collect()
        own = userns.describe().inode
        found = [(change.kind.name, change.node.inode) for change in changes if change.pid == process.pid]
        self.assertEqual(found, [("JOINED", own), ("LEFT", own)])

    def test_only_open_snapshots_are_compared(self) -> None:
        snapshot, closed = userns.scan(), userns.scan()
        closed.close()
        with self.assertRaises(ValueError):
            userns.compare(snapshot, closed)
        with self.assertRaises(TypeError):
            userns.compare(snapshot, None)  # type: ignore[arg-type]


class Slow(io.RawIOBase):
    """A raw file that takes a part of the bytes at a time, and as many as it has room for."""

    def __init__(self, to: IO[bytes], room: int) -> None:
        self.to, self.room = to, room

    def write(self, data: Any) -> Optional[int]:
        part = data[: min(100, self.room)]
        self.room -= len(part)
        return self.to.write(part) or None


class Silent:
    """Something like a file, whose write() returns nothing."""

    def __init__(self) -> None:
        self.parts: List[bytes] = []

    def write(self, data: bytes) -> None:
        self.parts.append(data)


class Saved(unittest.TestCase):
    def test_round_trip(self) -> None:
        snapshot = userns.scan(owned=True, names=True)
        binary, text = io.BytesIO(), io.StringIO()
        snapshot.save(binary)
        snapshot.save(text)
        self.assertEqual(text.getvalue().encode(), binary.getvalue())
        with tempfile.TemporaryFile() as file:
            snapshot.save(file)
            file.flush()
            os.lseek(file.fileno(), 0, os.SEEK_SET)
            saved: List[Any] = [file.fileno(), io.BytesIO(binary.getvalue()), io.StringIO(text.getvalue())]
            for source in saved:
                loaded = userns.load(source)
                self.assertEqual(loaded.to_dict(), snapshot.to_dict())
                self.assertEqual(loaded.time_ns, snapshot.time_ns)
                self.assertEqual([node.pids for node in loaded], [node.pids for node in snapshot])

    def test_raw_files(self) -> None:
        snapshot = userns.scan(owned=True, names=True)
        expected, written = io.BytesIO(), io.BytesIO()
        snapshot.save(expected)
        raw = Slow(written, len(expected.getvalue()))
        snapshot.save(cast(IO[bytes], raw))
        self.assertEqual(written.getvalue(), expected.getvalue())
        with self.assertRaises(BlockingIOError):
            snapshot.save(cast(IO[bytes], Slow(io.BytesIO(), len(expected.getvalue()) - 1)))

    def test_wrappers(self) -> None:
        snapshot = userns.scan()
        expected, silent = io.BytesIO(), Silent()
        snapshot.save(expected)
        snapshot.save(cast(IO[bytes], silent))
        self.assertEqual(silent.parts, [expected.getvalue()])
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "snapshot.json")
            with open(path, "wb") as file, codecs.getwriter("utf-8")(file) as text:
                self.assertNotIsInstance(text, io.TextIOBase)
                snapshot.save(cast(IO[str], text))
            self.assertEqual(Path(path).read_bytes(), expected.getvalue())
            with tempfile.NamedTemporaryFile("w+", encoding="utf-8", dir=directory) as named:
                snapshot.save(named)
                named.flush()
                self.assertEqual(Path(named.name).read_bytes(), expected.getvalue())

    def test_to_dict(self) -> None:
        snapshot = userns.scan(names=True)
        whole = snapshot.to_dict()
        self.assertEqual(whole["format"]["major"], 1)
        self.assertEqual([node["inode"] for node in whole["nodes"]], [node.inode for node in snapshot])
        own = next(process for process in whole["processes"] if process["pid"] == os.getpid())
        self.assertEqual(own["name"], snapshot.process_name(os.getpid()))

    def test_errors(self) -> None:
        snapshot = userns.scan()
        for bad in (io.BytesIO(b"{}"), io.StringIO("")):
            with self.assertRaises(OSError) as raised:
                userns.load(bad)
            self.assertEqual(raised.exception.errno, errno.EBADMSG)
        with self.assertRaises(OSError) as raised:
            snapshot.save(-1)
        self.assertEqual(raised.exception.errno, errno.EBADF)
        with self.assertRaises(OverflowError):
            userns.load(1 << 32)
        read, write = os.pipe()
        os.close(read)
        with self.assertRaises(BrokenPipeError):
            snapshot.save(write)
        os.close(write)


class Probe(unittest.TestCase):
    def test_it_tells_what_works(self) -> None:
        probe = userns.probe(userns.Step.MAP)
        if probe.failed_step is None:
            self.assertEqual((probe.worked, probe.error), (userns.Step.CREATE | userns.Step.MAP, None))
            self.assertEqual((probe.tried, probe.reasons), (probe.worked, []))
        else:
            self.assertIsInstance(probe.error, OSError)
            self.assertTrue(probe.reasons and all(reason.text for reason in probe.reasons))

    def test_it_changes_nothing(self) -> None:
        own, descriptors = userns.describe(), os.listdir("/proc/self/fd")
        userns.probe()
        self.assertEqual((userns.describe(), os.listdir("/proc/self/fd")), (own, descriptors))
        with self.assertRaises(ChildProcessError):
            os.waitpid(-1, os.WNOHANG)

    def test_errors(self) -> None:
        with self.assertRaises(OSError) as caught:
            userns.probe(userns.Step(1 << 63))
        self.assertEqual(caught.exception.errno, errno.EINVAL)
        for steps in (-1, 2**64):
            with self.assertRaises(ValueError):
                userns.probe(steps)  # type: ignore[arg-type]


class Values(unittest.TestCase):
    def test_time(self) -> None:
        before = time.time_ns()
        snapshot = userns.scan()
        self.assertTrue(before <= snapshot.time_ns <= time.time_ns())
        age = datetime.now(timezone.utc) - snapshot.time
        self.assertTrue(timedelta(0) <= age < timedelta(minutes=1))
        self.assertEqual(int(snapshot.time.timestamp()), snapshot.time_ns // 10**9)

    def test_host(self) -> None:
        snapshot = userns.scan()
        boot_id = Path("/proc/sys/kernel/random/boot_id")
        if boot_id.exists():
            self.assertEqual(snapshot.boot_id, boot_id.read_text().strip())
        self.assertEqual(snapshot.pid_namespace, os.stat("/proc/self/ns/pid").st_ino)
        self.assertEqual(snapshot.source, userns.Source.PROCFS)
        self.assertIsNone(snapshot.source_error)
        self.assertEqual(snapshot.empty_source, userns.EmptySource.ANCESTORS)

    def test_names(self) -> None:
        pid = os.getpid()
        with_names = userns.scan(names=True)
        expected = Path("/proc/self/comm").read_text().rstrip("\n")
        self.assertEqual(with_names.process_name(pid), expected)
        self.assertIsNone(userns.scan().process_name(pid))

    def test_credentials(self) -> None:
        pid = os.getpid()
        snapshot, without = userns.scan(credentials=True, cgroups=True), userns.scan()
        node = snapshot.self_node
        assert node is not None
        self.assertEqual(snapshot.process_uid(pid), os.geteuid())
        self.assertEqual(snapshot.process_pids(pid)[0], pid)
        status = Path("/proc/self/status").read_text()
        effective = int(status.split("CapEff:")[1].split()[0], 16)
        self.assertEqual(snapshot.process_capabilities(pid), effective)
        last = Path("/proc/self/cgroup").read_text().splitlines()[-1]
        self.assertEqual(snapshot.process_cgroup(pid), last[3:] if last.startswith("0::") else None)
        self.assertEqual(snapshot.capable(pid, 21, node), (bool(effective >> 21 & 1), userns.Why.MEMBER))
        self.assertIsNone(without.process_uid(pid))
        self.assertIsNone(without.process_capabilities(pid))
        self.assertIsNone(without.process_cgroup(pid))
        self.assertEqual(without.process_pids(pid), [])
        with self.assertRaises(ProcessLookupError):
            snapshot.capable(pid + 2**32, 21, node)
        for capability, of in ((-1, node), (64, node), (2**32, node), (21, without.nodes[0])):
            with self.assertRaises(OSError) as caught:
                snapshot.capable(pid, capability, of)
            self.assertEqual(caught.exception.errno, errno.EINVAL)
        with self.assertRaises(TypeError):
            snapshot.capable(pid, 21, pid)  # type: ignore[arg-type]

    def test_limit(self) -> None:
        snapshot = userns.scan(pinned=True)
        node = snapshot.self_node
        assert node is not None
        self.assertEqual(node.limit, int(Path("/proc/sys/user/max_user_namespaces").read_text()))
        below = sum(node.is_ancestor_of(other) for other in snapshot)
        self.assertEqual(sum(charge.count for charge in node.charges), below)

    def test_flags(self) -> None:
        for node in userns.scan(pinned=True):
            flags = {
                userns.NodeFlag.INITIAL: node.is_initial,
                userns.NodeFlag.PARENT_HIDDEN: node.is_parent_hidden,
                userns.NodeFlag.EMPTY: node.is_empty,
                userns.NodeFlag.ONLY_PINNED: node.is_only_pinned,
            }
            self.assertEqual(node.flags, sum(flag for flag, is_set in flags.items() if is_set))

    def test_gap_counts(self) -> None:
        snapshot = userns.scan(pinned=True)
        for gap in userns.Gap:
            self.assertEqual(gap in snapshot.gaps, snapshot.gap_count(gap) > 0)

    def test_limit_of_pins(self) -> None:
        def count_own(limit: int) -> int:
            all_pins = (pin for node in userns.scan(pinned=True, limit=limit) for pin in node.pins)
            kind = userns.PinKind.DESCRIPTOR
            return sum(pin.kind == kind and pin.pid == os.getpid() for pin in all_pins)

        opened = [open("/proc/self/ns/user") for _ in range(10)]
        self.assertEqual(count_own(0), 10)
        self.assertLess(count_own(1), 5)
        for limit in (-1, 2**64):
            with self.assertRaises(ValueError):
                userns.scan(limit=limit)
        for file in opened:
            file.close()

    def test_repr(self) -> None:
        snapshot = userns.scan(pinned=True)
        node = snapshot.nodes[0]
        self.assertIn(f"user:[{node.inode}]", repr(node))
        nonuser = snapshot.nonusers[0]
        self.assertIn(f"{nonuser.type_name}:[{nonuser.inode}]", repr(nonuser))
        self.assertIn("MEMBER pid=", repr(nonuser.pins[0]))


class Memory(unittest.TestCase):
    def test_a_node_keeps_its_snapshot(self) -> None:
        snapshot = userns.scan(owned=True)
        memory = weakref.ref(snapshot._memory)
        node, inode = snapshot.nodes[0], snapshot.nodes[0].inode
        del snapshot
        gc.collect()
        self.assertIsNotNone(memory())
        self.assertEqual(node.inode, inode)
        owned = node.owned
        del node
        self.assertIsNotNone(memory() if owned else self)
        del owned
        gc.collect()
        self.assertIsNone(memory())

    def test_a_closed_snapshot_cannot_be_used(self) -> None:
        with userns.scan() as snapshot:
            node = snapshot.nodes[0]
            inode = node.inode
        for use in (lambda: snapshot.nodes, lambda: snapshot.gaps, lambda: snapshot.find_inode(inode)):
            with self.assertRaises(ValueError):
                use()
        self.assertEqual(node.inode, inode)
        snapshot.close()
        self.assertIn("closed", repr(snapshot))

    def test_a_copy_is_the_same_object(self) -> None:
        snapshot = userns.scan()
        node = copy.copy(snapshot.nodes[0])
        self.assertEqual(node, snapshot.nodes[0])
        for make in (copy.deepcopy, pickle.dumps):
            for value in (node, snapshot):
                with self.assertRaises(TypeError):
                    make(value)

    def test_equality_is_identity(self) -> None:
        first, second = userns.scan(), userns.scan()
        self.assertEqual(first.nodes[0], first.roots[0])
        self.assertEqual(len({first.nodes[0], first.roots[0]}), 1)
        self.assertNotEqual(first.nodes[0], second.nodes[0])
        self.assertNotEqual(first.nodes[0], first.nodes[0].inode)
        self.assertNotEqual(first, second)

    def test_close_in_another_thread(self) -> None:
        unexpected: List[BaseException] = []

        def use(snapshot: userns.Snapshot) -> None:
            try:
                while True:
                    assert all(node.pids == node.pids for node in snapshot)
            except ValueError:
                pass  # it is closed now
            except BaseException as error:
                unexpected.append(error)

        for _ in range(10):
            snapshot = userns.scan()
            threads = [threading.Thread(target=use, args=[snapshot]) for _ in range(4)]
            for thread in threads:
                thread.start()
            snapshot.close()
            for thread in threads:
                thread.join()
        self.assertEqual(unexpected, [])

    def test_no_leak(self) -> None:
        def resident() -> int:
            return int(Path("/proc/self/statm").read_text().split()[1])

        def scan() -> None:
            snapshot = userns.scan(owned=True, names=True)
            for node in snapshot:
                for pid in node.pids:
                    self.assertIsNotNone(snapshot.process_name(pid))

        for _ in range(200):
            scan()
        # Memory that is free in the heap is used first. So the number of snapshots is no constant.
        before = resident()
        kept = []
        while resident() - before < 512:
            kept.append(userns.scan(owned=True, names=True))
        count = len(kept)
        del kept
        before = resident()
        for _ in range(4 * count):
            scan()
        self.assertLess(resident() - before, 2 * 512)  # half of what as many snapshots take


class Header(unittest.TestCase):
    def test_constants(self) -> None:
        header = Path(os.environ["USERNS_H"]).read_text(encoding="utf-8")
        bits: Dict[str, Any] = {
            "SCAN": _constants.ScanFlag,
            "GAP": userns.Gap,
            "NODE": userns.NodeFlag,
            "INFO": userns.InfoFlag,
            "PROBE": _constants.ProbeFlag,
            "STEP": userns.Step,
        }
        values: Dict[str, Any] = {
            "PIN": userns.PinKind,
            "SOURCE": userns.Source,
            "EMPTY_SOURCE": userns.EmptySource,
            "WHY": userns.Why,
            "CHANGE": userns.ChangeKind,
            "REASON": userns.ReasonKind,
        }
        for kinds, line, is_flag in (
            (bits, rf"^#define USERNS_({'|'.join(bits)})_(\w+) (?:UINT64_C\()?(0x[0-9a-f]+)", True),
            (values, rf"^    USERNS_({'|'.join(values)})_(\w+) = (\d+),", False),
        ):
            expected: Dict[str, Dict[str, int]] = {}
            for kind, name, value in re.findall(line, header, re.MULTILINE):
                expected.setdefault(kind, {})[name] = int(value, 0)
            found = {kind: {each.name: int(each) for each in members} for kind, members in kinds.items()}
            self.assertEqual(found, expected)
            self.assertTrue(all(issubclass(members, IntFlag) == is_flag for members in kinds.values()))

    def test_values_of_a_newer_library(self) -> None:
        source = userns.Source(99)
        self.assertEqual((source, source.name), (99, "UNKNOWN_99"))
        self.assertNotIn(99, list(userns.Source))
        self.assertIn("UNKNOWN_99", repr(source))
        self.assertEqual(userns.PinKind(2**31), 2**31)
        self.assertEqual(userns.Gap(1 << 20 | 2), userns.Gap.HIDEPID | 1 << 20)
        with self.assertRaises(ValueError):
            userns.Source("procfs")  # type: ignore[arg-type]


if __name__ == "__main__":
    unittest.main()
