"""The room demo, run as its users run it, and the modules that it is made of."""

from __future__ import annotations

import importlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from helpers import PATIENCE

EXAMPLES = Path(__file__).parents[2] / "examples"
ROOM = EXAMPLES / "room.py"
CHILD_TIMEOUT = 30 * PATIENCE
SMALL = ("--clients", "6", "--seconds", "1")

Kit = Callable[[str], ModuleType]


def start(*arguments: str | Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, ROOM, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Otherwise the box-drawing characters depend on the locale of whoever runs the tests.
        env={**os.environ, "PYTHONIOENCODING": "utf-8", "PYTHONDONTWRITEBYTECODE": "1"},
        encoding="utf-8",
    )


def finish(child: subprocess.Popen[str]) -> tuple[int, str, str]:
    try:
        out, err = child.communicate(timeout=CHILD_TIMEOUT)
    finally:
        child.kill()
    return child.returncode, out, err


def interrupted(*arguments: str | Path, after: float = 2) -> None:
    """Check that Ctrl-C ends a run with its table."""
    child = start(*arguments)
    assert child.stdout is not None
    assert child.stdout.readline().endswith("...\n")
    # By default, when some have moved, also if a process of theirs had to be started first.
    time.sleep(after * PATIENCE)
    child.send_signal(signal.SIGINT)
    begin = time.monotonic()
    status, out, err = finish(child)
    # Clients that have not come yet are not waited for.
    assert time.monotonic() - begin < 5
    assert (status, err) == (130, "")
    assert "(interrupted)" in out
    assert int(row(out, "changes published")[0].replace(",", "")) > 0
    assert row(out, "replicas equal the content")[0].startswith("yes, ")


def run(*arguments: str | Path) -> tuple[int, str, str]:
    return finish(start(*arguments))


def row(table: str, label: str) -> list[str]:
    """Return the cells beside a label of the table."""
    lines = [line for line in table.splitlines() if f" {label} " in line]
    assert len(lines) == 1, table
    return [cell.strip() for cell in re.split("[│|]", lines[0])[2:-1]]


@pytest.fixture
def kit(monkeypatch: pytest.MonkeyPatch) -> Kit:
    """Give access to the modules of the demo."""
    monkeypatch.syspath_prepend(EXAMPLES)
    return lambda name: importlib.import_module(f"roomkit.{name}")
