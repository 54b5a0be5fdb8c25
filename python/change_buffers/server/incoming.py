"""What clients send: checked whole before any of it is applied."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import msgpack

from change_buffers.codecs import PackedValue
from change_buffers.server.formats import Format
from change_buffers.server.limits import Limits

BYTES_PER_ENTRY = 64
LONGEST_PREFIX = LONGEST_ID = 200


class Refusal(Exception):  # noqa: N818, it is an answer
    """A message is not taken, and nothing of it has been applied.

    Attributes:
        kind: What went wrong, for programs.
        where: The part of the message that it is about.
        id: What the client calls the message, if it does.
    """

    def __init__(self, kind: str, message: str, where: str = "message") -> None:
        super().__init__(message)
        self.kind = kind
        self.where = where
        self.id: int | str | None = None


class Incoming:
    """A message of a client that is well-formed.

    Attributes:
        id: What the client calls it, if it wants an answer.
        updates: What it sets, or `None` if it is not about the state.
        removals: What it removes.
        sizes: How many bytes each value takes, as it is counted.
        unchanged_since: The condition of the update.
        follow: What it wants to follow from now on, or `None`.
    """

    __slots__ = ("follow", "id", "removals", "sizes", "unchanged_since", "updates")

    def __init__(self) -> None:
        self.id: int | str | None = None
        self.updates: dict[str, Any] | None = None
        self.removals: list[str] = []
        self.sizes: dict[str, int] = {}
        self.unchanged_since: int | None = None
        self.follow: dict[str, Any] | None = None


def read(data: bytes | str, of: Format, limits: Limits) -> Incoming:
    """Decode and check a message.

    Raises:
        Refusal: It is not what it should be.
    """
    incoming = Incoming()
    try:
        message = of.decode(data)
    except ValueError as error:
        raise Refusal("malformed", str(error)) from None
    if type(message) is not dict:
        raise Refusal("malformed", f"expected a map, found {_name(message)}")
    if "id" in message:
        incoming.id = _checked_id(message["id"])
    try:
        state = message.get("state")
        if state is not None:
            _read_state(state, incoming, limits)
            since = message.get("unchanged_since")
            if since is not None and (type(since) is not int or since < 0):
                raise _malformed("unchanged_since", "a version", since)
            incoming.unchanged_since = since
        follow = message.get("follow")
        if follow is not None:
            if type(follow) is not dict:
                raise _malformed("follow", "a map", follow)
            incoming.follow = follow
    except Refusal as refusal:
        refusal.id = incoming.id
        raise
    return incoming


def _checked_id(value: Any) -> int | str:
    if type(value) is int or (type(value) is str and len(value) <= LONGEST_ID):
        return value
    raise _malformed("id", f"a number or a text of at most {LONGEST_ID} characters", value)


def _read_state(state: Any, incoming: Incoming, limits: Limits) -> None:
    if type(state) is not dict:
        raise _malformed("state", "a map", state)
    for part in state:
        if part not in {"updates", "removals"}:
            raise Refusal("malformed", "expected updates, removals or both", f"state[{part!r}]")
    updates = state.get("updates")
    if updates is None:
        updates = {}
    elif type(updates) is not dict:
        raise _malformed("state.updates", "a map", updates)
    removals = state.get("removals")
    if removals is None:
        removals = []
    elif type(removals) is not list:
        raise _malformed("state.removals", "a list", removals)
    for number, key in enumerate(removals):
        where = f"state.removals[{number}]"
        if type(key) is not str:
            raise _malformed(where, "a text", key)
        if not _is_text(key):
            raise Refusal("malformed", "MessagePack cannot hold it: a lone surrogate", where)
    sizes = incoming.sizes
    for key, value in updates.items():
        if type(key) is not str:
            raise _malformed("state.updates", "keys that are text", key)
        if type(value) is PackedValue:
            entries, size, is_deep = value.entries, len(value), value.depth > limits.depth
        else:
            entries, size, is_deep = _measured(key, value, limits.depth)
        if is_deep:
            raise Refusal(
                "malformed",
                f"more than {limits.depth} lists and maps are in each other",
                f"state.updates[{key!r}]",
            )
        sizes[key] = len(key) + size + entries * BYTES_PER_ENTRY
    incoming.updates, incoming.removals = updates, removals


def _measured(key: str, value: Any, depth: int) -> tuple[int, int, bool]:
    """Give the entries, the bytes in MessagePack, and whether it is deeper than that."""
    entries = 0 if type(value) in PLAIN else entries_of(value, depth)
    if entries is None:
        return 0, 0, True
    return entries, _packed_size(key, value), False


CONTAINERS = frozenset({dict, list})
PLAIN = frozenset({str, int, float, bool, type(None), bytes})


def entries_of(value: Any, depth: int) -> int | None:
    """Count the entries of all lists and maps in a list or map; `None` if it is too deep."""
    entries, level = 0, [value]
    while level:
        if not depth:
            return None
        depth -= 1
        below = []
        for outer in level:
            entries += len(outer)
            for item in outer.values() if type(outer) is dict else outer:
                if type(item) in CONTAINERS:
                    below.append(item)
        level = below
    return entries


def _packed_size(key: str, value: Any) -> int:
    """JSON has numbers and text that MessagePack has not, and all are sent everything."""
    try:
        if not _is_text(key):
            raise ValueError("a lone surrogate")
        return len(msgpack.packb(value))
    except (ValueError, OverflowError) as error:
        where = f"state.updates[{key!r}]"
        raise Refusal("malformed", f"MessagePack cannot hold it: {error}", where) from None


def _is_text(key: str) -> bool:
    try:
        key.encode()
    except UnicodeEncodeError:
        return False
    return True


def read_interval(value: Any, limits: Limits, where: str) -> float:
    """Give an interval within bounds, or refuse what is none."""
    try:
        seconds = float(value) if type(value) in {int, float, str} else math.nan
    except (ValueError, OverflowError):
        seconds = math.nan
    if not seconds >= 0:
        raise _malformed(where, "a number of seconds, 0 or more", value)
    bounded = min(max(seconds, limits.shortest_interval), limits.longest_interval)
    return round(bounded, 6)


def read_prefixes(values: Any, limits: Limits, where: str) -> tuple[str, ...]:
    """Give prefixes in one order, or refuse what are none."""
    if type(values) is not list or not all(type(value) is str for value in values):
        raise _malformed(where, "a list of texts, or null for all keys", values)
    if len(values) > limits.prefixes:
        raise Refusal("malformed", f"expected at most {limits.prefixes} prefixes", where)
    if any(len(value) > LONGEST_PREFIX or not _is_text(value) for value in values):
        raise Refusal("malformed", f"expected at most {LONGEST_PREFIX} characters each", where)
    return tuple(sorted(set(values)))


def outside(prefixes: tuple[str, ...], incoming: Incoming) -> Iterator[str]:
    """Give the parts of a message that are about other keys than these."""
    for key in incoming.updates or ():
        if not key.startswith(prefixes):
            yield f"state.updates[{key!r}]"
    for number, key in enumerate(incoming.removals):
        if not key.startswith(prefixes):
            yield f"state.removals[{number}]"


def _malformed(where: str, expected: str, found: Any) -> Refusal:
    return Refusal("malformed", f"expected {expected}, found {_name(found)}", where)


NAMES = {dict: "a map", list: "a list", str: "a text", bytes: "bytes", type(None): "null"}


def _name(found: Any) -> str:
    if type(found) in {int, float, bool}:
        return str(found)[:40]
    name = NAMES.get(type(found), type(found).__name__)
    return f"{name} ({found[:40]!r})" if type(found) is str else name
