"""Tasks that wait: what they cost the producer, and what a delivery costs."""

from __future__ import annotations

import asyncio
import statistics
import threading
import time
import timeit
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

import janus
import pytest

from change_buffers import DictionaryChangeBuffer, DictionaryChangeMultiView
from measure import Compare
from wake_ups import task_by_buffer, task_by_future

TASKS = 1000
PACE = 30
"""Deliveries a second for each subscriber."""
UPDATES = 1000
"""Updates a second."""
SECONDS = 1.0


class Measured:
    """A coroutine function that measures one round, in an event loop of its own."""

    def __init__(self, measure: Callable[[], Awaitable[float]]) -> None:
        self._measure = measure

    def round(self) -> float:
        async def main() -> float:
            return await self._measure()

        return asyncio.run(main())


def seconds_per_update(*, waiting: bool) -> Callable[[], Awaitable[float]]:
    async def measure() -> float:
        room = DictionaryChangeMultiView()
        contexts = [room.create_view() for _ in range(TASKS)]
        views = [context.__enter__() for context in contexts]
        tasks = [asyncio.create_task(view.flush_changed()) for view in views if waiting]
        await asyncio.sleep(0)
        calls = 2000
        # The loop does not run meanwhile: the tasks are not drained in between.
        timer = timeit.Timer("update(change)", globals={"update": room.update, "change": {"a": 1}})
        seconds = min(timer.repeat(5, calls)) / calls
        await asyncio.gather(*tasks)
        return seconds

    return measure


def test_producer_with_waiting_tasks(compare: Compare) -> None:
    compare(
        f"update, {TASKS:,} views: {TASKS:,} tasks wait / none waits",
        rival=Measured(seconds_per_update(waiting=False)),
        ours=Measured(seconds_per_update(waiting=True)),
        against="ours, no task",
        target=1 / 3,
    )


@contextmanager
def called(function: Callable[[], object], times_a_second: float) -> Iterator[None]:
    """Call a function from a thread of its own, regularly."""
    over = threading.Event()

    def run() -> None:
        due = time.perf_counter()
        while not over.is_set():
            function()
            due += 1 / times_a_second
            time.sleep(max(0, due - time.perf_counter()))

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


class Tally:
    """Counts deliveries, and what the process spends on each."""

    def __init__(self) -> None:
        self.deliveries = 0

    async def cpu_seconds_per_delivery(self) -> float:
        await asyncio.sleep(0.2)
        deliveries, cpu = self.deliveries, time.process_time()
        await asyncio.sleep(SECONDS)
        return (time.process_time() - cpu) / (self.deliveries - deliveries)


async def with_subscriptions() -> float:
    room, tally = DictionaryChangeMultiView(), Tally()
    room.update({"a": 1})

    async def follow() -> None:
        async for _ in room.subscribe_changes(1 / PACE):
            tally.deliveries += 1

    followers = [asyncio.create_task(follow()) for _ in range(TASKS)]
    with called(lambda: room.update({"a": 1}), UPDATES):
        seconds = await tally.cpu_seconds_per_delivery()
    room.freeze()
    await asyncio.gather(*followers)
    return seconds


async def with_queues() -> float:
    """As many deliveries, each of them one `call_soon_threadsafe` to a queue of the follower's."""
    loop, tally = asyncio.get_running_loop(), Tally()
    queues = [asyncio.Queue[object]() for _ in range(TASKS)]

    async def follow(queue: asyncio.Queue[object]) -> None:
        while await queue.get() is not None:
            tally.deliveries += 1

    turn = 0

    def deliver() -> None:
        nonlocal turn
        for _ in range(TASKS * PACE // UPDATES):
            loop.call_soon_threadsafe(queues[turn].put_nowait, {"a": 1})
            turn = (turn + 1) % TASKS

    followers = [asyncio.create_task(follow(queue)) for queue in queues]
    with called(deliver, UPDATES):
        seconds = await tally.cpu_seconds_per_delivery()
    for queue in queues:
        queue.put_nowait(None)
    await asyncio.gather(*followers)
    return seconds


async def with_janus() -> float:
    """The same over queues that are made for going from threads to tasks."""
    tally = Tally()
    queues = [janus.Queue[object]() for _ in range(TASKS)]

    async def follow(queue: janus.Queue[object]) -> None:
        while await queue.async_q.get() is not None:
            tally.deliveries += 1

    turn = 0

    def deliver() -> None:
        nonlocal turn
        for _ in range(TASKS * PACE // UPDATES):
            queues[turn].sync_q.put({"a": 1})
            turn = (turn + 1) % TASKS

    followers = [asyncio.create_task(follow(queue)) for queue in queues]
    with called(deliver, UPDATES):
        seconds = await tally.cpu_seconds_per_delivery()
    for queue in queues:
        await queue.async_q.put(None)
    await asyncio.gather(*followers)
    for queue in queues:
        await queue.aclose()
    return seconds


@pytest.mark.parametrize(("name", "rival"), [("asyncio.Queue", with_queues), ("janus", with_janus)])
def test_delivery_to_paced_subscribers(
    compare: Compare, name: str, rival: Callable[[], Awaitable[float]]
) -> None:
    compare(
        f"CPU per delivery, {TASKS:,} subscribers at {PACE} Hz, {UPDATES:,} updates/s",
        rival=Measured(rival),
        ours=Measured(with_subscriptions),
        against=name,
        target=3,
    )


async def wake_up_by_buffer() -> float:
    return statistics.median(await task_by_buffer())


async def wake_up_by_future() -> float:
    return statistics.median(await task_by_future())


def test_wake_up_of_a_task(compare: Compare) -> None:
    compare(
        "a task is woken from another thread (p50)",
        rival=Measured(wake_up_by_future),
        ours=Measured(wake_up_by_buffer),
        against="set_result",
        target=1 / 1.5,
        estimate=statistics.median,
    )


async def wake_ups_by_own_loop(
    receive: Callable[[], Awaitable[object]], send: Callable[[], object]
) -> float:
    """Seconds for each of a series: sent in a callback of the loop while the task waits."""
    loop = asyncio.get_running_loop()
    start = time.perf_counter()
    for _ in range(UPDATES):
        loop.call_soon(send)
        await receive()
    return (time.perf_counter() - start) / UPDATES


async def own_loop_by_queue() -> float:
    queue = asyncio.Queue[dict[str, int]]()
    return await wake_ups_by_own_loop(queue.get, lambda: queue.put_nowait({"a": 1}))


async def own_loop_by_buffer() -> float:
    buffer = DictionaryChangeBuffer()
    return await wake_ups_by_own_loop(buffer.flush_changed, lambda: buffer.update({"a": 1}))


def test_wake_up_by_the_own_loop(compare: Compare) -> None:
    compare(
        "a task is woken from a callback of its own loop",
        rival=Measured(own_loop_by_queue),
        ours=Measured(own_loop_by_buffer),
        against="asyncio.Queue",
        target=1 / 1.7,
    )
