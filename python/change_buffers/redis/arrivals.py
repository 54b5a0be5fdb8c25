"""Those who wait until what they have sent has come back."""

from __future__ import annotations

import heapq
import threading
from concurrent.futures import Future
from itertools import count


class Arrivals:
    """Futures by version. Any thread may call any method."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[tuple[int, int, Future[int]]] = []
        self._order = count()
        self._version = -1

    def expect(self, version: int, future: Future[int]) -> None:
        """Settle a future when that version is here."""
        with self._lock:
            if version > self._version:
                heapq.heappush(self._waiting, (version, next(self._order), future))
                return
        settle(future, version)

    def reached(self, version: int) -> None:
        """Note that the content has this version."""
        due = []
        with self._lock:
            self._version = version
            while self._waiting and self._waiting[0][0] <= version:
                due.append(heapq.heappop(self._waiting))
        for reached, _, future in due:
            settle(future, reached)

    def moment(self) -> int:
        """Give the moment that it is now, for `all_there()`."""
        with self._lock:
            return next(self._order)

    def all_there(self, version: int, moment: int) -> None:
        """Note that the content, asked for after that moment, is all that there was.

        What had been accepted before is in it, or was lost by Redis.
        """
        due: list[Future[int]] = []
        with self._lock:
            self._version = version
            waiting, self._waiting = self._waiting, []
            for each in waiting:
                expected, since, future = each
                if expected <= version or since < moment:
                    due.append(future)
                else:
                    heapq.heappush(self._waiting, each)
        for future in due:
            settle(future, version)

    def give_up(self, error: Exception) -> None:
        """Tell all who wait that nothing will come any more."""
        with self._lock:
            waiting, self._waiting = self._waiting, []
        for _, _, future in waiting:
            fail(future, error)


def settle(future: Future[int], version: int) -> None:
    """Give a future its result."""
    if not future.done():
        future.set_result(version)


def fail(future: Future[int], error: Exception) -> None:
    """Give a future an error."""
    if not future.done():
        future.set_exception(error)
