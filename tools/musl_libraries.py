"""Libraries for programs with musl, compiled by zig from Debian's source packages.

zig, which comes as a Python package, has the headers of musl and of the kernel. The loader, which
is the C library as well, comes with Debian's package of it, and stays where it was unpacked:
programs are linked for its path, so that nothing has to be installed.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
from pathlib import Path

from debian import CACHE, Debian, Unavailable, call
from debian_pythons import unpack_source

FOLDER = CACHE / "musl"
LOADER = FOLDER / "loader" / "usr" / "lib" / "ld-musl-x86_64.so.1"
LIBRARIES = FOLDER / "libraries"

TOOLS = {"make": "make", "perl": "perl", "tar": "tar", "xz": "xz-utils"}

# Sources may hold the date and the time; zig would rather they did not.
COMPILER = "cc -target x86_64-linux-musl -dynamic -fPIC -fno-sanitize=undefined -Wno-date-time"

# Certificates are those of this machine. What is written in assembler is for speed.
OPENSSL = "no-shared no-tests no-apps no-docs no-module no-asm --libdir=lib --openssldir=/etc/ssl"

# Debian has libffi's sources without the script that would find these out.
LIBFFI = ["prep_cif.c", "types.c", "raw_api.c", "java_raw_api.c", "closures.c", "tramp.c"]
LIBFFI += ["x86/ffi64.c", "x86/ffiw64.c", "x86/unix64.S", "x86/win64.S"]
LIBFFI_HAS = """\
ALLOCA_H AS_CFI_PSEUDO_OP AS_X86_64_UNWIND_SECTION_TYPE AS_X86_PCREL HIDDEN_VISIBILITY_ATTRIBUTE
INT128 LONG_DOUBLE MEMCPY MEMFD_CREATE MKOSTEMP MMAP RO_EH_FRAME
"""
LIBFFI_CONFIG = """\
#define EH_FRAME_FLAGS "a"
#define FFI_EXEC_STATIC_TRAMP 1
#define STDC_HEADERS 1
#ifdef LIBFFI_ASM
#define FFI_HIDDEN(name) .hidden name
#else
#define FFI_HIDDEN __attribute__((visibility("hidden")))
#endif
"""


def compiler() -> dict[str, str]:
    """Give the variables with which sources are configured and built."""
    if missing := {package for tool, package in TOOLS.items() if shutil.which(tool) is None}:
        raise Unavailable(f"building for musl needs: apt install {' '.join(sorted(missing))}")
    zig = _zig()
    return {
        "CC": f"{zig} {COMPILER}",
        "AR": f"{zig} ar",
        "RANLIB": f"{zig} ranlib",
        # What is said to the make that started us concerns no other sources.
        "MAKEFLAGS": f"-j{os.cpu_count() or 1}",
    }


def for_cargo() -> dict[str, str]:
    """Give the variables with which Cargo builds programs that the loader runs."""
    fetch_loader()
    script = FOLDER / "cc"
    script.write_text(f'#!/bin/sh\nexec {_zig()} {COMPILER} "$@"\n')
    script.chmod(0o755)
    flags = ["target-feature=-crt-static", "link-self-contained=no"]
    flags.append(f"link-arg=-Wl,--dynamic-linker={LOADER}")
    return {
        "CARGO_TARGET_X86_64_UNKNOWN_LINUX_MUSL_LINKER": str(script),
        "CC_x86_64_unknown_linux_musl": str(script),
        # They would name the target, for which zig has another name.
        "CRATE_CC_NO_DEFAULTS": "1",
        "RUSTFLAGS": " ".join(f"-C{flag}" for flag in flags),
    }


def _zig() -> Path:
    package = importlib.util.find_spec("ziglang")
    if package is None or package.origin is None:
        raise Unavailable("building for musl needs zig: pip install ziglang")
    return Path(package.origin).with_name("zig")


def fetch_loader() -> None:
    """Unpack the loader, unless it is there."""
    if not LOADER.exists():
        Debian(CACHE / "debian").unpack(["musl"], FOLDER / "loader")


def build(work: Path) -> None:
    """Build what Python wants of libraries, unless it is there; the sources go to a folder."""
    if LIBRARIES.exists():
        return
    print(f"building OpenSSL, libffi and zlib for musl in {LIBRARIES}", flush=True)
    built = LIBRARIES.with_name(f"{LIBRARIES.name}.partial")
    shutil.rmtree(built, ignore_errors=True)
    for folder in ("include", "lib"):
        (built / folder).mkdir(parents=True)
    _build_zlib(_unpacked("zlib", work), built)
    _build_libffi(_unpacked("libffi", work), built)
    _build_openssl(_unpacked("openssl", work), built)
    built.rename(LIBRARIES)


def _unpacked(package: str, work: Path) -> Path:
    folder = work / package
    unpack_source(Debian(CACHE / "debian"), package, folder)
    return folder


def _build_zlib(source: Path, built: Path) -> None:
    log = source.with_suffix(".log")
    call("./configure", "--static", f"--prefix={built}", cwd=source, log=log, env=compiler())
    call("make", "install", "libz.a", cwd=source, log=log, env=compiler())


def _build_libffi(source: Path, built: Path) -> None:
    include = built / "include"
    header = (source / "include" / "ffi.h.in").read_text()
    answers = {"TARGET": "X86_64", "HAVE_LONG_DOUBLE": "1", "FFI_EXEC_TRAMPOLINE_TABLE": "0"}
    numbers = dict.fromkeys(("VERSION", "FFI_VERSION_STRING", "FFI_VERSION_NUMBER"), "0")
    for name, answer in {**answers, **numbers}.items():
        header = header.replace(f"@{name}@", answer)
    (include / "ffi.h").write_text(header)
    shutil.copy(source / "src" / "x86" / "ffitarget.h", include)
    has = "".join(f"#define HAVE_{name} 1\n" for name in LIBFFI_HAS.split())
    (source / "include" / "fficonfig.h").write_text(has + LIBFFI_CONFIG)
    environment = compiler()
    folders = [f"-I{folder}" for folder in (include, source / "include", source / "src")]
    for name in LIBFFI:
        call(*environment["CC"].split(), "-O2", *folders, "-c", f"src/{name}", cwd=source)
    objects = [str(path) for path in source.glob("*.o")]
    call(*environment["AR"].split(), "rcs", str(built / "lib" / "libffi.a"), *objects)


def _build_openssl(source: Path, built: Path) -> None:
    log = source.with_suffix(".log")
    options = [*OPENSSL.split(), f"--prefix={built}"]
    call("perl", "Configure", "linux-x86_64", *options, cwd=source, log=log, env=compiler())
    call("make", "build_libs", cwd=source, log=log, env=compiler())
    call("make", "install_dev", cwd=source, log=log, env=compiler())
