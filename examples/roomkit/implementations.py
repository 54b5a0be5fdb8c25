"""The extension and the plain-Python model of it, behind the interface that the demo needs."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import AsyncIterable, Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast

MODEL_PATH = Path(__file__).parents[2] / "tests" / "reference.py"


class Change(Protocol):
    """What is delivered."""

    @property
    def updates(self) -> Mapping[str, Any]:
        """The values of the keys that changed."""

    @property
    def removals(self) -> AbstractSet[str]:
        """The keys that went."""


class Changes(Iterable[Change], AsyncIterable[Change], Protocol):
    """What follows; the plain-Python model's serves `for` alone."""


class MultiView(Protocol):
    """The part of `DictionaryChangeMultiView` that a room uses."""

    def update(
        self, updates: Mapping[str, Any] | None = None, removals: Iterable[str] | None = None
    ) -> None:
        """Apply a change."""

    def subscribe_changes(self, interval: float = 0) -> Changes:
        """Follow the changes."""

    def freeze(self) -> None:
        """End it."""

    def copy_content(self) -> dict[str, Any]:
        """Return what is in it."""


@dataclass(frozen=True)
class Implementation:
    """A way to make multi-views."""

    name: str
    make_multi_view: Callable[[], MultiView]


class UnavailableError(Exception):
    """An implementation cannot be had, and why."""


def extension() -> Implementation:
    """Return the installed module."""
    try:
        from change_buffers import DictionaryChangeMultiView
    except ImportError as error:
        raise UnavailableError(f"change-buffers is not installed here ({error})") from None
    return Implementation("change-buffers", DictionaryChangeMultiView)


def model(path: Path = MODEL_PATH) -> Implementation:
    """Return the plain-Python model that the tests use; it is only in the source tree."""
    if not path.is_file():
        why = f"--compare needs the model in tests/reference.py of the source tree, not at {path}"
        raise UnavailableError(why)
    spec = importlib.util.spec_from_file_location("change_buffers_reference", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    make = cast("Callable[[], MultiView]", module.DictionaryChangeMultiView)
    return Implementation("plain-Python model", make)
