"""Timers of paced subscriptions: by the clock of the loop, and gone when the wait is over."""

from __future__ import annotations

import asyncio
import contextvars
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from change_buffers import DictionaryChangeMultiView
from event_loops import RUNNERS, VirtualLoop, passes, run, start
from helpers import BoomError, Thing, Worker, assert_collected

every_loop = pytest.mark.parametrize("run_one", RUNNERS)

HOUR = 3600.0


@contextmanager
def counted_timers() -> Iterator[list[Any]]:
    """List the timers that are made in the running loop from here on."""
    loop = asyncio.get_running_loop()
    timers: list[Any] = []
    original = loop.call_at

    def call_at(*args: Any, **kwargs: Any) -> Any:
        timers.append(original(*args, **kwargs))
        return timers[-1]

    loop.call_at = call_at  # type: ignore[method-assign]
    try:
        yield timers
    finally:
        del loop.call_at


def left(timers):
    return [timer for timer in timers if not timer.cancelled()]


async def follow(room, interval=HOUR):
    async for _ in room.subscribe_changes(interval):
        pass


# Nothing is left


@every_loop
def test_subscribers_that_go_leave_no_timer_and_no_context(multi_view, run_one):
    request = contextvars.ContextVar("request")

    async def serve(things):
        request.set(Thing())
        things.append(weakref.ref(request.get()))
        await follow(multi_view)

    async def main():
        multi_view.update({"a": 1})
        things = []
        with counted_timers() as timers:
            tasks = await start(*(serve(things) for _ in range(1500)))
            assert timers
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            assert left(timers) == []
        del tasks, task
        await passes()
        # Any of them.
        assert_collected(lambda: next(filter(None, (thing() for thing in things)), None))

    run_one(main())


@every_loop
def test_no_context_is_kept_of_whoever_updates(multi_view, run_one):
    request = contextvars.ContextVar("request")

    def update():
        request.set(Thing())
        multi_view.update({"a": 2})
        return weakref.ref(request.get())

    async def main():
        task = await start(follow(multi_view, 0))
        things = [contextvars.Context().run(update), Worker(update).result()]
        for thing in things:
            assert_collected(thing)  # though the loop has yet to answer
        task.cancel()

    run_one(main())


@every_loop
def test_polling_with_a_timeout_leaves_no_timer(multi_view, run_one):
    async def main():
        multi_view.update({"a": 1})
        subscription = multi_view.subscribe_changes(HOUR)
        await subscription.__anext__()
        with counted_timers() as timers:
            for _ in range(50):
                task = await start(subscription.__anext__())
                task.cancel()
                await asyncio.wait([task])
            assert len(timers) >= 50
            assert left(timers) == []

    run_one(main())


@every_loop
def test_a_change_of_pace_leaves_no_timer(multi_view, run_one):
    async def main():
        multi_view.update({"a": 1})
        subscription = multi_view.subscribe_changes(HOUR)
        await subscription.__anext__()
        with counted_timers() as timers:
            task = await start(subscription.__anext__())
            for i in range(2000):
                subscription.interval = HOUR + i
                await asyncio.sleep(0)
            await passes()
            assert len(timers) > 1000
            assert len(left(timers)) == 1
            subscription.close()
            with pytest.raises(StopAsyncIteration):
                await task
            assert left(timers) == []

    run_one(main())


@every_loop
@pytest.mark.parametrize("way", ["freeze", "close", "drop"])
def test_a_wait_that_ends_early_leaves_no_timer(run_one, way):
    async def main():
        room = DictionaryChangeMultiView()
        room.update({"a": 1})
        subscription = room.subscribe_changes(HOUR)
        await subscription.__anext__()
        with counted_timers() as timers:
            awaitable = subscription.__anext__()
            awaitable.send(None)
            assert len(left(timers)) == 1
            if way == "freeze":
                room.freeze()
                await passes()
                with pytest.raises(StopAsyncIteration):
                    awaitable.send(None)
            elif way == "close":
                awaitable.close()
            else:
                del awaitable
            assert left(timers) == []

    run_one(main())


def test_those_who_stay_keep_the_timer_that_another_one_leaves():
    loop = VirtualLoop()
    room = DictionaryChangeMultiView()

    async def main():
        room.update({"a": 1})
        subscriptions = [room.subscribe_changes(1) for _ in range(3)]
        for subscription in subscriptions:
            await subscription.__anext__()
        with counted_timers() as timers:
            tasks = await start(*(subscription.__anext__() for subscription in subscriptions))
            assert len(timers) == 1
            tasks[0].cancel()
            await asyncio.wait([tasks[0]])
            room.update({"a": 2})
            for task in tasks[1:]:
                assert (await task).updates == {"a": 2}
            assert len(timers) == 1
        assert loop.time() == 1

    loop.run(main())


