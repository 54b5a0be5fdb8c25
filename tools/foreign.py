"""Interpreters of other systems and processors that run on this machine all the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import debian_pythons
import emulators
import windows_python
from debian import CACHE, Debian, Unavailable, call
from interpreters import Interpreter

# An emulated processor is slow, and nothing of what is tested is how fast anything is.
PATIENCE = ("--timeout=900", "--override-ini=faulthandler_timeout=800")

VERSION = """
import sys, sysconfig
print("%d.%d.%d" % sys.version_info[:3], bool(sysconfig.get_config_var("Py_GIL_DISABLED")))
"""


@dataclass(frozen=True)
class Foreign(Interpreter):
    """An interpreter of another system or processor: a script that calls it."""

    make: Callable[[Path], Path]
    """Makes an environment in a folder and gives its Python."""
    options: tuple[str, ...]
    """What pytest has to be told."""

    def environment(self, folder: Path) -> Path:
        """Make an environment of its own, with pip, in a folder, and give its Python."""
        return self.make(folder)


def foreign(system: str, processor: str, series: str) -> Foreign:
    """Find or fetch the interpreter for wheels of a platform."""
    if series.endswith("t"):
        raise Unavailable(f"there is no free-threaded Python for {system} on {processor} here")
    if (system, processor) == ("win", "amd64"):
        path = windows_python.python(series)
        return _foreign(path, lambda folder: windows_python.environment(series, folder), ())
    if (system, processor) == ("manylinux", "aarch64"):
        path = _aarch64(series)
        return _foreign(path, lambda folder: _venv(path, folder), PATIENCE)
    raise Unavailable(f"is for {system} on {processor}")


def _foreign(path: Path, make: Callable[[Path], Path], options: tuple[str, ...]) -> Foreign:
    version, is_free_threaded = call(str(path), "-c", VERSION).split()[-2:]
    return Foreign(path, version, is_free_threaded == "True", make, options)


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
