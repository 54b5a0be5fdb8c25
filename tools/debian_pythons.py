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
    unpack_source(debian, f"python{series}", work)
    build(
        work,
        target / "bin" / f"python{series}t",
        "--disable-gil",
        modules="ctypes, ensurepip, sqlite3, ssl, venv, zlib",
        remedy=f"apt install {HEADERS}",
    )


def unpack_source(debian: Debian, package: str, work: Path) -> None:
    """Unpack the newest source of a package into a folder."""
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    archive = debian.source(package, work)
    call("tar", "--extract", "--file", str(archive), "--strip-components=1", cwd=work)


def build(
    source: Path,
    python: Path,
    *options: str,
    modules: str,
    remedy: str = "",
    environment: dict[str, str] | None = None,
) -> None:
    """Build the sources in a folder, which goes then, and install the interpreter of this path.

    Raises:
        Unavailable: It can't be built, or it lacks one of the modules; that is what the remedy is
            for.
    """
    target = python.parents[1]
    log = source.with_name(f"{source.name}.log")
    print(f"  building {python.name}, which takes up to ten minutes; see {log}", flush=True)

    def run(*command: str) -> None:
        call(*command, cwd=source, log=log, env=environment)

    run("./configure", f"--prefix={target}", *options)
    run("make", f"-j{os.cpu_count() or 1}")
    shutil.rmtree(target, ignore_errors=True)
    run("make", "install")
    try:
        call(str(python), "-c", f"import {modules}")
    except Unavailable as error:
        shutil.rmtree(target)
        raise Unavailable(
            f"{python.name} was built incomplete ({error}) {remedy}".rstrip()
        ) from None
    shutil.rmtree(source)
