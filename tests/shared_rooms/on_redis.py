"""A plugin of pytest: every multi-view of the tests is a room that is shared through Redis.

Each call waits until its change has come back, so that tests that were written for one process can
say what must be there next. `ON_REDIS` is where the server is.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest

import change_buffers
from agreement import eventually
from change_buffers.redis import RedisMultiView, RedisPublisher

_numbers = count()
_rooms: list[LockStep] = []


class LockStepPublisher(RedisPublisher):
    def update(self, *arguments: Any, unchanged_since: Any = None) -> None:
        if unchanged_since is None:
            self.update_and_wait(*arguments)
        else:
            super().update(*arguments, unchanged_since=unchanged_since)

    def close(self) -> None:
        if not self.closed:
            super().close()
            self._room.settle()

    def __del__(self) -> None:
        was_open = not self.closed
        super().__del__()
        if was_open and not threading.current_thread().name.startswith("change-buffers"):
            self._room.settle()


class LockStep(RedisMultiView):
    def __init__(self, *, history: Any = 0) -> None:
        super().__init__(
            os.environ["ON_REDIS"],
            f"suite-{os.getpid()}-{next(_numbers)}",
            history=history,
            gather=0.0,
        )
        self.join()
        _rooms.append(self)

    def update(self, *arguments: Any, unchanged_since: Any = None, **named: Any) -> None:
        if unchanged_since is None:
            self.update_and_wait(*arguments, **named)
        else:
            super().update(*arguments, unchanged_since=unchanged_since, **named)

    def create_publisher(self, *, exclusive: Any = False) -> LockStepPublisher:
        publisher = LockStepPublisher(self, exclusive=exclusive)
        self._replica.add_publisher(publisher)
        return publisher

    def freeze(self) -> None:
        super().freeze()
        self.settle()

    def settle(self) -> None:
        """Wait for what was sent so far."""
        eventually(lambda: not self._outgoing.is_waiting() and not self._writer.is_busy)
        eventually(lambda: not self._writer.sent)


@pytest.fixture(autouse=True)
def leave_all() -> Iterator[None]:
    yield
    while _rooms:
        _rooms.pop().close(timeout=1)


change_buffers.DictionaryChangeMultiView = LockStep
