"""Sides that are measured in processes of their own, still taking turns.

Whether a process encodes changes decides how it keeps them, so those who do and those who do not
cannot be compared within one. Nor can two builds of the package.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from measure import Side


class Remote:
    """A process that runs a script which `serve()`s its sides, with more environment variables."""

    def __init__(self, script: Path, *arguments: str, **variables: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, script, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **variables},
            # It ends when nobody asks any more: Ctrl-C is for whoever asks.
            start_new_session=True,
        )
        self.names = self._answer().split("\t")
        if self.names == [""]:
            raise SystemExit(f"{script.name} has ended before it could measure anything")

    def side(self, name: str) -> Side:
        return RemoteSide(self, name)

    def ask(self, name: str) -> float:
        assert self._process.stdin is not None
        print(name, file=self._process.stdin, flush=True)
        return float(self._answer())

    def _answer(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().rstrip("\n")

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
    """Name the sides, then measure whichever is asked for, until nobody asks any more."""
    print(*sides, sep="\t", flush=True)
    for line in sys.stdin:
        print(sides[line.strip()].round(), flush=True)
