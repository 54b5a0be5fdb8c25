"""CPython for Windows, put together of what the registries have, and run under Wine.

`python3XX.dll` and its extension modules are python.org's own builds: Panda3D's wheels carry them,
for the games that are packed with it. The modules in Python are those of an interpreter of the same
series that is found or fetched for this machine. `python.exe` is two lines of C that call the
library.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import emulators
from debian import CACHE, Debian, Unavailable, call
from interpreters import get
from toolchain import TARGETS, Toolchain

WHEEL = "panda3d"
WITHIN = "deploy_libs/"

MAIN = """\
#include <wchar.h>
__declspec(dllimport) int Py_Main(int, wchar_t **);
int wmain(int argc, wchar_t **argv) { return Py_Main(argc, argv); }
"""

# Of the libraries of Windows it is Wine's that count.
LEFT_OUT = ("api-ms-win-", "tcl", "tk", "_tkinter")
BESIDE_THE_PROGRAM = ("python3", "vcruntime")
NOT_OF_THE_LIBRARY = (
    "site-packages",
    "sitecustomize.py",
    "dist-packages",
    "lib-dynload",
    "test",
    "config-*",
    "__pycache__",
)

WRAPPER = """\
#!/bin/sh
exec "{wine}" "{python}" "$@"
"""

# Wine does not verify certificates as Windows does, and pip would ask it to.
SETTINGS = "[global]\nuse-deprecated = legacy-certs\nno-warn-script-location = true\n"


def python(series: str) -> Path:
    """Give the path of a script that runs CPython for Windows, found or put together."""
    folder = CACHE / "windows" / f"python{series}"
    if not folder.exists():
        assembled = folder.with_name(f"{folder.name}.partial")
        shutil.rmtree(assembled, ignore_errors=True)
        _assemble(series, assembled)
        assembled.rename(folder)
    return _wrapper(folder)


def environment(series: str, folder: Path) -> Path:
    """Make an environment of its own in a folder, with pip in it, and give its Python.

    It is a copy: what `venv` copies on Windows are programs that only an installation has.
    """
    python(series)
    shutil.copytree(CACHE / "windows" / f"python{series}", folder)
    return _wrapper(folder)


def _wrapper(folder: Path) -> Path:
    script = folder / "python"
    script.write_text(WRAPPER.format(wine=emulators.wine(), python=folder / "python.exe"))
    script.chmod(0o755)
    return script


def _assemble(series: str, folder: Path) -> None:
    print(f"putting CPython {series} for Windows together in {CACHE / 'windows'}", flush=True)
    library = _standard_library(series)
    modules = folder / "DLLs"
    modules.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as downloads:
        with zipfile.ZipFile(_downloaded(WHEEL, series, Path(downloads))) as archive:
            for name in archive.namelist():
                base = name.removeprefix(WITHIN)
                if base == name or not base or base.lower().startswith(LEFT_OUT) or ".cp" in base:
                    continue
                beside = base.lower().startswith(BESIDE_THE_PROGRAM)
                ((folder if beside else modules) / base).write_bytes(archive.read(name))
        site = folder / "Lib" / "site-packages"
        shutil.copytree(library, folder / "Lib", ignore=shutil.ignore_patterns(*NOT_OF_THE_LIBRARY))
        with zipfile.ZipFile(_downloaded("pip", series, Path(downloads))) as archive:
            archive.extractall(site)
    (folder / "pip.ini").write_text(SETTINGS)
    source = folder / "python.c"
    source.write_text(MAIN)
    windows = TARGETS["windows"]
    compiler = str(Toolchain(windows).program(windows.linker))
    dll = folder / f"python{series.replace('.', '')}.dll"
    if not dll.exists():
        raise Unavailable(f"{WHEEL}'s wheel for Python {series} is without {dll.name}")
    call(
        compiler, "-O1", "-s", "-municode", "-o", str(folder / "python.exe"), str(source), str(dll)
    )
    call(str(_wrapper(folder)), "-c", "import asyncio, ctypes, pip, socket, ssl, zlib")


def _standard_library(series: str) -> Path:
    found = get(series, Debian(CACHE / "debian"))
    where = "import sysconfig; print(sysconfig.get_path('stdlib'))"
    return Path(call(str(found.path), "-c", where).strip())


def _downloaded(package: str, series: str, folder: Path) -> Path:
    target = folder / package
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--no-deps",
        "--only-binary",
        ":all:",
    ]
    command += ["--platform", "win_amd64", "--implementation", "cp", "--python-version", series]
    done = subprocess.run(
        [*command, "--dest", str(target), package], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        reason = (done.stderr.strip().splitlines() or ["pip says nothing"])[-1]
        raise Unavailable(f"no CPython {series} for Windows: {reason}")
    (wheel,) = target.glob("*.whl")
    return wheel
