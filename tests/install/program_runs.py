"""Programs for the tests of the runner, run by way of it and without it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

RUNNER = ["-m", "change_buffers.nanover"]

REPORT = """
    import json, sys
    import __main__
    print(json.dumps({
        "argv": sys.argv,
        "path": sys.path,
        "name": __name__,
        "file": __file__,
        "package": __package__,
        "doc": __doc__,
        "spec": __spec__ and [__spec__.name, __spec__.origin],
        "loader": type(__loader__).__name__,
        "builtins": type(__builtins__).__name__,
        "main": __main__.__dict__ is globals(),
        "names": sorted(globals().keys() - {"__annotations__", "__cached__", "__path__"}),
    }))
"""

Result = subprocess.CompletedProcess[str]
Python = Callable[..., Result]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder in which the programs are, and where Python is started."""
    path = tmp_path / "here"
    path.mkdir()
    return path


@pytest.fixture
def python(library: Path, folder: Path) -> Python:
    """Run the interpreter of the tests, with no installed package but ours."""

    # The programs' folder too, since -P keeps Python from looking there on its own.
    search_path = os.pathsep.join([str(library), str(folder)])

    def run(*arguments: str, stdin: str = "", **environment: str) -> Result:
        return subprocess.run(
            [sys.executable, "-S", "-W", "error", *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            cwd=folder,
            env={**os.environ, "PYTHONPATH": search_path, **environment},
            check=False,
        )

    return run


@pytest.fixture
def run(python: Python) -> Python:
    """Run a program by way of the runner."""
    return lambda *arguments, **environment: python(*RUNNER, *arguments, **environment)


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(textwrap.dedent(text))
    return path


def output(result: Result) -> str:
    assert (result.returncode, result.stderr) == (0, ""), result.stderr
    return result.stdout


def report(result: Result) -> dict[str, Any]:
    content = json.loads(output(result))
    assert isinstance(content, dict)
    return content


def assert_refused(result: Result, *words: str) -> None:
    assert result.returncode == 2
    assert result.stdout == ""
    [line] = result.stderr.splitlines()
    for word in ["change_buffers.nanover", *words]:
        assert word in line
