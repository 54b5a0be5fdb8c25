"""NanoVer's implementation, or else the model of it, and ours: what is done to both alike."""

from __future__ import annotations

import importlib
import sys
from contextlib import ExitStack
from pathlib import Path
from types import ModuleType
from typing import Any

import change_buffers

sys.path.append(str(Path(__file__).parents[1] / "tests"))
import reference

OURS: ModuleType = change_buffers
RIVAL: ModuleType
try:
    RIVAL, RIVAL_NAME = importlib.import_module("nanover.utilities.change_buffers"), "NanoVer"
except ImportError:
    # It needs CPython 3.13 or newer: where it is missing, a model of it stands in.
    RIVAL, RIVAL_NAME = reference, "model"
BY_NAME = {RIVAL_NAME: RIVAL, "ours": OURS}


class Room:
    """A multi-view with so many keys, and so many views that have seen them all."""

    def __init__(self, implementation: ModuleType, *, keys: int = 0, views: int = 0) -> None:
        self.multi_view: Any = implementation.DictionaryChangeMultiView()
        self.views: list[Any] = []
        self._stay = ExitStack()
        for _ in range(views):
            self.enter()
        if keys:
            self.multi_view.update(numbered(keys))
            self.flush()

    def enter(self) -> Any:
        view = self._stay.enter_context(self.multi_view.create_view())
        self.views.append(view)
        return view

    def flush(self) -> None:
        for view in self.views:
            view.flush_changed_blocking()


def numbered(keys: int) -> dict[str, Any]:
    """So many keys, as new objects: those that a server decodes are never the same ones either.

    The values do not matter, since nobody looks at them.
    """
    return {f"key.{number}": number for number in range(keys)}


def count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
