"""Run the Python tests on other interpreters, each in an environment of its own.

    python tools/interpreters.py 3.12 3.14 free-threaded /opt/python3.15/bin/python3.15
    python tools/interpreters.py --nanover 3.14
    python tools/interpreters.py --find for-nanover

Each argument names a series of CPython, an interpreter by its path, any free-threaded one, or any
that NanoVer runs on. A series is looked for on the PATH and among pyenv's versions; what is not
there is fetched from Debian, if the machine uses that, and kept in
`$XDG_CACHE_HOME/change-buffers`. Whatever cannot be had is named in the table at the end.

On a free-threaded interpreter every test that allows it runs in several threads at once.

With `--nanover` NanoVer's own package comes into the environments, and its tests must not be
skipped. `--find` tests nothing and says where an interpreter is.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass, replace
from pathlib import Path
from xml.etree import ElementTree

import debian_pythons
from debian import CACHE, Debian, Unavailable

ROOT = Path(__file__).resolve().parent.parent

FREE_THREADED = "free-threaded"
FOR_NANOVER = "for-nanover"
SERIES = {FREE_THREADED: ["3.14t", "3.13t"], FOR_NANOVER: ["3.14", "3.13"]}
"""The best first. PyO3 means to support free-threading from 3.14 on; 3.13 does for testing."""

THREADS = 4

PROBE = """
import ensurepip, sys, sysconfig, venv
free_threaded = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))
print(sys.executable, "%d.%d.%d" % sys.version_info[:3], free_threaded, sep="\\n")
"""


@dataclass(frozen=True)
class Interpreter:
    """A Python that runs and can make virtual environments."""

    path: Path
    version: str
    is_free_threaded: bool
    passed_over: str = ""
    """Why it is not a better one that would have been taken."""

    @property
    def name(self) -> str:
        """The version as file names have it."""
        return self.version + ("t" if self.is_free_threaded else "")

    @property
    def series(self) -> str:
        """What is common to all its patch releases."""
        return re.sub(r"\.\d+(?=t?$)", "", self.name)

    @classmethod
    def at(cls, path: Path | str) -> Interpreter | None:
        """The interpreter there, if it works."""
        try:
            probe = subprocess.run(
                [path, "-c", PROBE], capture_output=True, text=True, timeout=60, check=False
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
        lines = probe.stdout.splitlines()
        if probe.returncode != 0 or len(lines) != 3:
            return None
        return cls(Path(lines[0]), lines[1], lines[2] == "True")


def installed(series: str) -> Iterator[Path | str]:
    """Where an interpreter of a series such as `3.14` or `3.14t` may be."""
    name = f"python{series}"
    yield from filter(None, [shutil.which(name)])
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    yield from sorted(pyenv.glob(f"versions/{series.rstrip('t')}.*/bin/{name}"))
    yield from (CACHE / name / "bin" / name, CACHE / name / "usr" / "bin" / name)
    yield sys.executable


def find(series: str) -> Interpreter | None:
    """An interpreter of a series that is on this machine."""
    for path in installed(series):
        interpreter = Interpreter.at(path)
        if interpreter is not None and interpreter.series == series:
            return interpreter
    return None


def fetched(series: str, debian: Debian) -> Interpreter:
    """An interpreter of a series, from Debian."""
    name = f"python{series}"
    print(f"{name}: fetching it from Debian into {CACHE}", flush=True)
    target = CACHE / name
    if series.endswith("t"):
        work = CACHE / "debian" / f"build-{series}"
        debian_pythons.build_free_threaded(debian, series[:-1], target, work)
    else:
        debian_pythons.unpack(debian, series, target)
    interpreter = find(series)
    if interpreter is None:
        raise Unavailable("fetched, but it does not run here")
    return interpreter


def get(wanted: str, debian: Debian) -> Interpreter:
    """The interpreter that an argument names."""
    if os.sep in wanted:
        interpreter = Interpreter.at(wanted)
        if interpreter is None:
            raise Unavailable("it does not run, or lacks venv")
        return interpreter
    candidates = SERIES.get(wanted, [wanted])
    if wanted != FREE_THREADED:
        # One that is here already before a better one that has to be fetched.
        for series in candidates:
            if interpreter := find(series):
                return interpreter
    reasons: list[str] = []
    for series in candidates:
        try:
            interpreter = find(series) or fetched(series, debian)
        except Unavailable as error:
            reasons.append(f"no {series}: {error}")
        else:
            return replace(interpreter, passed_over="; ".join(reasons))
    raise Unavailable("; ".join(reasons))


@dataclass(frozen=True)
class Outcome:
    """What became of one interpreter."""

    wanted: str
    version: str
    text: str
    is_run: bool = False
    is_good: bool = True


def environment_for(interpreter: Interpreter) -> dict[str, str]:
    """The variables under which it is built for and tested."""
    environment = dict(os.environ)
    if interpreter.is_free_threaded:
        # It would keep the GIL off whatever is imported; the tests are to notice that.
        environment.pop("PYTHON_GIL", None)
        # Not every package has a release for it; what has none is better old than compiled.
        environment["PIP_PREFER_BINARY"] = "1"
        if interpreter.series == "3.13t":
            # Good enough for tests, never for shipping.
            environment["UNSAFE_PYO3_SKIP_VERSION_CHECK"] = "1"
    return environment


def run(wanted: str, interpreter: Interpreter, options: list[str], goals: list[str]) -> Outcome:
    """Make an environment for an interpreter and run the tests there."""
    name, environment = interpreter.name, environment_for(interpreter)
    print(f"\n{name}: {interpreter.path}", flush=True)
    venv = ROOT / f".venv-{name}"
    python = venv / ("Scripts" if os.name == "nt" else "bin") / "python"
    if venv.exists() and Interpreter.at(python) is None:
        shutil.rmtree(venv)  # what it was made from has gone
    make = ["make", f"PYTHON={interpreter.path}", f"VENV={venv.name}", *goals]
    if "nanover" in goals:
        environment["CHANGE_BUFFERS_TESTS_NEED_NANOVER"] = "1"
    # Unlike what may have been said to the make that started us.
    environment.pop("MAKEFLAGS", None)
    environment.pop("MAKEOVERRIDES", None)
    if subprocess.run(make, cwd=ROOT, env=environment, check=False).returncode != 0:
        return Outcome(wanted, name, "failed to build", is_run=True, is_good=False)
    text, is_good = tested(interpreter, python, options, ROOT, environment)
    if interpreter.passed_over:
        text += f" ({interpreter.passed_over})"
    return Outcome(wanted, name, text, is_run=True, is_good=is_good)


def tested(
    interpreter: Interpreter,
    python: Path,
    options: list[str],
    folder: Path,
    environment: dict[str, str],
) -> tuple[str, bool]:
    """Run the tests of a folder in an environment; say how many passed, and whether all did."""
    # Without the GIL each test runs in several threads, else the tests in two processes.
    several = (
        f"--parallel-threads={THREADS}" if interpreter.is_free_threaded else "--numprocesses=2"
    )
    with tempfile.TemporaryDirectory() as reports:
        report = Path(reports) / "report.xml"
        command = [str(python), "-m", "pytest", "--quiet", f"--junit-xml={report}", several]
        done = subprocess.run([*command, *options], cwd=folder, env=environment, check=False)
        counts = counted(report) if report.exists() else Counter[str]()
    total, failed, skipped = (
        counts["tests"],
        counts["failures"] + counts["errors"],
        counts["skipped"],
    )
    return (
        f"{total - failed - skipped} passed, {failed} failed, {skipped} skipped",
        done.returncode == 0,
    )


def counted(report: Path) -> Counter[str]:
    """How many tests there were, of which kinds, from pytest's report."""
    (suite,) = ElementTree.parse(report).getroot().iter("testsuite")
    kinds = ("tests", "failures", "errors", "skipped")
    return Counter({kind: int(suite.get(kind, 0)) for kind in kinds})


