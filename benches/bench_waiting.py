"""Many who wait: what they cost the one who updates."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from change_buffers import DictionaryChangeMultiView
from contenders import count
from measure import Compare

STACK_BYTES = 256 * 1024


class Sleepers:
    """Threads that sleep until there is a change, over and over; daemons.

    A round is one change while all of them sleep.
    """

    def __init__(self, threads: int, *, until_all_have_it: bool) -> None:
        self._threads = threads
        self._until_all_have_it = until_all_have_it
        self.woken = 0
        self._counting = threading.Lock()
        usual = threading.stack_size(STACK_BYTES)
        for _ in range(threads):
            threading.Thread(target=self._follow, args=(self.follower(),), daemon=True).start()
        threading.stack_size(usual)

    def follower(self) -> Callable[[], object]:
        """Give what waits for one change."""
        raise NotImplementedError

    def change(self) -> None:
        raise NotImplementedError

    def asleep(self) -> int:
        raise NotImplementedError

    def _follow(self, wait: Callable[[], object]) -> None:
        while True:
            wait()
            with self._counting:
                self.woken += 1

    def round(self) -> float:
        while self.asleep() < self._threads:
            time.sleep(0.001)
        # The last one has said that it sleeps, but does not yet.
        time.sleep(0.01)
        self.woken = 0
        start = time.perf_counter()
        self.change()
        changed = time.perf_counter()
        while self.woken < self._threads:
            time.sleep(0.0002)
        return (time.perf_counter() if self._until_all_have_it else changed) - start


class OnConditions(Sleepers):
    """What one would write oneself: a version, and `notify_all()`."""

    def __init__(self, threads: int, *, until_all_have_it: bool) -> None:
        self._changed = threading.Condition()
        self._version = 0
        self._asleep = 0
        super().__init__(threads, until_all_have_it=until_all_have_it)

    def follower(self) -> Callable[[], object]:
        seen = 0

        def wait() -> None:
            nonlocal seen
            with self._changed:
                self._asleep += 1
                while self._version == seen:
                    self._changed.wait()
                seen = self._version
                self._asleep -= 1

        return wait

    def change(self) -> None:
        with self._changed:
            self._version += 1
            self._changed.notify_all()

    def asleep(self) -> int:
        return self._asleep


class OnViews(Sleepers):
    def __init__(self, threads: int, *, until_all_have_it: bool) -> None:
        self._room = DictionaryChangeMultiView()
        self._contexts = [self._room.create_view() for _ in range(threads)]
        self._views = [context.__enter__() for context in self._contexts]
        super().__init__(threads, until_all_have_it=until_all_have_it)

    def follower(self) -> Callable[[], object]:
        return self._views.pop().flush_changed_blocking

    def change(self) -> None:
        self._room.update({"a": 1})

    def asleep(self) -> int:
        return self._room.stats().waiting_threads


@pytest.mark.parametrize("threads", [1, 10, 100, 1000])
@pytest.mark.parametrize("until_all_have_it", [False, True])
def test_sleeping_threads(compare: Compare, threads: int, until_all_have_it: bool) -> None:
    what = "until each has it" if until_all_have_it else "the update alone"
    compare(
        f"{count(threads, 'thread')} sleep, {what}",
        rival=OnConditions(threads, until_all_have_it=until_all_have_it),
        ours=OnViews(threads, until_all_have_it=until_all_have_it),
        against="Condition",
        target=None if threads < 100 or (until_all_have_it and threads < 1000) else 1,
    )
