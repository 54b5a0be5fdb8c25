"""The content is copied or viewed."""

from __future__ import annotations

from threading import Lock
from types import ModuleType

import pytest

from contenders import OURS, RIVAL, Room, count, numbered
from measure import Compare, Timed

LEVEL = 0.9
INDEPENDENT = 0.8
SIZES = [10, 1000, 10_000]
LAST = {"key.9": 9}


def copy(keys: int) -> Timed:
    return Timed("copy()", {"copy": Room(OURS, keys=keys).multi_view.copy_content})


def locked_copy(keys: int) -> Timed:
    return Timed(
        "with lock: dict(content)", {"lock": Lock(), "content": numbered(keys), "dict": dict}
    )


def update_and_copy(implementation: ModuleType, keys: int) -> Timed:
    multi_view = Room(implementation, keys=keys).multi_view
    return Timed(
        "update(updates); copy()",
        {"update": multi_view.update, "updates": LAST, "copy": multi_view.copy_content},
    )


def locked_update_and_copy(keys: int) -> Timed:
    return Timed(
        "with lock: content.update(updates)\nwith lock: dict(content)",
        {"lock": Lock(), "content": numbered(keys), "updates": LAST, "dict": dict},
    )


def enter_view(implementation: ModuleType, keys: int) -> Timed:
    """The view is dropped at once, which ends it in both implementations."""
    return Timed(
        "create_view().__enter__()",
        {"create_view": Room(implementation, keys=keys).multi_view.create_view},
    )


def enter_and_leave_view(implementation: ModuleType, keys: int) -> Timed:
    """A view that is left keeps what was pending, here everything, for one more flush."""
    return Timed(
        "with create_view(): pass",
        {"create_view": Room(implementation, keys=keys).multi_view.create_view},
    )


@pytest.mark.parametrize("keys", SIZES)
def test_copy(compare: Compare, keys: int) -> None:
    compare(
        f"copy_content, {count(keys, 'key')}",
        rival=locked_copy(keys),
        ours=copy(keys),
        against="dict and lock",
        target=LEVEL,
    )


@pytest.mark.parametrize("keys", SIZES)
def test_update_and_copy(compare: Compare, keys: int) -> None:
    compare(
        f"update 1 key, copy_content, {count(keys, 'key')}",
        rival=locked_update_and_copy(keys),
        ours=update_and_copy(OURS, keys),
        against="dict and lock",
        target=LEVEL,
    )


@pytest.mark.parametrize("keys", SIZES)
def test_update_and_copy_of_rival(compare: Compare, keys: int) -> None:
    compare(
        f"update 1 key, copy_content, {count(keys, 'key')}",
        rival=update_and_copy(RIVAL, keys),
        ours=update_and_copy(OURS, keys),
    )


def test_enter_view(compare: Compare) -> None:
    compare(
        "create_view, 10,000 keys",
        rival=enter_view(RIVAL, 10_000),
        ours=enter_view(OURS, 10_000),
    )


def test_enter_view_is_independent_of_keys(compare: Compare) -> None:
    compare(
        "create_view, 10,000 keys",
        rival=enter_view(OURS, 10),
        ours=enter_view(OURS, 10_000),
        against="ours, 10 keys",
        target=INDEPENDENT,
    )


def test_enter_and_leave_view(compare: Compare) -> None:
    compare(
        "create_view, exit unflushed, 10,000 keys",
        rival=enter_and_leave_view(RIVAL, 10_000),
        ours=enter_and_leave_view(OURS, 10_000),
    )
