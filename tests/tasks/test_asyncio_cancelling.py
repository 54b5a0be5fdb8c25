"""Cancelling a task that waits, at any moment and by any means, loses no change and no wake-up."""

from __future__ import annotations

import asyncio
import random
import sys
import time
from collections import Counter

import pytest

from change_buffers import ObjectFrozenError
from event_loops import RUNNERS, passes, start, until
from helpers import Worker, flush, pending

pytestmark = pytest.mark.parametrize("run", RUNNERS)


async def cancelled(task):
    with pytest.raises(asyncio.CancelledError):
        await task
    return task.cancelled()


def test_a_cancelled_task_waits_no_more(run, multi_view, view):
    async def main():
        task, other = await start(view.flush_changed(), view.flush_changed())
        assert multi_view.stats().waiting_tasks == 2
        task.cancel()
        assert await cancelled(task)
        assert multi_view.stats().waiting_tasks == 1
        multi_view.update({"a": 1})
        assert (await other).updates == {"a": 1}
        assert multi_view.stats().waiting_tasks == 0

    run(main())


def test_a_change_after_the_cancellation_is_pending(run, buffer):
    async def main():
        task = await start(buffer.flush_changed())
        task.cancel()
        buffer.update({"a": 1})
        assert await cancelled(task)

    run(main())
    assert flush(buffer) == ({"a": 1}, set())


def test_a_change_before_the_cancellation_is_pending(run, buffer):
    # The loop answers first and finds the future cancelled.
    async def main():
        task = await start(buffer.flush_changed())
        buffer.update({"a": 1})
        task.cancel()
        assert await cancelled(task)
        assert pending(buffer) == ({"a": 1}, set())
        return await buffer.flush_changed()

    assert run(main()).updates == {"a": 1}


def test_a_task_can_be_cancelled_before_it_has_begun(run, buffer):
    async def main():
        buffer.update({"a": 1})
        task = asyncio.ensure_future(buffer.flush_changed())
        task.cancel()
        assert await cancelled(task)

    run(main())
    assert flush(buffer) == ({"a": 1}, set())


@pytest.mark.parametrize("count", range(6))
def test_a_change_is_returned_or_pending_whenever_the_task_is_cancelled(run, buffer, count):
    async def main():
        task = await start(buffer.flush_changed())
        buffer.update({"a": 1})
        await passes(count)
        if task.cancel():
            assert await cancelled(task)
            assert flush(buffer) == ({"a": 1}, set())
        else:
            assert task.result().updates == {"a": 1}
            assert pending(buffer) == ({}, set())

    run(main())


@pytest.mark.parametrize("count", range(4))
def test_another_task_gets_what_the_cancelled_one_would_have_got(run, buffer, count):
    async def main():
        task, other = await start(buffer.flush_changed(), buffer.flush_changed())
        Worker(buffer.update, {"a": 1}).result()
        await passes(count)
        if task.cancel():
            assert await cancelled(task)
        else:
            assert task.result().updates == {"a": 1}
            buffer.update({"a": 1})
        assert (await other).updates == {"a": 1}

    run(main())


def test_a_cancellation_may_come_from_another_thread(run, buffer):
    async def main():
        loop = asyncio.get_running_loop()
        task = await start(buffer.flush_changed())
        Worker(loop.call_soon_threadsafe, task.cancel).result()
        assert await cancelled(task)
        buffer.update({"a": 1})

    run(main())
    assert flush(buffer) == ({"a": 1}, set())


def test_the_end_of_the_loop_loses_nothing(run, buffer):
    # Tasks that are left are cancelled by whoever runs the loop.
    async def main():
        tasks = await start(*(buffer.flush_changed() for _ in range(3)))
        buffer.update({"a": 1})
        return tasks

    tasks = run(main())
    taken = [task.result().updates for task in tasks if not task.cancelled()]
    if any(pending(buffer)):
        taken.append(flush(buffer)[0])
    assert taken == [{"a": 1}]


# Timeouts


def wait_for(buffer, seconds):
    return asyncio.wait_for(buffer.flush_changed(), seconds)


async def within(buffer, seconds):
    async with asyncio.timeout(seconds):
        return await buffer.flush_changed()


with_timeout = pytest.mark.parametrize(
    "flush_within",
    [
        wait_for,
        pytest.param(
            within,
            marks=pytest.mark.skipif(
                sys.version_info < (3, 11), reason="asyncio.timeout came with Python 3.11"
            ),
        ),
    ],
)


@with_timeout
@pytest.mark.parametrize("seconds", [-1, 0, 0.001, 0.02])
def test_a_timeout_loses_nothing(run, multi_view, view, flush_within, seconds):
    async def main():
        for _ in range(3):
            with pytest.raises(asyncio.TimeoutError):
                await flush_within(view, seconds)
        assert multi_view.stats().waiting_tasks == 0
        multi_view.update({"a": 1}, ["b"])
        assert pending(view) == ({"a": 1}, {"b"})
        change = await flush_within(view, 10)
        assert (change.updates, change.removals) == ({"a": 1}, {"b"})

    run(main())


@with_timeout
def test_freezing_is_told_from_a_timeout(run, buffer, flush_within):
    async def main():
        task = await start(flush_within(buffer, 10))
        buffer.freeze()
        with pytest.raises(ObjectFrozenError):
            await task

    run(main())


@with_timeout
def test_short_timeouts_lose_and_double_nothing(run, buffer, flush_within):
    producers, each = 2, 400
    pauses = random.Random(2)

    def produce(name):
        for i in range(each):
            buffer.update({f"set {name} {i}": i}, [f"removed {name} {i}"])
            if i % 5 == 0:
                time.sleep(0.0005)

    async def consume(seen):
        while True:
            try:
                change = await flush_within(buffer, pauses.choice([0.0001, 0.0005, 0.001, 0.003]))
            except asyncio.TimeoutError:
                continue
            except ObjectFrozenError:
                return
            seen.update([*change.updates, *change.removals])

    async def main():
        seen = Counter()
        consuming = [asyncio.ensure_future(consume(seen)) for _ in range(4)]
        producing = [Worker(produce, name) for name in range(producers)]
        await until(lambda: not any(worker.is_alive() for worker in producing))
        buffer.freeze()
        await asyncio.gather(*consuming)
        assert len(seen) == 2 * producers * each
        assert set(seen.values()) == {1}

    run(main())


def test_random_cancellations_lose_and_double_nothing(run, buffer):
    count = 1500
    choice = random.Random(3)

    async def take(seen):
        change = await buffer.flush_changed()
        seen.update(list(change.updates))  # nothing is awaited in between, so nothing can be lost

    async def main():
        seen = Counter()
        tasks = []
        for i in range(count):
            tasks.append(asyncio.ensure_future(take(seen)))
            buffer.update({f"key {i}": i})
            await passes(choice.randrange(3))
            if choice.random() < 0.6:
                choice.choice(tasks).cancel()
            if len(tasks) > 20:
                tasks.pop(0).cancel()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        seen.update(list(buffer._pending_changes))
        assert len(seen) == count
        assert set(seen.values()) == {1}

    run(main())
