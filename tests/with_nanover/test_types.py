"""A program that mypy accepts with NanoVer's module is accepted with ours."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from own import PACKAGE

api = pytest.importorskip("mypy.api")

OWN_NAME, OUR_NAME = "nanover.utilities.change_buffers", "change_buffers"

PROGRAM = """
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any

from nanover.core.app_server import StateService
from nanover.utilities.state_dictionary import StateDictionary
from {module} import (
    DictionaryChange,
    DictionaryChangeBuffer,
    DictionaryChangeMultiView,
    KeyRemovals,
    KeyUpdates,
    ObjectFrozenError,
)
from other import merge


class Marked(DictionaryChange):
    mark: int = 0


def publish(state: StateDictionary, service: StateService, number: int) -> None:
    updates: KeyUpdates = {{}}
    updates["a"] = number
    removals: KeyRemovals = set()
    removals.add("b")
    change = DictionaryChange(updates, removals)
    change.updates["c"] = None
    change.removals.discard("b")
    change.update(DictionaryChange(removals=["d"]))
    state.update_state(None, change)
    state.update_state(None, Marked.from_dict({{"updates": updates}}))
    state.update_state(None, merge([change, Marked()]))
    service.update_state(change)
    wire: dict[str, Any] = change.to_dict()
    state.update_state(None, DictionaryChange.from_dict(wire))


def follow(state: StateDictionary) -> None:
    context: AbstractContextManager[DictionaryChangeBuffer] = state.get_change_buffer()
    with context as view:
        changes: Iterator[DictionaryChange] = view.subscribe_changes(1 / 30)
        for change in changes:
            updates, removals = change
            print(updates, removals)
        try:
            last: DictionaryChange = view.flush_changed_blocking()
        except ObjectFrozenError:
            return
        publish_all(DictionaryChangeMultiView(), last)


def publish_all(room: DictionaryChangeMultiView, change: DictionaryChange) -> dict[str, Any]:
    room.update(change.updates, change.removals)
    with room.create_view() as view:
        room.remove_view(view)
    for _ in room.subscribe_changes(interval=0.5):
        break
    return room.copy_content()
"""

OTHER = """
from collections.abc import Iterable

from {module} import DictionaryChange


def merge(changes: Iterable[DictionaryChange]) -> DictionaryChange:
    merged = DictionaryChange()
    for change in changes:
        merged.update(change)
    return merged
"""


def errors(folder: Path, program: str, other: str) -> list[str]:
    """What mypy says of a program of two files that import from one module or from two."""
    (folder / "program.py").write_text(PROGRAM.format(module=program))
    (folder / "other.py").write_text(OTHER.format(module=other))
    output, failure, _ = api.run(
        [
            "--strict",
            "--follow-imports=silent",
            "--no-error-summary",
            "--show-error-codes",
            "--hide-error-context",
            "--config-file=",
            f"--cache-dir={folder / 'cache'}",
            f"--python-executable={sys.executable}",
            str(folder / "program.py"),
            str(folder / "other.py"),
        ]
    )
    assert not failure
    lines: list[str] = output.splitlines()
    return lines


@pytest.mark.parametrize("program", [OWN_NAME, OUR_NAME])
@pytest.mark.parametrize("other", [OWN_NAME, OUR_NAME])
def test_a_program_passes_wherever_it_imports_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str, other: str
) -> None:
    monkeypatch.setenv("MYPYPATH", str(tmp_path))
    assert errors(tmp_path, program, other) == []


@pytest.fixture
def own_types(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which NanoVer comes before all stubs, and so has its own types throughout."""
    folder = tmp_path / "own"
    shutil.copytree(PACKAGE, folder / "nanover", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setenv("MYPYPATH", f"{tmp_path}:{folder}")
    return tmp_path


def test_the_program_passes_with_nanovers_own_types(own_types: Path) -> None:
    # This has nothing to do with ours: it is what the others are compared with.
    wrong = [line for line in errors(own_types, OWN_NAME, OWN_NAME) if is_about_types(line)]
    assert wrong == []


def test_without_the_stubs_it_would_not_pass(own_types: Path) -> None:
    wrong = errors(own_types, OUR_NAME, OWN_NAME)
    assert any("[arg-type]" in line and "update_state" in line for line in wrong)


def is_about_types(line: str) -> bool:
    """Whether it is more than a complaint of what NanoVer has left without annotations."""
    return "[no-untyped-call]" not in line
