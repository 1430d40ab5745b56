"""The build backend of this package, see PEP 517.

It puts the Python files and libuserns.so.0, which cargo builds, into a wheel. It needs Python and
cargo, and downloads nothing itself: a virtual environment needs neither setuptools nor wheel.

With the environment variable USERNS_SYSTEM_LIBRARY=1 nothing is compiled, and the module loads the
libuserns.so.0 that the system has.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import re
import struct
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path
from typing import Any, Dict, Iterator, List, NoReturn, Optional

PACKAGE = Path(__file__).resolve().parent.parent
SONAME = "libuserns.so.0"

# The files of an sdist: those of the package, and of the Rust library, which is put into libuserns/.
PACKAGE_FILES = ["README.md", "backend", "examples", "pyproject.toml", "src", "tests"]
CRATE_FILES = ["Cargo.lock", "Cargo.toml", "README.md", "benches", "build.rs", "include", "src", "tests"]
LICENSES = ["LICENSE-APACHE", "LICENSE-MIT"]

Files = Dict[str, bytes]  # by the path in an archive


def fail(reason: str) -> NoReturn:
    sys.exit(f"userns: {reason}")


# ---- What to build ----


def crate() -> Path:
    """The directory of the Rust library."""
    for directory in (PACKAGE / "libuserns", PACKAGE.parent.parent):
        if (directory / "include/userns.h").exists():
            return directory
    fail(
        f"the Rust library is not above {PACKAGE}: install from a checkout of libuserns with pip 21.3"
        " or newer, which builds in place, or from an sdist"
    )


def project() -> Dict[str, Any]:
    """The table [project] of pyproject.toml. Python reads TOML only from 3.11 on."""
    text = (PACKAGE / "pyproject.toml").read_text(encoding="utf-8")
    table = text.partition("[project]\n")[2].partition("\n[")[0]
    lines = [line.partition(" = ") for line in table.splitlines() if line]
    return {key: json.loads(value) for key, _, value in lines}


def version() -> str:
    """The version of the library, which is also that of this package."""
    text = (crate() / "Cargo.toml").read_text(encoding="utf-8")
    found = re.search(r'^version = "(\d+\.\d+\.\d+)"$', text, re.MULTILINE)
    return found[1] if found else fail("Cargo.toml has no version of three numbers")


def uses_system_library() -> bool:
    return os.environ.get("USERNS_SYSTEM_LIBRARY", "") not in ("", "0")


def metadata() -> bytes:
    """The core metadata of the package."""
    about = project()
    headers = [
        ("Metadata-Version", "2.4"),
        ("Name", about["name"]),
        ("Version", version()),
        ("Summary", about["description"]),
        ("Keywords", ",".join(about["keywords"])),
        ("License-Expression", about["license"]),
        *(("License-File", name) for name in LICENSES),
        *(("Classifier", name) for name in about["classifiers"]),
        ("Requires-Python", about["requires-python"]),
        ("Description-Content-Type", "text/markdown"),
    ]
    readme = (PACKAGE / str(about["readme"])).read_text(encoding="utf-8")
    return ("".join(f"{key}: {value}\n" for key, value in headers) + "\n" + readme).encode()


def below(path: Path) -> Iterator[Path]:
    """A file, or the files below a directory."""
    if path.is_dir():
        for entry in sorted(path.iterdir()):
            if entry.name != "__pycache__":
                yield from below(entry)
    else:
        yield path


def read(directory: Path, names: List[str], prefix: str = "") -> Files:
    """Files of a directory, and of those below it."""
    paths = (path for name in names for path in below(directory / name))
    return {prefix + path.relative_to(directory).as_posix(): path.read_bytes() for path in paths}


def licenses(prefix: str) -> Files:
    directory = PACKAGE if (PACKAGE / LICENSES[0]).exists() else crate()
    return read(directory, LICENSES, prefix)


def build_library() -> bytes:
    """Compiles the shared library, in the directory that `make` also builds it in."""
    directory = crate()
    target = Path(os.environ.get("CARGO_TARGET_DIR", "target")) / "install"
    cargo = os.environ.get("CARGO", "cargo")
    command = [cargo, "rustc", "--release", "--locked", "--lib", "--crate-type", "cdylib"]
    command += ["--target-dir", str(target), "--message-format", "json-render-diagnostics"]
    try:
        done = subprocess.run(command, cwd=directory, stdout=subprocess.PIPE, check=True)
    except FileNotFoundError:
        fail(
            f"there is no {cargo}: install Rust 1.85 or newer, or set USERNS_SYSTEM_LIBRARY=1"
            " to use a libuserns that is already installed"
        )
    except subprocess.CalledProcessError as error:
        fail(f"{cargo} failed with status {error.returncode}")
    for message in map(json.loads, done.stdout.splitlines()):
        if message["reason"] == "compiler-artifact" and "cdylib" in message["target"]["crate_types"]:
            for name in message["filenames"]:
                if name.endswith(".so"):
                    return Path(name).read_bytes()
    fail(f"{cargo} made no shared library")


# ---- Archives ----


def tag() -> str:
    """The tag of the wheel: any Python 3, and the platform of the library."""
    if uses_system_library():
        return "py3-none-any"
    platform = sysconfig.get_platform()
    if struct.calcsize("P") == 4:  # a 32-bit Python; the kernel can be a 64-bit one
        platform = {"linux-x86_64": "linux-i686", "linux-aarch64": "linux-armv7l"}.get(platform, platform)
    return "py3-none-" + platform.replace("-", "_").replace(".", "_")


def dist_info() -> str:
    return f"userns-{version()}.dist-info"


def metadata_files() -> Files:
    is_pure = "true" if uses_system_library() else "false"
    wheel = f"Wheel-Version: 1.0\nGenerator: userns_build\nRoot-Is-Purelib: {is_pure}\nTag: {tag()}\n"
    files = {f"{dist_info()}/METADATA": metadata(), f"{dist_info()}/WHEEL": wheel.encode()}
    files.update(licenses(f"{dist_info()}/licenses/"))
    return files


def record(files: Files) -> bytes:
    """The list of the files of a wheel, with their hashes."""
    lines = []
    for name, content in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        lines.append(f"{name},sha256={digest},{len(content)}\n")
    return ("".join(lines) + f"{dist_info()}/RECORD,,\n").encode()


# ---- The hooks that pip and build(1) call ----


def prepare_metadata_for_build_wheel(directory: str, config_settings: Optional[object] = None) -> str:
    for name, content in metadata_files().items():
        path = Path(directory) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return dist_info()


def build_wheel(
    directory: str,
    config_settings: Optional[object] = None,
    metadata_directory: Optional[str] = None,
) -> str:
    files = read(PACKAGE / "src", ["userns"])
    if not uses_system_library():
        files[f"userns/{SONAME}"] = build_library()
    files.update(metadata_files())
    files[f"{dist_info()}/RECORD"] = record(files)
    name = f"userns-{version()}-{tag()}.whl"
    with zipfile.ZipFile(Path(directory) / name, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in files.items():
            entry = zipfile.ZipInfo(path)  # of 1980, so that the archive is reproducible
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = (0o100755 if path.endswith(SONAME) else 0o100644) << 16
            archive.writestr(entry, content)
    return name


def build_sdist(directory: str, config_settings: Optional[object] = None) -> str:
    files = {"PKG-INFO": metadata()}
    files.update(read(PACKAGE, PACKAGE_FILES))
    files.update(licenses(""))
    files.update(read(crate(), CRATE_FILES + LICENSES, "libuserns/"))
    name = f"userns-{version()}"
    with tarfile.open(Path(directory) / f"{name}.tar.gz", "w:gz") as archive:
        for path, content in files.items():
            entry = tarfile.TarInfo(f"{name}/{path}")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return f"{name}.tar.gz"
