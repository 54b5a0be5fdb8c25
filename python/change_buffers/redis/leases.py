"""Leases: what a process owns goes when it is not heard of any more.

No clock is asked. Each process counts on, and looks how far the others have counted. Whoever has
not counted on at several looks in a row is gone, as far as Redis still has that same count: whoever
says so first removes the keys, once. A process that was stopped itself has not looked meanwhile.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from change_buffers.redis.link import Link, pairs
from change_buffers.redis.scripts import REAP

# A lease is over after so many looks in a row.
_LOOKS = 3


class Leases:
    """Beats of this process and of all others."""

    def __init__(self, link: Link, lease: float, stream_length: int) -> None:
        self._link = link
        self._interval = lease / _LOOKS
        self._stream_length = stream_length
        self._next = 0.0
        self._count = 0
        self._seen: dict[bytes, tuple[bytes, int]] = {}
        self.processes = 1
        self.ended = 0
        self._clock: Callable[[], float] = time.monotonic

    def count(self) -> int:
        """Count on."""
        self._count += 1
        return self._count

    def look(self) -> None:
        """Say that this process is there, and see who is not, if it is time to."""
        now = self._clock()
        if now < self._next:
            return
        self._next = now + self._interval
        link = self._link
        key = link.keys["beats"]
        _, beats = link.ask_all(("HSET", key, link.origin, self.count()), ("HGETALL", key))
        seen: dict[bytes, tuple[bytes, int]] = {}
        for process, count in pairs(beats).items():
            last, looks = self._seen.get(process, (b"", 0))
            seen[process] = (count, looks + 1 if count == last else 0)
        seen.pop(link.origin.encode(), None)
        self._seen = seen
        self.processes = len(seen) + 1
        for process, (count, looks) in list(seen.items()):
            if looks >= _LOOKS:
                self._end(process, count)

    def _end(self, process: bytes, count: bytes) -> None:
        link = self._link
        token = f"{link.origin}:end-{self.count()}"
        self.ended += int(link.call(REAP, process, count, self._stream_length, token))
        self._seen.pop(process, None)
