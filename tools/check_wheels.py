"""Test wheels as those will have them who install them, on every interpreter of this machine.

    python tools/check_wheels.py dist
    python tools/check_wheels.py --tests "tests/drop_in/test_buffer.py tests/waiting" dist
    python tools/check_wheels.py --foreign "*-cp313-*-win_amd64.whl" dist

Each wheel is installed in an empty environment of its interpreter, with no Rust on the PATH. The
tests, all of them unless some are named, are those of the source distribution, unpacked anew. An
interpreter that is not here is named in the table at the end.

With `--foreign` only the wheels of this name are tested, those for Windows, aarch64 and musl as
well, which takes an interpreter out of a registry and an emulator, or one that is built.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from check_dist import Wheel
from debian import Unavailable
from foreign import Foreign, foreign
from interpreters import Interpreter, environment_for, find, tested

RUST = re.compile(r"cargo|rust|clippy|maturin")

# What somebody who builds may have set, and somebody who installs has not.
OF_BUILDING = re.compile(r"CARGO|CONDA|MAKE|MATURIN|MFLAGS|PYO3|PYTHON|RUST|VIRTUAL_ENV")

# Nothing is compiled in the environments.
PIP = ("-m", "pip", "install", "--quiet", "--only-binary", ":all:")


@dataclass(frozen=True)
class Outcome:
    """What became of one wheel."""

    wheel: str
    interpreter: str
    text: str
    is_run: bool = False
    is_good: bool = True


def without_rust(interpreter: Interpreter, links: Path) -> dict[str, str]:
    """The variables of a machine that has no Rust toolchain."""
    environment = {
        name: value
        for name, value in environment_for(interpreter).items()
        if not OF_BUILDING.match(name)
    }
    folders = []
    for number, folder in enumerate(environment["PATH"].split(os.pathsep)):
        if not Path(folder).is_dir():
            continue
        names = os.listdir(folder)
        if any(RUST.match(name) for name in names):
            # It may hold the compiler beside all else that the machine has, as /usr/bin does.
            rest = links / str(number)
            rest.mkdir(parents=True)
            for name in names:
                if not RUST.match(name):
                    (rest / name).symlink_to(Path(folder) / name)
            folder = str(rest)
        folders.append(folder)
    environment["PATH"] = os.pathsep.join(folders)
    for program in ("cargo", "rustc", "rustup", "maturin"):
        found = shutil.which(program, path=environment["PATH"])
        assert found is None, f"{found} should not be on the PATH"
    return environment


def call(*command: Path | str, cwd: Path, env: dict[str, str]) -> None:
    """Run a command that has to succeed."""
    subprocess.run(command, cwd=cwd, env=env, check=True)


def install(wheel: Path, interpreter: Interpreter, folder: Path, env: dict[str, str]) -> Path:
    """Make an environment with the wheel alone, and give its interpreter."""
    venv = folder / "venv"
    if isinstance(interpreter, Foreign):
        python = interpreter.environment(venv)
    else:
        call(interpreter.path, "-m", "venv", venv, cwd=folder, env=env)
        python = venv / "bin" / "python"
    call(python, *PIP, "--upgrade", "pip>=25.1", cwd=folder, env=env)
    call(python, *PIP, "--no-index", wheel, cwd=folder, env=env)
    script = (
        "import sys, change_buffers, change_buffers._core as core; from pathlib import Path; "
        "paths = [Path(module.__file__).resolve() for module in (change_buffers, core)]; "
        "venv = Path(sys.argv[1]).resolve(); "
        "assert all(path.is_relative_to(venv) for path in paths), paths; "
        "assert paths[0].with_name('py.typed').exists()"
    )
    call(python, "-c", script, venv, cwd=folder, env=env)
    return python


def install_what_tests_need(
    python: Path, sources: Path, env: dict[str, str], can_do_without: tuple[str, ...]
) -> None:
    """Install what the tests need, and of what they can do without what is to be had."""
    call(python, *PIP, "--group", "test", cwd=sources, env=env)
    for group in can_do_without:
        try:
            call(python, *PIP, "--quiet", "--quiet", "--group", group, cwd=sources, env=env)
        except subprocess.CalledProcessError:
            print(f"some of the {group} are not to be had ready-made: tested without", flush=True)


def test(wheel: Wheel, sdist: Path, interpreter: Interpreter, options: list[str]) -> Outcome:
    """Test one wheel."""
    name = wheel.path.name
    print(f"\n{name}: {interpreter.path}", flush=True)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary).resolve()
        env = without_rust(interpreter, folder / "links")
        try:
            python = install(wheel.path, interpreter, folder, env)
            shutil.unpack_archive(sdist, folder / "unpacked")
            (sources,) = (folder / "unpacked").iterdir()
            is_foreign = isinstance(interpreter, Foreign)
            # Other people's programs are started by the system, which knows of no emulator; for
            # musl, not all are to be had.
            groups = ("packers",) if is_foreign else ("packers", "works-with")
            install_what_tests_need(python, sources, env, groups)
            if isinstance(interpreter, Foreign):
                options = [*interpreter.options, *options]
                env["TEST_PATIENCE"] = str(interpreter.patience)
        except subprocess.CalledProcessError as error:
            print(error, file=sys.stderr)
            return Outcome(name, interpreter.name, "could not be installed", True, False)
        text, is_good = tested(interpreter, python, options, sources, env)
    return Outcome(name, interpreter.name, text, True, is_good)


def interpreter_for(wheel: Wheel, may_be_foreign: bool) -> Interpreter | str:
    """The interpreter for a wheel, or why there is none."""
    system, processor = wheel.platform
    series = re.sub(r"^cp3", "3.", wheel.python)
    if sys.platform == "linux" and system == "manylinux" and processor == platform.machine():
        return find(series) or f"there is no Python {series} here"
    if not may_be_foreign:
        return f"is for {system} on {processor}"
    try:
        return foreign(system, processor, series)
    except Unavailable as error:
        return str(error)


def main() -> int:
    """Test every wheel of a folder; fail if one fails, or none could be tested."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path, help="where wheels and source distribution are")
    parser.add_argument("--tests", default="", help="arguments for pytest, instead of all tests")
    parser.add_argument("--foreign", metavar="NAME", help="test these, if need be with an emulator")
    arguments = parser.parse_args()
    options = shlex.split(arguments.tests)
    (sdist,) = arguments.folder.resolve().glob("*.tar.gz")
    outcomes = []
    for path in sorted(arguments.folder.resolve().glob(arguments.foreign or "*.whl")):
        wheel = Wheel(path)
        interpreter = interpreter_for(wheel, arguments.foreign is not None)
        if isinstance(interpreter, str):
            outcomes.append(Outcome(path.name, "-", f"not run: {interpreter}"))
        else:
            outcomes.append(test(wheel, sdist, interpreter, options))
    width = max((len(outcome.wheel) for outcome in outcomes), default=0)
    print()
    for outcome in outcomes:
        verdict = outcome.text if outcome.is_good else f"FAILED: {outcome.text}"
        print(f"{outcome.wheel:{width}}  {outcome.interpreter:8}  {verdict}")
    is_any_run = any(outcome.is_run for outcome in outcomes)
    return 0 if is_any_run and all(outcome.is_good for outcome in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
