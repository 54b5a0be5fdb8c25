"""A Rust compiler for systems other than this machine's, out of packages, without rustup.

A standard library is not to be had ready-made for every target, but its sources are: it is built
along with the crates. Cargo calls that unstable, so the compiler is told to take part. What is
missing on the machine is unpacked into `$XDG_CACHE_HOME/change-buffers/toolchain`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import musl_libraries
from debian import CACHE, Debian, Unavailable

ROOT = Path(__file__).resolve().parent.parent

# The compiler of the machine's own release that is kept as new as browsers need it.
RUST = ("rustc-web", "rust-web-src")

# The libraries that it is linked with are unpacked beside it.
WRAPPER = """\
#!/bin/sh
LD_LIBRARY_PATH="{libraries}" exec "{program}" "$@"
"""

# For what maturin does not build: it knows which of rustc's arguments zig has no use for.
ZIG = """\
#!/bin/sh
export CARGO_ZIGBUILD_ZIG_COMMAND="{python}" CARGO_ZIGBUILD_ZIG_COMMAND_ARGS="-m ziglang"
exec "{maturin}" zig {what} -- {arguments} "$@"
"""


@dataclass(frozen=True)
class Target:
    """A system and a processor to compile for."""

    triple: str
    platform: tuple[str, str]
    """How wheels name it, without versions: `("win", "amd64")`."""
    packages: tuple[str, ...]
    """What has the linker, or libraries of the system."""
    linker: str = ""
    """The linker's path in these packages; if there is none, zig for wheels, `cc` for all else."""
    zig: str = ""
    """What zig calls the target, if it is to link the tests of the core as well."""
    maturin: tuple[str, ...] = ()
    """What maturin has to be told."""
    library: str = ""
    """The path of a library in these packages that is linked in place of zig's own."""
    sanitizer: str = ""
    """The path of the run-time library of ThreadSanitizer, if all is to be watched by that."""


TARGETS = {
    "windows": Target(
        "x86_64-pc-windows-gnu",
        ("win", "amd64"),
        ("gcc-mingw-w64-x86-64-win32",),
        linker="usr/bin/x86_64-w64-mingw32-gcc-win32",
    ),
    # For libgcc_s see the Makefile, where it has the wheels of this machine's own processor.
    "aarch64": Target(
        "aarch64-unknown-linux-gnu",
        ("manylinux", "aarch64"),
        ("libgcc-s1-arm64-cross",),
        zig="aarch64-linux-gnu.2.17",
        maturin=("--zig", "--compatibility", "manylinux2014"),
        library="usr/aarch64-linux-gnu/lib/libgcc_s.so.1",
    ),
    # This system's own, with the standard library under watch as well: as it is distributed it is
    # not, and the sanitizer would see races there that are none.
    "tsan": Target(
        "x86_64-unknown-linux-gnu",
        ("manylinux", "x86_64"),
        ("libclang-rt-19-dev", "lld-19"),
        linker="usr/lib/llvm-19/bin/ld.lld",
        sanitizer="usr/lib/llvm-19/lib/clang/19/lib/linux/libclang_rt.tsan-x86_64.a",
    ),
    "musl": Target(
        "x86_64-unknown-linux-musl",
        ("musllinux", "x86_64"),
        (),
        maturin=("--zig", "--compatibility", "musllinux_1_2"),
    ),
}


