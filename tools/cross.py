"""Build wheels for another system or processor, or run the tests of the Rust core as it would.

    python tools/cross.py wheels windows 3.10 3.14 --out dist
    python tools/cross.py core windows
    python tools/cross.py available windows

The targets are those of `toolchain.py`. The wheels are built from the source distribution, which
comes beside them. The tests of the core run under Wine or under QEMU. What is not to be had is said
in a sentence, and is an error; `available` asks for no more than that.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import emulators
from debian import CACHE, Unavailable
from toolchain import ROOT, TARGETS, Target, Toolchain


def build_wheels(target: Target, pythons: list[str], out: Path) -> None:
    """Build the source distribution, and of that a wheel for each Python."""
    toolchain = Toolchain(target)
    environment = toolchain.environment()
    command = ["maturin", "build", "--release", "--locked", "--quiet", "--sdist"]
    command += [*target.maturin, "--target", target.triple, "--out", str(out)]
    command += ["--interpreter", *pythons]
    if arguments := toolchain.rustc_arguments():
        command += ["--", *arguments]
    # maturin and zig come with the environment that runs this.
    own = Path(sys.executable).parent
    environment["PATH"] = f"{own}:{environment['PATH']}"
    subprocess.run(command, cwd=ROOT, env=environment, check=True)


def test_core(name: str, target: Target) -> None:
    """Run the unit tests, the property tests and the stress tests of the core.

    With ThreadSanitizer, the first of them one by one, for they are about threads.
    """
    environment = Toolchain(target).environment(tests=True)
    if runner := emulators.runner(name):
        triple = target.triple.replace("-", "_").upper()
        environment[f"CARGO_TARGET_{triple}_RUNNER"] = str(runner)
    command = ["cargo", "test", "--quiet", "--locked", "--package", "change-buffers-core", "--lib"]
    if target.sanitizer:
        command += ["--", "--test-threads=1"]
    else:
        command += ["--tests", "--profile", "proof"]
    subprocess.run(command, cwd=ROOT, env=environment, check=True)


def main() -> int:
    """Do what was asked for; fail with a sentence if it can't be done here."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("what", choices=["wheels", "core", "available"])
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("pythons", nargs="*", help="of the wheels: 3.14, 3.14t")
    parser.add_argument("--out", type=Path, default=Path("dist"), help="where the wheels go")
    arguments = parser.parse_args()
    target = TARGETS[arguments.target]
    try:
        if arguments.what == "wheels":
            build_wheels(target, arguments.pythons, arguments.out)
        elif arguments.what == "available":
            Toolchain(target)
        else:
            test_core(arguments.target, target)
    except Unavailable as error:
        print(f"{arguments.target}: {error} (what was fetched is in {CACHE})", file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as error:
        print(f"{arguments.target}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
