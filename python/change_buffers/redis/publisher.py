"""Publishers of a shared room: what is set through one goes with it, or with its process."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, SupportsIndex

from change_buffers import Publisher

if TYPE_CHECKING:
    from change_buffers.redis.multi_view import RedisMultiView


class RedisPublisher(Publisher):
    """Updates a shared room on behalf of one owner. Made by `RedisMultiView.create_publisher()`.

    Its keys go when it is closed or dropped, and when its process is not heard of for as long as
    the room's `lease` says. Any number of threads and tasks may call any method at any time.
    """

    _room: RedisMultiView
    _process: int
    _exclusive: bool
    _closed: bool
    _keys: set[str]
    id: str
    """What the publisher is called in Redis."""

    def __new__(cls, room: RedisMultiView, *, exclusive: bool = False) -> RedisPublisher:
        """Make a publisher of a room."""
        publisher = super().__new__(cls, room, exclusive=exclusive)
        publisher._room = room
        publisher._process = os.getpid()
        publisher._closed = False
        publisher._keys = set()
        publisher._exclusive = exclusive
        publisher.id = room._publisher_id(exclusive)
        return publisher

    def update(
        self,
        updates: Mapping[str, Any] | None = None,
        removals: Iterable[str] | None = None,
        *,
        unchanged_since: SupportsIndex | None = None,
    ) -> None:
        """Change the room as the publisher: as `RedisMultiView.update()`.

        What an exclusive publisher has not yet for itself alone is asked of Redis first: that
        waits for the answer.
        """
        self._room._updates.update(updates, removals, unchanged_since, self)

    def update_and_wait(
        self,
        updates: Mapping[str, Any] | None = None,
        removals: Iterable[str] | None = None,
        *,
        unchanged_since: SupportsIndex | None = None,
        timeout: float | None = None,
    ) -> int:
        """Change the room as the publisher: as `RedisMultiView.update_and_wait()`."""
        return self._room._updates.update_and_wait(
            updates, removals, unchanged_since, timeout, self
        )

    async def update_confirmed(
        self,
        updates: Mapping[str, Any] | None = None,
        removals: Iterable[str] | None = None,
        *,
        unchanged_since: SupportsIndex | None = None,
    ) -> int:
        """Change the room as the publisher: as `RedisMultiView.update_confirmed()`."""
        return await self._room._updates.update_confirmed(updates, removals, unchanged_since, self)

    def close(self) -> None:
        """Take no more updates, and have the keys removed that are the publisher's own."""
        if not self._closed:
            self._closed = True
            self._room._leave(self)

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return self._closed

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> Literal[False]:
        """Close the publisher, whatever happened."""
        self.close()
        return False

    def __del__(self) -> None:
        # In a process that was forked off, it is still the parent's.
        if getattr(self, "_closed", True) or os.getpid() != self._process:
            return
        self._closed = True
        self._room._drop(self)

    def _note(self, updates: Iterable[str], removals: Iterable[str]) -> None:
        """Remember what may be its own."""
        self._keys.update(updates)
        self._keys.difference_update(removals)

    def _take_keys(self) -> set[str]:
        keys, self._keys = self._keys, set()
        return keys

    def _has_left(self) -> None:
        super().close()
