"""Many who wait: what they cost the one who updates."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest

from change_buffers import DictionaryChangeBuffer, DictionaryChangeMultiView
from contenders import count
from measure import Compare

STACK_BYTES = 256 * 1024
FEW, MANY = 10, 10_000
FLAT = 1 / 1.3
"""What concerns nobody costs the same whoever waits, or nearly."""
REPEATS = 200


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


class Waiting:
    """Measures a coroutine function beside so many who wait, in an event loop of its own."""

    def __init__(self, measure: Callable[[int], Awaitable[float]], waiting: int) -> None:
        self._measure = measure
        self._waiting = waiting

    def round(self) -> float:
        async def main() -> float:
            return await self._measure(self._waiting)

        return asyncio.run(main())


async def started(*awaitables: Awaitable[Any]) -> list[asyncio.Future[Any]]:
    """Have tasks run until they wait."""
    tasks = [asyncio.ensure_future(awaitable) for awaitable in awaitables]
    await asyncio.sleep(0)
    return tasks


async def ended(tasks: list[asyncio.Future[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


class Clients:
    """Views of a room, each with a prefix of its own, and a task that waits on each."""

    def __init__(self, clients: int) -> None:
        self.room = DictionaryChangeMultiView()
        self._contexts = [self.room.create_view(f"client.{number}.") for number in range(clients)]
        self.views = [context.__enter__() for context in self._contexts]

    async def __aenter__(self) -> Clients:
        self._tasks = await started(*(view.flush_changed() for view in self.views))
        return self

    async def __aexit__(self, *exception: object) -> None:
        await ended(self._tasks)


def seconds_each(call: Callable[[], object], times: int = REPEATS) -> float:
    """The best of a few goes."""
    best = float("inf")
    for _ in range(5):
        start = time.perf_counter()
        for _ in range(times):
            call()
        best = min(best, time.perf_counter() - start)
    return best / times


async def update_of_no_concern(waiting: int, keys: int = 1) -> float:
    async with Clients(waiting) as clients:
        updates = {f"scene.{number}": number for number in range(keys)}
        return seconds_each(lambda: clients.room.update(updates))


async def large_update_of_no_concern(waiting: int) -> float:
    return await update_of_no_concern(waiting, keys=100)


async def update_in_a_burst(length: int) -> float:
    """Per update, all of keys of no concern, after one that is of concern."""
    async with Clients(1) as clients:
        room = clients.room
        keys = [{f"scene.{number}": number} for number in range(length)]
        room.update({"client.0.": 1})
        start = time.perf_counter()
        for updates in keys:
            room.update(updates)
        return (time.perf_counter() - start) / length


async def delivery_beside_paced(sleeping: int) -> float:
    """One task gets each change, the others are not due for long."""
    room = DictionaryChangeMultiView()
    room.update({"a": 0})
    paced = [room.subscribe_changes(1000) for _ in range(sleeping)]
    for subscription in paced:
        await anext(subscription)
    tasks = await started(*(anext(subscription) for subscription in paced))
    eager = room.subscribe_changes()
    await anext(eager)
    best = float("inf")
    for number in range(REPEATS):
        (task,) = await started(anext(eager))
        start = time.perf_counter()
        room.update({"a": number})
        await task
        best = min(best, time.perf_counter() - start)
    await ended(tasks)
    return best


async def dropping_a_view(waiting: int) -> float:
    async with Clients(waiting) as clients:
        best = float("inf")
        for _ in range(REPEATS):
            with clients.room.create_view() as view:
                pass
            start = time.perf_counter()
            del view
            best = min(best, time.perf_counter() - start)
        return best


async def removing_all_views(waiting: int) -> float:
    """Per view."""
    async with Clients(waiting) as clients:
        start = time.perf_counter()
        for view in clients.views:
            clients.room.remove_view(view)
        return (time.perf_counter() - start) / waiting


async def change_of_a_shared_buffer(waiting: int) -> float:
    """Per task: all of them wait on one buffer, which gets one change."""
    buffer = DictionaryChangeBuffer()
    tasks = await started(*(buffer.flush_changed() for _ in range(waiting)))
    start = time.perf_counter()
    buffer.update({"a": 1})
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    seconds = time.perf_counter() - start
    await ended(tasks)
    return seconds / waiting


@pytest.mark.parametrize(
    ("what", "measure"),
    [
        ("update, 1 key that concerns none of {}", update_of_no_concern),
        ("update, 100 keys that concern none of {}", large_update_of_no_concern),
        ("update amid {} of no concern, after one that is", update_in_a_burst),
        ("delivery to a task beside {} that are not due", delivery_beside_paced),
        ("dropping a view beside {} that wait", dropping_a_view),
        ("remove_view of each of {} that wait", removing_all_views),
        ("one change for {} on one buffer, each", change_of_a_shared_buffer),
    ],
)
def test_waiting_tasks(
    compare: Compare, what: str, measure: Callable[[int], Awaitable[float]]
) -> None:
    compare(
        what.format(f"{MANY:,}"),
        rival=Waiting(measure, FEW),
        ours=Waiting(measure, MANY),
        against=f"{FEW}",
        target=FLAT,
    )


class GivingUp:
    """A wait that is over at once, beside threads that wait and are not due."""

    def __init__(self, threads: int) -> None:
        self._room = DictionaryChangeMultiView()
        self._room.update({"a": 1})
        self._context = self._room.create_view()
        self._view = self._context.__enter__()
        self._view.flush_changed_nowait()
        subscriptions = [self._room.subscribe_changes(1000) for _ in range(threads)]
        usual = threading.stack_size(STACK_BYTES)
        for subscription in subscriptions:
            next(subscription)
            threading.Thread(target=list, args=(subscription,), daemon=True).start()
        threading.stack_size(usual)
        while self._room.stats().waiting_threads < threads:
            time.sleep(0.001)

    def round(self) -> float:
        def wait() -> None:
            with suppress(TimeoutError):
                self._view.flush_changed_blocking(1e-9)

        return seconds_each(wait)


def test_a_thread_gives_up(compare: Compare) -> None:
    many = 1000
    compare(
        f"a thread gives up, {many:,} are not due",
        rival=GivingUp(FEW),
        ours=GivingUp(many),
        against=f"{FEW}",
        target=FLAT,
    )