def say_where(wanted: list[str], debian: Debian) -> int:
    """Print the paths of interpreters, or why there is none; fail if one is missing."""
    for name in wanted:
        try:
            with redirect_stdout(sys.stderr):  # what is fetched is announced
                interpreter = get(name, debian)
        except Unavailable as error:
            print(f"no interpreter {name}: {error}", file=sys.stderr)
            return 1
        print(interpreter.path)
    return 0


def main() -> int:
    """Test on every interpreter that is named; fail if one fails, or none could be tested."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("interpreters", nargs="+", help="3.12, free-threaded, or a path")
    parser.add_argument("--pytest", default="", help="more options for pytest")
    parser.add_argument("--nanover", action="store_true", help="test with NanoVer's own package")
    parser.add_argument("--find", action="store_true", help="only say where they are")
    arguments = parser.parse_args()
    debian = Debian(CACHE / "debian")
    if arguments.find:
        return say_where(arguments.interpreters, debian)
    goals = ["build", "nanover"] if arguments.nanover else ["build"]
    outcomes = []
    for wanted in arguments.interpreters:
        try:
            interpreter = get(wanted, debian)
        except Unavailable as error:
            outcomes.append(Outcome(wanted, "-", f"not run: {error}"))
        else:
            outcomes.append(run(wanted, interpreter, arguments.pytest.split(), goals))
    rows = [("interpreter", "version", "tests")]
    rows += [(outcome.wanted, outcome.version, outcome.text) for outcome in outcomes]
    widths = [max(len(row[column]) for row in rows) for column in range(2)]
    print()
    for wanted, version, text in rows:
        print(f"{wanted:{widths[0]}}  {version:{widths[1]}}  {text}")
    is_any_run = any(outcome.is_run for outcome in outcomes)
    return 0 if is_any_run and all(outcome.is_good for outcome in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