# When a timer cannot be had


@pytest.mark.parametrize("is_made", [False, True])
def test_a_timer_that_fails_concerns_nobody_else(is_made):
    loop = VirtualLoop()
    room = DictionaryChangeMultiView()
    original = loop.call_at
    failing = []

    def call_at(*args, **kwargs):
        if failing:
            failing.clear()
            if is_made:  # as when a signal handler raises on the way back
                original(*args, **kwargs)
            raise BoomError
        return original(*args, **kwargs)

    async def main():
        room.update({"a": 1})
        first, second = room.subscribe_changes(1), room.subscribe_changes(1)
        for subscription in (first, second):
            await subscription.__anext__()
        room.update({"a": 2})
        failing.append(True)
        with pytest.raises(BoomError):
            await first.__anext__()
        # It is due in the same millisecond.
        assert (await second.__anext__()).updates == {"a": 2}
        assert (await first.__anext__()).updates == {"a": 2}
        assert loop.time() == 1
        assert room.stats().waiting_tasks == 0

    loop.call_at = call_at
    loop.run(main())


# Clocks


def test_the_clock_of_the_loop_says_what_is_due():
    loop = VirtualLoop()
    room = DictionaryChangeMultiView()

    async def update():
        for number in range(100):
            room.update({"a": number})
            await asyncio.sleep(0.25)
        room.freeze()

    async def main():
        task = asyncio.create_task(update())
        received = []
        async for change in room.subscribe_changes(interval=1):
            received.append((loop.time(), change.updates["a"]))
        await task
        assert [time for time, _ in received] == list(range(len(received)))
        assert received[-1] == (25.0, 99)

    loop.run(main())


@pytest.mark.parametrize("interval", [0.1, 1 / 3, 1 / 30, 0.0015, 1e-6])
def test_a_clock_that_jumps_from_timer_to_timer_never_stands_still(interval):
    loop = VirtualLoop()
    room = DictionaryChangeMultiView()

    async def main():
        last = None
        room.update({"a": 0})
        async for _ in room.subscribe_changes(interval):
            room.update({"a": 0})
            if last is not None:
                assert interval - 1e-9 <= loop.time() - last <= interval + 0.0011
            last = loop.time()
            if last > 100 * interval:
                break

    loop.run(main())


def test_a_timer_that_strikes_a_little_early_is_believed_where_time_stands_still():
    # As on Windows, where the clock goes on in steps of 16 ms.
    loop = VirtualLoop()
    loop._clock_resolution = 0.016
    room = DictionaryChangeMultiView()

    async def keep_busy():
        while True:
            await asyncio.sleep(0)

    async def main():
        # So the loop never waits for a timer, and time stands still just before it.
        busy = asyncio.create_task(keep_busy())
        deliveries = 0
        room.update({"a": 0})
        async for _ in room.subscribe_changes(0.01):
            room.update({"a": 0})
            deliveries += 1
            if deliveries == 50:
                break
        busy.cancel()

    loop.run(main())


def test_a_body_that_takes_longer_by_the_clock_of_the_loop_is_due_at_once():
    loop = VirtualLoop()
    room = DictionaryChangeMultiView()

    async def main():
        room.update({"a": 1})
        subscription = room.subscribe_changes(10)
        await subscription.__anext__()
        room.update({"a": 2})
        await asyncio.sleep(12)
        await subscription.__anext__()
        assert loop.time() == 12
        room.update({"a": 3})
        await asyncio.sleep(9)
        await subscription.__anext__()
        assert loop.time() == 22

    loop.run(main())


def test_a_pace_is_kept_from_a_loop_to_the_next_one():
    room = DictionaryChangeMultiView()
    subscription = room.subscribe_changes(10)
    loops = []

    async def receive(number):
        room.update({"a": number})
        change = await subscription.__anext__()
        loops.append(asyncio.get_running_loop().time())
        return change.updates["a"]

    assert VirtualLoop().run(receive(1)) == 1
    assert VirtualLoop().run(receive(2)) == 2
    assert loops[0] == 0
    assert 9 < loops[1] < 10.1, "no time has really passed in between"
    subscription.interval = 0.01
    assert run(receive(3)) == 3


def test_a_pace_that_is_set_later_counts_from_the_last_delivery():
    loop = VirtualLoop()
    room = DictionaryChangeMultiView()

    async def main():
        room.update({"a": 1})
        subscription = room.subscribe_changes()
        await subscription.__anext__()
        room.update({"a": 2})
        subscription.interval = 5
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(subscription.__anext__(), 1)
        await subscription.__anext__()
        assert 4.9 < loop.time() < 5.1

    loop.run(main())
