"""The build backend, without compiling the library."""

import importlib
import os
import sys
import tarfile
import tempfile
import unittest
import zipfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "backend"))

import userns_build


class Backend(unittest.TestCase):
    def setUp(self) -> None:
        os.environ["USERNS_SYSTEM_LIBRARY"] = "1"
        self.addCleanup(os.environ.pop, "USERNS_SYSTEM_LIBRARY")

    def test_pyproject_is_read_as_toml(self) -> None:
        try:
            tomllib = importlib.import_module("tomllib")
        except ImportError:
            self.skipTest("tomllib is new in Python 3.11")
        with open(userns_build.PACKAGE / "pyproject.toml", "rb") as file:
            self.assertEqual(tomllib.load(file)["project"], userns_build.project())

    def test_wheel_for_the_system_library(self) -> None:
        with tempfile.TemporaryDirectory() as directory:
            name = userns_build.build_wheel(directory)
            self.assertEqual(name, f"userns-{userns_build.version()}-py3-none-any.whl")
            with zipfile.ZipFile(Path(directory) / name) as wheel:
                names = set(wheel.namelist())
                metadata = wheel.read(f"{userns_build.dist_info()}/METADATA").decode()
        source = {f"userns/{path.name}" for path in (userns_build.PACKAGE / "src/userns").iterdir() if path.is_file()}
        self.assertIn("userns/py.typed", source)
        info = ("METADATA", "RECORD", "WHEEL", "licenses/LICENSE-APACHE", "licenses/LICENSE-MIT")
        self.assertEqual(names, source | {f"{userns_build.dist_info()}/{path}" for path in info})
        self.assertIn(f"\nVersion: {userns_build.version()}\n", metadata)
        self.assertIn("\nLicense-Expression: MIT OR Apache-2.0\n", metadata)
        self.assertNotIn("Requires-Dist", metadata)

    def test_sdist_contains_the_library(self) -> None:
        with tempfile.TemporaryDirectory() as directory:
            name = userns_build.build_sdist(directory)
            with tarfile.open(Path(directory) / name) as sdist:
                names = sdist.getnames()
        top = name[: -len(".tar.gz")]
        for path in ("PKG-INFO", "pyproject.toml", "src/userns/py.typed", "libuserns/src/lib.rs", "LICENSE-MIT"):
            self.assertIn(f"{top}/{path}", names)


if __name__ == "__main__":
    unittest.main()
