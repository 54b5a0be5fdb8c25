"""What has to hold in the end: all replicas, all local views and Redis itself say the same."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

import msgpack
import redis

from change_buffers import DictionaryChangeBuffer, DictionaryChangeMultiView

# Seconds in which everything has to have settled.
SETTLED = 25.0 * float(os.environ.get("TEST_PATIENCE", "1"))


def eventually(condition: Callable[[], Any], what: str = "", within: float = SETTLED) -> Any:
    """Wait for something that must become true; give it."""
    deadline = time.monotonic() + within
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"it never came true: {what or condition}")
        time.sleep(0.01)
    return found


class Follower:
    """A replica by way of a local view, which is how clients see a room."""

    def __init__(self, room: DictionaryChangeMultiView, **options: Any) -> None:
        self._context = room.create_view(**options)
        self.view: DictionaryChangeBuffer = self._context.__enter__()
        self.content: dict[str, Any] = {}
        self.changes: list[Any] = []

    def catch_up(self) -> dict[str, Any]:
        try:
            while change := self.view.flush_changed_nowait():
                self.take(change)
        except Exception as error:
            if type(error).__name__ != "ObjectFrozenError":
                raise
        return self.content

    def take(self, change: Any) -> None:
        self.changes.append(change)
        if change.is_complete:
            self.content.clear()
        self.content.update(change.updates)
        for key in change.removals:
            self.content.pop(key, None)


def content_in(client: redis.Redis, name: str) -> dict[str, Any]:
    """What Redis has, read past everything that this package does."""
    found: dict[bytes, bytes] = client.hgetall(f"change-buffers:{{{name}}}:content")
    return {
        key.decode("utf-8", "surrogatepass"): msgpack.unpackb(value) for key, value in found.items()
    }


def agree(
    client: redis.Redis, *rooms: Any, followers: tuple[Follower, ...] = (), **expected: Any
) -> dict[str, Any]:
    """Wait until everybody has the same, and give it."""

    def all_the_same() -> bool:
        content = content_in(client, rooms[0].name)
        epochs = {room.epoch for room in rooms}
        versions = {room.version for room in rooms}
        return (
            len(epochs) == 1
            and len(versions) == 1
            and all(room.copy_content() == content for room in rooms)
            and all(follower.catch_up() == content for follower in followers)
            and all(content.get(key) == value for key, value in expected.items())
        )

    try:
        eventually(all_the_same)
    except (AssertionError, redis.RedisError) as error:
        shown = [(room.epoch, room.version, len(room.copy_content())) for room in rooms]
        raise AssertionError(
            f"no agreement: {shown}, {[room.stats().error for room in rooms]}"
        ) from error
    return content_in(client, rooms[0].name)


def key_of(room: Any, part: str) -> str:
    return f"change-buffers:{{{room.name}}}:{part}"
