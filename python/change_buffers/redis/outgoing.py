"""What is to be sent: of each key the last, however long Redis is away.

Updates that nobody waits for add up to one batch, which is one entry of the stream, so that each of
them is seen whole. Those that somebody waits for are sent by themselves: each has its own answer.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Collection
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Literal

from change_buffers import ObjectFrozenError, Publisher

if TYPE_CHECKING:
    from change_buffers.redis.publisher import RedisPublisher

# So many updates of a batch are remembered by themselves, should one of them be refused.
_MOST_PARTS = 256


class Batch:
    """One change on its way, made of one update or of many."""

    __slots__ = ("epoch", "future", "kind", "leaves", "parts", "removals", "since", "updates")

    def __init__(
        self,
        *,
        kind: Literal["update", "freeze"] = "update",
        since: int | None = None,
        epoch: str = "",
        future: Future[int] | None = None,
    ) -> None:
        self.kind = kind
        self.since = since
        # The one that it is a version of.
        self.epoch = epoch
        self.future = future
        self.updates: dict[str, tuple[bytes, RedisPublisher | None]] = {}
        self.removals: dict[str, RedisPublisher | None] = {}
        # Publishers that leave, with the keys that may be theirs.
        self.leaves: dict[RedisPublisher, set[str]] = {}
        # The same by update; none if there are too many to know.
        self.parts: list[Batch] | None = []

    @property
    def can_grow(self) -> bool:
        """Whether more may be added: it is nobody's in particular."""
        return self.future is None and self.kind == "update"

    def add(
        self, updates: dict[str, bytes], removals: Collection[str], by: RedisPublisher | None
    ) -> None:
        """Merge a later update, as a buffer does."""
        mine, gone = self.updates, self.removals
        for key, fragment in updates.items():
            mine[key] = (fragment, by)
            gone.pop(key, None)
        for key in removals:
            if key not in updates:
                mine.pop(key, None)
            gone[key] = by

    def leave(self, publisher: RedisPublisher, keys: set[str]) -> None:
        """Have a publisher leave: what it has set here goes, and what is its own elsewhere."""
        own = [key for key, (_, by) in self.updates.items() if by is publisher]
        for key in own:
            del self.updates[key]
            self.removals.setdefault(key, publisher)
        self.leaves[publisher] = keys.difference(own)

    def drop(self, keys: set[str]) -> None:
        """Leave keys out after all."""
        for key in keys:
            self.updates.pop(key, None)
            self.removals.pop(key, None)

    def marks(self) -> dict[Publisher, list[str]]:
        """Give what was changed through which publisher."""
        marks: dict[Publisher, list[str]] = {}
        for key, (_, by) in self.updates.items():
            if by is not None:
                marks.setdefault(by, []).append(key)
        for key, by in self.removals.items():
            if by is not None:
                marks.setdefault(by, []).append(key)
        for by, keys in self.leaves.items():
            marks.setdefault(by, []).extend(keys)
        return marks

    def is_empty(self) -> bool:
        """Whether there is nothing to send."""
        return not (self.updates or self.removals or self.leaves) and self.kind == "update"


class Outgoing:
    """The batches of one process, in order. Any thread may call any method."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._batches: deque[Batch] = deque()
        # Publishers that were dropped: a finalizer may run in the middle of anything, so it takes
        # no lock.
        self._dropped: deque[RedisPublisher] = deque()
        # `put()` of this kind of queue can be called from anywhere, finalizers included.
        self._bell: SimpleQueue[None] = SimpleQueue()
        self._is_rung = False
        self._is_closed = False

    def update(
        self, updates: dict[str, bytes], removals: Collection[str], by: RedisPublisher | None
    ) -> None:
        """Add an update that nobody waits for."""
        with self._lock:
            batch = self._open()
            batch.add(updates, removals, by)
            if batch.parts is not None:
                if len(batch.parts) < _MOST_PARTS:
                    part = Batch()
                    part.add(updates, removals, by)
                    batch.parts.append(part)
                else:
                    batch.parts = None
        self.ring()

    def append(self, batch: Batch) -> None:
        """Add a batch of its own.

        Raises:
            ObjectFrozenError: The room was closed this very moment.
        """
        with self._lock:
            if self._is_closed:
                raise ObjectFrozenError("the room was closed: it takes no more updates")
            self._batches.append(batch)
        self.ring()

    def leave(self, publisher: RedisPublisher) -> None:
        """Have a publisher leave."""
        with self._lock:
            self._leave(publisher)
        self.ring()

    def drop(self, publisher: RedisPublisher) -> None:
        """Have a publisher leave whose last reference has gone."""
        self._dropped.append(publisher)
        self.ring()

    def ring(self) -> None:
        """Wake the writer."""
        if not self._is_rung:
            self._is_rung = True
            self._bell.put(None)

    def wait(self, timeout: float) -> None:
        """Wait until there may be something."""
        try:
            self._bell.get(timeout=timeout)
        except Empty:
            return
        self._is_rung = False

    def take(self) -> Batch | None:
        """Take the next batch, if there is one."""
        with self._lock:
            while self._dropped:
                self._leave(self._dropped.popleft())
            return self._batches.popleft() if self._batches else None

    def pending(self) -> int:
        """Count the keys that wait to be sent."""
        with self._lock:
            return sum(len(batch.updates) + len(batch.removals) for batch in self._batches)

    def is_waiting(self) -> bool:
        """Whether there is anything to send."""
        return bool(self._batches or self._dropped)

    def close(self) -> list[Batch]:
        """Take all batches, and no more."""
        with self._lock:
            self._is_closed = True
            batches = list(self._batches)
            self._batches.clear()
            return batches

    def _open(self) -> Batch:
        if not (self._batches and self._batches[-1].can_grow):
            self._batches.append(Batch())
        return self._batches[-1]

    def _leave(self, publisher: RedisPublisher) -> None:
        batch = self._open()
        keys = publisher._take_keys()
        batch.leave(publisher, keys)
        if batch.parts is not None:
            # It is about what stands before it, so that would have to be known.
            batch.parts = None
