"""Interpreters out of Debian's packages and sources, each in a folder of its own."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

from debian import Debian, Unavailable, call

BUILD_NEEDS = {"cc": "build-essential", "make": "build-essential", "tar": "tar", "xz": "xz-utils"}
HEADERS = "libssl-dev libffi-dev zlib1g-dev libsqlite3-dev libbz2-dev liblzma-dev"

# The loader and the libraries come with the interpreter, for it may be too new for the machine's.
WRAPPER = """\
#!/bin/sh
exec "{loader}" --argv0 "$0" --library-path "{libraries}" "{program}" "$@"
"""

# The same on another kind of processor, which an emulator stands in for. Children that are started
# by the path of this file go through it as well.
EMULATED = """\
#!/bin/sh
exec {emulator} -0 "$0" -E LD_LIBRARY_PATH="{libraries}" -L "{root}" "{program}" "$@"
"""


def unpack(debian: Debian, series: str, target: Path, emulator: str | None = None) -> None:
    """Unpack the interpreter `python<series>` and all that it needs, to `usr/` in a folder."""
    # libgcc-s1 is what extension modules in Rust need.
    debian.unpack([f"python{series}-venv", "libgcc-s1"], target)
    usr = target / "usr"
    name = f"python{series}"
    loader = loader_of(name, usr)
    wheels = usr / "share" / "python-wheels"
    for data in (usr / "lib" / name).glob("_sysconfigdata_*.py"):
        text = data.read_text()
        moved = re.sub(r"('WHEEL_PKG_DIR': ).*", rf"\1{str(wheels)!r},", text)
        data.write_text(moved)
    python = usr / "bin" / name
    binary = python.with_suffix(f"{python.suffix}.bin")
    python.rename(binary)
    libraries = loader.parent
    if emulator is None:
        wrapper = WRAPPER.format(loader=loader, libraries=libraries, program=binary)
    else:
        # An emulated program looks for its loader where Debian has it.
        (target / "lib").symlink_to("usr/lib")
        wrapper = EMULATED.format(
            emulator=emulator, libraries=libraries, root=target, program=binary
        )
    python.write_text(wrapper)
    python.chmod(0o755)


def loader_of(name: str, usr: Path) -> Path:
    """Give the loader that came with a program."""
    loaders = sorted(usr.glob("lib/*/ld-linux*.so.*"))
    if not loaders:
        raise Unavailable(f"no loader came with {name}")
    return loaders[0]


def build_free_threaded(debian: Debian, series: str, target: Path, work: Path) -> None:
    """Build `python<series>t` from Debian's source package in one folder, install it in another."""
    missing = {package for tool, package in BUILD_NEEDS.items() if shutil.which(tool) is None}
    if missing:
        raise Unavailable(f"building Python needs: apt install {' '.join(sorted(missing))}")
    unpack_source(debian, series, work)
    log = work.with_suffix(".log")
    print(f"  building Python {series}t, which takes ten minutes; see {log}", flush=True)
    call("./configure", "--disable-gil", f"--prefix={target}", cwd=work, log=log)
    call("make", f"-j{os.cpu_count() or 1}", cwd=work, log=log)
    shutil.rmtree(target, ignore_errors=True)
    call("make", "install", cwd=work, log=log)
    modules = "import ctypes, ensurepip, sqlite3, ssl, venv, zlib"
    try:
        call(str(target / "bin" / f"python{series}t"), "-c", modules)
    except Unavailable as error:
        shutil.rmtree(target)
        raise Unavailable(f"built incomplete ({error}): apt install {HEADERS}") from None
    shutil.rmtree(work)


def unpack_source(debian: Debian, series: str, work: Path) -> None:
    """Unpack the newest source of a series into a folder."""
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    archive = debian.source(f"python{series}", work)
    call("tar", "--extract", "--file", str(archive), "--strip-components=1", cwd=work)
