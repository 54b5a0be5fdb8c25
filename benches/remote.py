"""Sides that are measured in processes of their own, still taking turns.

Whether a process encodes changes decides how it keeps them, so those who do and those who do not
cannot be compared within one.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from measure import Side


class Remote:
    """A process that runs a script which `serve()`s its sides."""

    def __init__(self, script: Path, *arguments: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, script, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def side(self, name: str) -> Side:
        return RemoteSide(self, name)

    def ask(self, name: str) -> float:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(name, file=self._process.stdin, flush=True)
        return float(self._process.stdout.readline())

    def __enter__(self) -> Remote:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._process.communicate()


class RemoteSide:
    def __init__(self, remote: Remote, name: str) -> None:
        self._remote = remote
        self._name = name

    def round(self) -> float:
        return self._remote.ask(self._name)


def serve(sides: Mapping[str, Side]) -> None:
    """Measure whatever side is asked for, until nobody asks any more."""
    for line in sys.stdin:
        print(sides[line.strip()].round(), flush=True)
