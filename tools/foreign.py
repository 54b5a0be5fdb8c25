"""Interpreters of other systems and processors that run on this machine all the same."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import debian_pythons
import emulators
import musl_python
import windows_python
from debian import CACHE, Debian, Unavailable, call
from interpreters import Interpreter

# An emulated processor is slow, and what is tested is not how fast anything is.
PATIENCE = 10
PATIENT = ("--timeout=1200", "--override-ini=faulthandler_timeout=1000")

VERSION = 'import sys; print("%d.%d.%d" % sys.version_info[:3])'


@dataclass(frozen=True, kw_only=True)
class Foreign(Interpreter):
    """An interpreter of another system or processor: a script that calls it."""

    make: Callable[[Path], Path]
    """Makes an environment in a folder and gives its Python."""
    options: tuple[str, ...] = ()
    """What pytest has to be told."""
    patience: int = 1
    """How many times as slow as usual it may be before a test takes that for a hang."""

    def environment(self, folder: Path) -> Path:
        """Make an environment of its own, with pip, in a folder, and give its Python."""
        return self.make(folder)


def foreign(system: str, processor: str, series: str) -> Foreign:
    """Find or fetch the interpreter for wheels of a platform."""
    if series.endswith("t"):
        raise Unavailable(f"there is no free-threaded Python for {system} on {processor} here")
    if (system, processor) == ("win", "amd64"):
        path = windows_python.python(series)
        version = _version(path)
        make = functools.partial(windows_python.environment, series)
        return Foreign(path, version, False, make=make, patience=3)
    if (system, processor) == ("manylinux", "aarch64"):
        path = _aarch64(series)
        make = functools.partial(_venv, path)
        return Foreign(path, _version(path), False, make=make, options=PATIENT, patience=PATIENCE)
    if (system, processor) == ("musllinux", "x86_64"):
        path = musl_python.python(series)
        return Foreign(path, _version(path), False, make=functools.partial(_venv, path))
    raise Unavailable(f"is for {system} on {processor}")


def _version(python: Path) -> str:
    return call(str(python), "-c", VERSION).split()[-1]


def _aarch64(series: str) -> Path:
    folder = CACHE / "aarch64" / f"python{series}"
    python = folder / "usr" / "bin" / f"python{series}"
    if not python.exists():
        print(f"fetching Python {series} for aarch64 from Debian into {folder}", flush=True)
        debian = Debian(CACHE / "debian", "arm64")
        debian_pythons.unpack(debian, series, folder, emulator=str(emulators.qemu()))
    return python


def _venv(python: Path, folder: Path) -> Path:
    call(str(python), "-m", "venv", str(folder))
    return folder / "bin" / "python"
