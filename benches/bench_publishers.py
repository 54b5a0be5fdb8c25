"""Publishers, single keys, views that come back."""

from __future__ import annotations

from threading import Lock

import pytest

from contenders import OURS, RIVAL, Room, count, numbered
from measure import Compare, Timed

NEARLY_LEVEL = 1 / 1.3
INDEPENDENT = 1 / 1.5
OWN = {f"own.{number}": number for number in range(10)}


def update(keys: int, *, publishes: bool) -> Timed:
    """The same keys over and over, as a client does with its own."""
    multi_view = Room(OURS, keys=1000).multi_view
    updater = multi_view.create_publisher() if publishes else multi_view
    updates = {f"own.{number}": number for number in range(keys)}
    # Else it would go with its keys.
    return Timed("update(updates)", {"update": updater.update, "updates": updates, "it": updater})


def come_and_go(keys: int) -> Timed:
    return Timed(
        "with create_publisher() as publisher: publisher.update(updates)",
        {"create_publisher": Room(OURS, keys=keys).multi_view.create_publisher, "updates": OWN},
    )


def come_and_be_searched_for(keys: int) -> Timed:
    """What there is to do where nobody knows whose a key is."""
    multi_view = Room(RIVAL, keys=keys).multi_view
    return Timed(
        "update(updates); update(None, [key for key in copy() if key.startswith('own.')])",
        {"update": multi_view.update, "copy": multi_view.copy_content, "updates": OWN},
    )


def get(keys: int) -> Timed:
    return Timed("get('key.9')", {"get": Room(OURS, keys=keys).multi_view.get})


def locked_get(keys: int) -> Timed:
    return Timed(
        "with lock: get('key.9')",
        {"lock": Lock(), "get": (content := numbered(keys)).get, "it": content},
    )


def copied_get(keys: int) -> Timed:
    return Timed("copy().get('key.9')", {"copy": Room(RIVAL, keys=keys).multi_view.copy_content})


def catch_up(keys: int) -> Timed:
    """A view that has missed one key."""
    multi_view = Room(OURS, keys=keys).multi_view
    return Timed(
        "update(updates)\n"
        "with create_view(since=it.version - 1) as view: view.flush_changed_nowait()",
        {
            "it": multi_view,
            "update": multi_view.update,
            "updates": {"key.9": 9},
            "create_view": multi_view.create_view,
        },
    )


@pytest.mark.parametrize("keys", [1, 10, 1000])
def test_update_through_a_publisher(compare: Compare, keys: int) -> None:
    compare(
        f"update through a publisher, {count(keys, 'key')}",
        rival=update(keys, publishes=False),
        ours=update(keys, publishes=True),
        against="a plain one",
        target=NEARLY_LEVEL,
    )


def test_leaving_is_independent_of_keys(compare: Compare) -> None:
    compare(
        "a publisher of 10 keys comes and goes, 100,000 keys",
        rival=come_and_go(100),
        ours=come_and_go(100_000),
        against="ours, 100 keys",
        target=INDEPENDENT,
    )


def test_leaving(compare: Compare) -> None:
    compare(
        "a publisher of 10 keys comes and goes, 100,000 keys",
        rival=come_and_be_searched_for(100_000),
        ours=come_and_go(100_000),
        against="searching",
    )


@pytest.mark.parametrize("keys", [100, 1_000_000])
def test_get(compare: Compare, keys: int) -> None:
    compare(
        f"get, {count(keys, 'key')}",
        rival=locked_get(keys),
        ours=get(keys),
        against="dict and lock",
        target=INDEPENDENT,
    )


def test_get_is_independent_of_keys(compare: Compare) -> None:
    compare(
        "get, 1,000,000 keys",
        rival=get(100),
        ours=get(1_000_000),
        against="ours, 100 keys",
        target=INDEPENDENT,
    )


def test_get_of_rival(compare: Compare) -> None:
    compare("get, 100,000 keys", rival=copied_get(100_000), ours=get(100_000), against="a copy")


def test_catching_up_is_independent_of_keys(compare: Compare) -> None:
    compare(
        "a view since the last version, 100,000 keys",
        rival=catch_up(100),
        ours=catch_up(100_000),
        against="ours, 100 keys",
        target=INDEPENDENT,
    )