class Toolchain:
    """The compiler and the linkers, found or fetched."""

    def __init__(self, target: Target) -> None:
        """Raise `Unavailable` if something is not to be had."""
        if shutil.which("cargo") is None:
            raise Unavailable("cargo is missing: install the Rust toolchain, https://rustup.rs")
        self._target = target
        self._folders = [self._fetched("rust", RUST)]
        if target.packages:
            self._folders.append(self._fetched(target.triple, target.packages))
        self.rustc = self._compiler()

    @staticmethod
    def _fetched(name: str, packages: tuple[str, ...]) -> Path:
        folder = CACHE / "toolchain" / name
        if not folder.exists():
            print(f"fetching {' '.join(packages)} from Debian into {folder}", flush=True)
            Debian(CACHE / "debian").unpack_missing(list(packages), folder)
        return folder

    def path(self, name: str) -> Path:
        """Give the place of a file of the packages, unpacked or installed."""
        for folder in (*self._folders, Path("/")):
            if (found := folder / name).exists():
                return found
        raise Unavailable(f"{name} has come with none of the packages")

    def program(self, name: str) -> Path:
        """Give the place from which a program of the packages can be called."""
        program = self.path(name)
        if not program.is_relative_to(CACHE):
            return program
        script = CACHE / "toolchain" / "bin" / program.name
        script.parent.mkdir(exist_ok=True)
        found = [path for folder in self._folders for path in folder.glob("usr/lib/*-linux-gnu")]
        libraries = ":".join(str(path) for path in sorted(found))
        script.write_text(WRAPPER.format(libraries=libraries, program=program))
        script.chmod(0o755)
        return script

    def _compiler(self) -> Path:
        rustc = self.program("usr/bin/rustc")
        call = [str(rustc), "--print", "sysroot"]
        found = subprocess.run(call, capture_output=True, text=True, check=False)
        if found.returncode != 0:
            raise Unavailable(f"{rustc} does not run here: {found.stderr.strip()}")
        lock = Path(found.stdout.strip()) / "lib/rustlib/src/rust/library/Cargo.lock"
        if not lock.exists():
            raise Unavailable(f"{rustc} is without the sources of its standard library")
        return rustc

    def environment(self, tests: bool = False) -> dict[str, str]:
        """Give the variables with which Cargo builds for the target; tests need more of `std`."""
        environment = {
            name: value
            for name, value in os.environ.items()
            if name not in ("RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "RUSTUP_TOOLCHAIN")
        }
        std = ["std", "panic_unwind", *(["proc_macro", "test"] if tests else [])]
        target = Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target") / "cross"
        environment |= {
            "RUSTC": str(self.rustc),
            "RUSTC_BOOTSTRAP": "1",
            "CARGO_UNSTABLE_BUILD_STD": ",".join(std),
            "CARGO_TARGET_DIR": str(target.absolute()),
            "CARGO_BUILD_TARGET": self._target.triple,
        }
        if self._target.sanitizer:
            environment["RUSTFLAGS"] = " ".join(self._watched())
        elif tests and self._target.platform[0] == "musllinux":
            environment |= musl_libraries.for_cargo()
        elif self._target.linker:
            linker = self.program(self._target.linker)
            triple = self._target.triple.replace("-", "_")
            environment[f"CARGO_TARGET_{triple.upper()}_LINKER"] = str(linker)
            environment[f"CC_{triple}"] = str(linker)
            # rustc looks for dlltool there.
            tools = self.path(self._target.linker).parent
            environment["PATH"] = f"{tools}{os.pathsep}{environment['PATH']}"
        elif self._target.zig and tests:
            triple = self._target.triple.replace("-", "_")
            compiler = self._zig("cc", f"-fno-sanitize=all -target {self._target.zig}")
            environment[f"CARGO_TARGET_{triple.upper()}_LINKER"] = str(compiler)
            environment[f"CC_{triple}"] = str(compiler)
            environment[f"AR_{triple}"] = str(self._zig("ar"))
        return environment

    def _zig(self, what: str, arguments: str = "") -> Path:
        """Give a script that is one of zig's programs. They come with the environment we run in."""
        maturin = Path(sys.executable).with_name("maturin")
        if not maturin.exists() or find_spec("ziglang") is None:
            raise Unavailable("zig is missing: pip install --group wheels")
        script = CACHE / "toolchain" / "bin" / f"zig-{what}-{self._target.triple}"
        script.parent.mkdir(exist_ok=True)
        text = ZIG.format(python=sys.executable, maturin=maturin, what=what, arguments=arguments)
        script.write_text(text)
        script.chmod(0o755)
        return script

    def _watched(self) -> list[str]:
        """Give what rustc has to be told for ThreadSanitizer, with clang's run-time library."""
        library = self.path(self._target.sanitizer)
        linked = [f"-Wl,--whole-archive,{library},--no-whole-archive", "-Wl,--export-dynamic"]
        linked += ["-lm", "-lresolv", "-lc"]
        # GNU's linker does not find all that the library wants of an older C library.
        linked += ["-fuse-ld=lld", f"-B{self.program(self._target.linker).parent}"]
        arguments = [f"-Clink-arg={argument}" for argument in linked]
        return ["-Zsanitizer=thread", "-Zexternal-clangrt", *arguments]

    def rustc_arguments(self) -> list[str]:
        """Give what rustc has to be told for the last crate, beyond what stands in the settings."""
        if not self._target.library:
            return []
        return [f"-Clink-arg={self.path(self._target.library)}"]
