"""What runs the programs of another system or processor: Wine and QEMU, from Debian's packages.

Both are unpacked into `$XDG_CACHE_HOME/change-buffers`. Nothing is installed, and the kernel is not
told to start such programs by itself.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from debian import CACHE, Debian, Unavailable, call

# Wine is of a newer Debian than the machine's may be, for it has to know what Rust's standard
# library calls (bcryptprimitives.dll, which Wine 9 was the first to have). So it comes with its own
# C library, and all of it is at its place, /usr, for this process and its children alone.
WINE = """\
#!/bin/sh
export WINEPREFIX="{prefix}" WINEDEBUG="${{WINEDEBUG:--all}}" WINEDLLOVERRIDES="mscoree,mshtml="
export WINESERVER=/usr/lib/wine/wineserver64 WINELOADER=/usr/lib/wine/wine64
exec unshare --mount --map-root-user sh -c 'mount --bind "$0" /usr && exec "$WINELOADER" "$@"' \\
    "{usr}" "$@"
"""

# What marks a library as Wine's own, which its package does when it is installed.
BUILTIN = b"Wine builtin DLL".ljust(32, b"\0")
BUILTIN_AT = 64


def wine() -> Path:
    """Give the path of a script that runs a Windows program with its arguments."""
    folder = CACHE / "wine"
    script = folder / "run"
    if script.exists():
        return script
    if shutil.which("unshare") is None:
        raise Unavailable("Wine needs unshare, of util-linux")
    try:
        call("unshare", "--mount", "--map-root-user", "true")
    except Unavailable as error:
        raise Unavailable(f"Wine can't be run from a folder here: {error}") from None
    print(f"fetching Wine from Debian into {folder}", flush=True)
    root = folder / "root"
    Debian(CACHE / "debian").unpack(["wine64", "dash"], root, release="stable")
    for found in root.glob("usr/x86_64-w64-mingw32/lib/zlib*.dll"):
        (windows,) = root.glob("usr/lib/*/wine/x86_64-windows")
        content = found.read_bytes()
        after = BUILTIN_AT + len(BUILTIN)
        (windows / found.name).write_bytes(content[:BUILTIN_AT] + BUILTIN + content[after:])
    # One that was started half-way would be kept.
    prefix = folder / "prefix"
    shutil.rmtree(prefix, ignore_errors=True)
    trial = folder / "trial"
    trial.write_text(WINE.format(prefix=prefix, usr=root / "usr"))
    trial.chmod(0o755)
    said = call(str(trial), "cmd", "/c", "echo it runs")
    if "it runs" not in said:
        raise Unavailable(f"Wine does not run here: {said.strip() or 'it says nothing'}")
    trial.rename(script)
    return script


def qemu() -> Path:
    """Give the path of a program that runs those of aarch64."""
    folder = CACHE / "qemu"
    if not folder.exists():
        print(f"fetching QEMU from Debian into {folder}", flush=True)
        Debian(CACHE / "debian").unpack(["qemu-user"], folder, release="stable")
    program = folder / "usr" / "bin" / "qemu-aarch64"
    try:
        subprocess.run([program, "--version"], capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise Unavailable(f"QEMU does not run here: {error}") from None
    return program


def runner(target: str) -> str | None:
    """Give what runs the programs of a target: a command, or nothing if the machine does."""
    if target == "windows":
        return str(wine())
    if target == "aarch64":
        return f"{qemu()} -L {aarch64_libraries()}"
    return None


def aarch64_libraries() -> Path:
    """Give a folder with the C library of aarch64, at the places where programs look for it."""
    folder = CACHE / "aarch64" / "libraries"
    if not folder.exists():
        Debian(CACHE / "debian", "arm64").unpack(["libc6", "libgcc-s1"], folder, release="stable")
    if not (folder / "lib").exists():
        (folder / "lib").symlink_to("usr/lib")
    return folder
