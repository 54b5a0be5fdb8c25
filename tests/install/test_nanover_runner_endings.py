"""How a program ends under `python -m change_buffers.nanover`: as it does without it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from program_runs import Python, write


@pytest.mark.parametrize(
    "ending",
    [
        "pass",
        "import sys; sys.exit()",
        "import sys; sys.exit(3)",
        "import sys; sys.exit('an explanation')",
        "raise SystemExit(True)",
        "import os; os._exit(7)",
        "raise KeyboardInterrupt",
        "import signal, os; os.kill(os.getpid(), signal.SIGTERM)",
        "raise ImportError('no module')",
        "import no_such_module",
        "1 / 0",
        "def",
    ],
)
@pytest.mark.parametrize("form", [["program.py"], ["-m", "program"]], ids=["file", "module"])
def test_a_program_ends_as_it_does_without_us(
    python: Python, run: Python, folder: Path, form: list[str], ending: str
) -> None:
    write(folder, "program.py", "print('out', flush=True)\n" + ending)
    expected, result = python(*form), run(*form)
    assert result.returncode == expected.returncode
    assert result.stdout == expected.stdout
    assert result.stderr.splitlines()[-1:] == expected.stderr.splitlines()[-1:]


def test_a_traceback_shows_the_program(run: Python, folder: Path) -> None:
    program = write(folder, "program.py", "def fail():\n    1 / 0\n\nfail()\n")
    result = run("program.py")
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1] == "ZeroDivisionError: division by zero"
    _, _, shown = result.stderr.partition(f'  File "{program}", line 4, in <module>\n')
    assert shown.startswith("    fail()\n")
    assert f'File "{program}", line 2, in fail\n    1 / 0\n' in shown


def test_a_package_that_cannot_be_imported_says_why(run: Python, folder: Path) -> None:
    write(folder, "package/__init__.py", "import missing_dependency")
    write(folder, "package/program.py", "")
    result = run("-m", "package.program")
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1].endswith("No module named 'missing_dependency'")
    assert os.path.join("package", "__init__.py") in result.stderr
