"""Servers in processes of their own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from helpers import PATIENCE

TIMEOUT = 20 * PATIENCE
EXAMPLES = Path(__file__).parents[2] / "examples"


class Program:
    """A server that runs."""

    def __init__(self, process: subprocess.Popen[str], url: str) -> None:
        self.process = process
        self.url = url
        self.address = url.replace("http", "ws", 1) + "ws"

    def end(self, how: signal.Signals = signal.SIGTERM) -> tuple[int, str]:
        """End it; give its exit status and what it complains of."""
        self.process.send_signal(how)
        _, err = self.process.communicate(timeout=TIMEOUT)
        return self.process.returncode, err


def start(*arguments: object, at: Sequence[str] = ()) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*at, sys.executable, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "COLUMNS": "80"},
    )


@contextmanager
def running(*arguments: object, at: Sequence[str] = ()) -> Iterator[Program]:
    """Start a server that prints its address at the end of its first line; kill it in the end.

    `at` is the beginning of a command that runs it elsewhere.
    """
    process = start(*arguments, at=at)
    try:
        assert process.stdout is not None
        line = process.stdout.readline().split()
        if not line:
            raise AssertionError(process.communicate(timeout=TIMEOUT)[1])
        yield Program(process, line[-1])
    finally:
        process.kill()
        process.communicate()


def failing(*arguments: object) -> tuple[int, str, str]:
    """Run a program that is expected to end by itself."""
    process = start(*arguments)
    try:
        out, err = process.communicate(timeout=TIMEOUT)
    finally:
        process.kill()
    return process.returncode, out, err
