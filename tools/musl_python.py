"""CPython that is linked with musl, built from Debian's source package, as no registry has one."""

from __future__ import annotations

import platform
import shutil
from pathlib import Path

import debian_pythons
import musl_libraries
from debian import CACHE, Debian, Unavailable
from musl_libraries import LIBRARIES, LOADER

# Musl gives a thread 128 KB, in which Python overflows before it counts to its limit of recursion.
# Alpine's Python asks for a megabyte, and so does this.
STACK = "-Wl,-z,stack-size=0x100000"

MODULES = "asyncio, ctypes, ensurepip, hashlib, socket, ssl, venv, zlib"


def python(series: str) -> Path:
    """Give the path of CPython for musl, found or built."""
    path = musl_libraries.FOLDER / f"python{series}" / "bin" / f"python{series}"
    if not path.exists():
        if platform.machine() != "x86_64":
            raise Unavailable(f"no CPython for musl on x86_64 runs on {platform.machine()}")
        _build(path, CACHE / "debian" / "build-musl")
    return path


def _build(python: Path, work: Path) -> None:
    environment = _environment()
    musl_libraries.fetch_loader()
    musl_libraries.build(work)
    source = work / python.name
    debian_pythons.unpack_source(Debian(CACHE / "debian"), python.name, source)
    options = ("--disable-test-modules", f"--with-openssl={LIBRARIES}")
    debian_pythons.build(source, python, *options, modules=MODULES, environment=environment)
    shutil.rmtree(work)


def _environment() -> dict[str, str]:
    environment = musl_libraries.compiler()
    return {
        **environment,
        # Python asks the preprocessor for the C library, in a way that only musl's own `stdarg.h`
        # answers, and zig has another.
        "CPP": f"{environment['CC']} -E -D__DEFINED_va_list",
        "CPPFLAGS": f"-I{LIBRARIES / 'include'}",
        "LDFLAGS": f"-L{LIBRARIES / 'lib'} -Wl,--dynamic-linker={LOADER} {STACK}",
        # It would find the libraries of this machine.
        "PKG_CONFIG": "false",
    }
