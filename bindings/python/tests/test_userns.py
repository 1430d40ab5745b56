"""What userns.py promises beside the answers, which facts.py compares. A file of constants, userns.h, is in USERNS_H."""

import copy
import errno
import gc
import os
import pickle
import re
import threading
import unittest
import weakref
from pathlib import Path
from typing import List

import userns


class Errors(unittest.TestCase):
    def test_they_are_os_errors_of_their_kind(self) -> None:
        with self.assertRaises(FileNotFoundError) as caught:
            userns.scan("/does/not/exist")
        self.assertEqual(caught.exception.errno, errno.ENOENT)
        self.assertEqual(caught.exception.filename, "/does/not/exist")
        self.assertIn("there is no such directory", str(caught.exception))
        with self.assertRaises(OSError) as not_procfs:
            userns.scan(Path("/"))
        self.assertEqual(not_procfs.exception.errno, errno.ENODEV)

    def test_a_path_is_never_cut(self) -> None:
        with self.assertRaises(ValueError):
            userns.scan("/proc\0/none")
        self.assertGreater(len(userns.scan(b"/proc").nodes), 0)

    def test_a_number_is_never_cut(self) -> None:
        snapshot = userns.scan()
        self.assertEqual(snapshot.find_pid(os.getpid()), snapshot.own)
        self.assertIsNone(snapshot.find_pid(os.getpid() + 2**32))
        for node in snapshot:
            self.assertIsNone(snapshot.find(node.inode + 2**64))

    def test_only_a_node_has_ancestors(self) -> None:
        snapshot = userns.scan(owned=True)
        for root in snapshot.roots:
            self.assertFalse(any(root.is_ancestor_of(other) for other in snapshot.namespaces))  # type: ignore[arg-type]

    def test_nothing_can_be_set(self) -> None:
        node = userns.scan().nodes[0]
        for name in ("inode", "pids", "other"):
            with self.assertRaises(AttributeError):
                setattr(node, name, 1)


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

    def test_a_closed_snapshot_is_asked_no_more(self) -> None:
        with userns.scan() as snapshot:
            node = snapshot.nodes[0]
            inode = node.inode
        for question in (lambda: snapshot.nodes, lambda: snapshot.gaps, lambda: snapshot.find(inode)):
            with self.assertRaises(ValueError):
                question()
        self.assertEqual(node.inode, inode)
        snapshot.close()
        self.assertIn("Snapshot", repr(snapshot))

    def test_copies_share_it(self) -> None:
        node = copy.copy(userns.scan().nodes[0])
        self.assertEqual(node, copy.copy(node))
        for make in (copy.deepcopy, pickle.dumps):
            with self.assertRaises(TypeError):
                make(node)

    def test_equality_is_identity(self) -> None:
        first, second = userns.scan(), userns.scan()
        self.assertEqual(first.nodes[0], first.roots[0])
        self.assertEqual(len({first.nodes[0], first.roots[0]}), 1)
        self.assertNotEqual(first.nodes[0], second.nodes[0])
        first.close()
        third = userns.scan()  # can be where the first one was
        third.close()
        self.assertTrue(first != third and first == first)

    def test_threads_and_a_close_in_between(self) -> None:
        wrong: List[BaseException] = []

        def ask(snapshot: userns.Snapshot) -> None:
            try:
                while True:
                    assert all(node.pids == node.pids for node in snapshot)
            except ValueError:
                pass  # it is closed now
            except BaseException as error:
                wrong.append(error)

        for _ in range(10):
            snapshot = userns.scan()
            threads = [threading.Thread(target=ask, args=[snapshot]) for _ in range(4)]
            for thread in threads:
                thread.start()
            snapshot.close()
            for thread in threads:
                thread.join()
        self.assertEqual(wrong, [])

    def test_nothing_is_left(self) -> None:
        def resident() -> int:
            return int(Path("/proc/self/statm").read_text().split()[1])

        def scan() -> None:
            for node in userns.scan(owned=True, names=True):
                self.assertEqual(len(node.names), len(node.pids))

        for _ in range(200):
            scan()
        before = resident()
        kept = [userns.scan(owned=True, names=True) for _ in range(500)]
        held = resident() - before
        del kept
        before = resident()
        for _ in range(2000):
            scan()
        self.assertGreater(held, 0)
        self.assertLess(resident() - before, 2 * held)  # half of what 2000 snapshots take


class Header(unittest.TestCase):
    def test_constants(self) -> None:
        header = Path(os.environ["USERNS_H"]).read_text()
        pattern = r"^#define USERNS_(SCAN|GAP|NODE|PIN|SOURCE)_(\w+) (?:UINT64_C\()?(\d+)"
        kinds = {
            "SCAN": userns._ScanFlag, "GAP": userns.Gap, "NODE": userns.NodeFlag, "PIN": userns.PinKind,
            "SOURCE": userns.Source,
        }  # fmt: skip
        constants = re.findall(pattern, header, re.MULTILINE)
        for kind, name, value in constants:
            self.assertEqual(kinds[kind][name], int(value))
        self.assertEqual(len(constants), sum(len(kind) for kind in kinds.values()))

    def test_later_numbers(self) -> None:
        self.assertEqual(userns._one_of(userns.Source)(None, 99), 99)  # type: ignore[arg-type]
        self.assertEqual(userns.Gap(1 << 20 | 2), userns.Gap.HIDEPID | 1 << 20)


if __name__ == "__main__":
    unittest.main()
