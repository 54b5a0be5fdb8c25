"""Every call at every size.

A multi-view without views unless said otherwise, and changes that users make.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import cycle
from time import perf_counter
from types import ModuleType

import pytest

from contenders import OURS, RIVAL, Room, count, numbered
from measure import ROUND_SECONDS, Compare, Side, Timed

LEVEL = 1.0
CLEARLY = 1.3
ANEW = 8
"""So many dictionaries of the same keys as other objects, as from messages."""


def existing(implementation: ModuleType, keys: int) -> Side:
    room, updates = Room(implementation).multi_view, numbered(keys)
    room.update(updates)
    return Timed("update(updates)", {"update": room.update, "updates": updates})


def existing_anew(implementation: ModuleType, keys: int) -> Side:
    room = Room(implementation, keys=keys).multi_view
    messages = cycle([numbered(keys) for _ in range(ANEW)])
    return Timed("update(next(messages))", {"update": room.update, "messages": messages})


def into_an_empty_room(implementation: ModuleType, keys: int) -> Side:
    make = implementation.DictionaryChangeMultiView
    return Timed("make().update(updates)", {"make": make, "updates": numbered(keys)})


class IntoAGrowingRoom:
    """Keys that were never there before, and are let go of untimed."""

    def __init__(self, implementation: ModuleType, keys: int) -> None:
        self._make = implementation.DictionaryChangeMultiView
        self._updates = [
            {f"{turn}.key.{number}": number for number in range(keys)} for turn in range(10)
        ]

    def round(self) -> float:
        room = self._make()
        update = room.update
        start = perf_counter()
        for updates in self._updates:
            update(updates)
        return (perf_counter() - start) / len(self._updates)


def then_removal(implementation: ModuleType, keys: int) -> Side:
    updates = numbered(keys)
    room = implementation.DictionaryChangeMultiView()
    names = {"update": room.update, "updates": updates, "removals": set(updates)}
    return Timed("update(updates); update(None, removals)", names)


def with_removal(implementation: ModuleType, keys: int) -> Side:
    updates = numbered(keys)
    room = implementation.DictionaryChangeMultiView()
    names = {"update": room.update, "updates": updates, "removals": set(updates)}
    return Timed("update(updates, removals)", names)


def then_copy(implementation: ModuleType, keys: int) -> Side:
    room, updates = Room(implementation).multi_view, numbered(keys)
    room.update(updates)
    names = {"update": room.update, "updates": updates, "copy": room.copy_content}
    return Timed("update(updates); copy()", names)


def copy(implementation: ModuleType, keys: int) -> Side:
    return Timed("copy()", {"copy": Room(implementation, keys=keys).multi_view.copy_content})


def late_joiner(implementation: ModuleType, keys: int) -> Side:
    create = Room(implementation, keys=keys).multi_view.create_view
    return Timed("with create() as view: view.flush_changed_blocking()", {"create": create})


class FlushAlone:
    """What two updates have left for the only view, which shares it with nobody."""

    def __init__(self, implementation: ModuleType, keys: int) -> None:
        room = Room(implementation, keys=keys, views=1)
        self._room, self._updates = room, numbered(keys)
        self._flush = room.views[0].flush_changed_blocking

    def round(self) -> float:
        update, updates, flush = self._room.multi_view.update, self._updates, self._flush
        seconds, flushes = 0.0, 0
        while seconds < ROUND_SECONDS / 4:
            update(updates)
            update(updates)
            start = perf_counter()
            flush().updates  # noqa: B018 (looking at it may be what builds it)
            seconds += perf_counter() - start
            flushes += 1
        return seconds / flushes


def two_views_apart(implementation: ModuleType, keys: int) -> Side:
    room = Room(implementation, keys=keys, views=2)
    first, second = (view.flush_changed_blocking for view in room.views)
    names = {"update": room.multi_view.update, "updates": numbered(keys), "room": room}
    return Timed(
        "update(updates); first(); update(updates); second()",
        {**names, "first": first, "second": second},
    )


def buffer_twice(implementation: ModuleType, keys: int) -> Side:
    buffer = implementation.DictionaryChangeBuffer()
    names = {"update": buffer.update, "updates": numbered(keys)}
    return Timed(
        "update(updates); update(updates); flush()",
        {**names, "flush": buffer.flush_changed_blocking},
    )


def made(implementation: ModuleType, keys: int) -> Side:
    updates = numbered(keys)
    names = {"make": implementation.DictionaryChange, "updates": updates}
    return Timed("make(updates, removals)", {**names, "removals": set(updates)})


def made_of_updates(implementation: ModuleType, keys: int) -> Side:
    names = {"make": implementation.DictionaryChange, "updates": numbered(keys)}
    return Timed("make(updates, [])", names)


def made_of_a_message(implementation: ModuleType, keys: int) -> Side:
    updates = numbered(keys)
    message = {"updates": updates, "removals": [*updates]}
    make = implementation.DictionaryChange.from_dict
    return Timed("make(message)", {"make": make, "message": message})


def united(implementation: ModuleType, keys: int) -> Side:
    one, other = (implementation.DictionaryChange(numbered(keys), []) for _ in range(2))
    return Timed("update(other)", {"update": one.update, "other": other})


def attribute(implementation: ModuleType, name: str) -> Side:
    change = implementation.DictionaryChange({"a": 1}, ["b"])
    return Timed(f"change.{name}", {"change": change})


FEW, MANY = [1, 10, 100, 1000], [10, 100, 1000, 10_000]
WORKS: dict[str, tuple[Callable[[ModuleType, int], Side], list[int]]] = {
    "update of existing keys": (existing, [1, *MANY]),
    "update of existing keys that are other objects": (existing_anew, [1, *MANY]),
    "update of new keys, an empty room": (into_an_empty_room, FEW),
    "update of new keys, a growing room": (IntoAGrowingRoom, [10, 100, 1000]),
    "update, then removal": (then_removal, FEW),
    "update(updates, removals=the same keys)": (with_removal, FEW),
    "update of all keys, then copy_content": (then_copy, MANY),
    "copy_content": (copy, MANY),
    "create_view, first flush, leave": (late_joiner, [1, *MANY]),
    "flush alone of a view that shares with nobody": (FlushAlone, [1, 10, 100, 300, 1000]),
    "an update and a flush for each of two views apart": (two_views_apart, FEW),
    "two updates of a buffer, then a flush": (buffer_twice, FEW),
    "DictionaryChange(updates, removals)": (made, FEW),
    "DictionaryChange(updates, [])": (made_of_updates, FEW),
    "DictionaryChange.from_dict": (made_of_a_message, FEW),
    "change.update(other)": (united, FEW),
}


def target(what: str, keys: int) -> float:
    is_large_update = what.startswith("update of existing") and keys >= 100
    return CLEARLY if is_large_update else LEVEL


@pytest.mark.parametrize(
    ("what", "keys"), [(what, keys) for what, (_, sizes) in WORKS.items() for keys in sizes]
)
def test_call(compare: Compare, what: str, keys: int) -> None:
    side, _ = WORKS[what]
    compare(
        f"{what}, {count(keys, 'key')}",
        rival=side(RIVAL, keys),
        ours=side(OURS, keys),
        target=target(what, keys),
    )


@pytest.mark.parametrize("name", ["updates", "removals"])
def test_attribute(compare: Compare, name: str) -> None:
    compare(
        f"change.{name}",
        rival=attribute(RIVAL, name),
        ours=attribute(OURS, name),
        target=LEVEL,
    )
