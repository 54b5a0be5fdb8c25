"""Several event loops, in several threads or one after the other, and loops that are closed."""

from __future__ import annotations

import asyncio
import gc
import sys
from collections import Counter

import pytest

from change_buffers import ObjectFrozenError
from event_loops import RUNNERS, passes, run, start, until
from helpers import Worker, run_child

every_loop = pytest.mark.parametrize("run_one", RUNNERS)


async def wait(buffer):
    return await buffer.flush_changed()


async def follow(multi_view, subscribed):
    replica = {}
    changes = multi_view.subscribe_changes(0.001 if subscribed else 0)
    async for updates, removals in changes:
        replica.update(updates)
        for key in removals:
            replica.pop(key, None)
    return replica


# Several at a time


@every_loop
def test_loops_of_several_threads_can_follow_one_multi_view(multi_view, run_one):
    followers, updates = 8, 1500

    async def follow_all():
        return await asyncio.gather(*(follow(multi_view, i % 2) for i in range(followers)))

    def produce(name):
        for i in range(updates):
            multi_view.update({f"{name} {i % 20}": i, "shared": i}, [f"{name} {i * 7 % 20}"])

    loops = [Worker(lambda: run_one(follow_all())) for _ in range(3)]
    producers = [Worker(produce, name) for name in range(2)]
    for producer in producers:
        producer.result()
    multi_view.update({"last": 1})
    multi_view.freeze()
    for loop in loops:
        for replica in loop.result():
            # A loop that came late begins with the content.
            assert replica == multi_view.copy_content()


@every_loop
def test_each_change_goes_to_one_task_of_one_loop(buffer, run_one):
    async def consume(seen):
        while True:
            try:
                seen.update(list((await buffer.flush_changed()).updates))
            except ObjectFrozenError:
                return

    async def consume_all():
        seen = Counter()
        await asyncio.gather(*(consume(seen) for _ in range(3)))
        return seen

    loops = [Worker(lambda: run_one(consume_all())) for _ in range(3)]
    for i in range(5000):
        buffer.update({f"key {i}": i})
    buffer.freeze()
    seen = sum((loop.result() for loop in loops), Counter())
    assert len(seen) == 5000
    assert set(seen.values()) == {1}


def test_a_change_reaches_the_tasks_of_each_loop(multi_view):
    async def wait_for_one():
        with multi_view.create_view() as view:
            return (await view.flush_changed()).updates

    async def main():
        loops = [Worker(lambda: run(wait_for_one())) for _ in range(3)]
        here = await start(wait_for_one())
        await until(lambda: multi_view.stats().waiting_tasks == 4)
        multi_view.update({"a": 1})
        assert await here == {"a": 1}
        assert [loop.result() for loop in loops] == [{"a": 1}] * 3

    run(main())


# One after the other


@every_loop
def test_a_buffer_can_be_used_in_one_loop_after_the_other(buffer, run_one):
    async def main(i):
        task = await start(buffer.flush_changed())
        buffer.update({"a": i})
        return (await task).updates

    for i in range(10):
        assert run_one(main(i)) == {"a": i}


def test_a_loop_can_go_on_after_a_pause(buffer):
    # While it does not run it is rung and does not answer.
    loop = asyncio.new_event_loop()
    try:
        task = loop.create_task(wait(buffer))
        loop.run_until_complete(passes())
        buffer.update({"a": 1})
        Worker(buffer.update, {"b": 1}).result()
        assert loop.run_until_complete(task).updates == {"a": 1, "b": 1}
    finally:
        loop.close()


def test_a_loop_can_go_on_in_another_thread(buffer):
    loop = asyncio.new_event_loop()
    try:
        waiting = loop.create_task(wait(buffer))
        loop.run_until_complete(passes())

        async def main():
            other = await start(buffer.flush_changed())
            buffer.update({"a": 1})
            await asyncio.wait([waiting, other], return_when=asyncio.FIRST_COMPLETED)
            buffer.update({"b": 1})
            return [task.result().updates for task in (waiting, other) if await task]

        taken = Worker(loop.run_until_complete, asyncio.wait_for(main(), 10)).result()
        assert sorted(taken, key=str) == [{"a": 1}, {"b": 1}]
    finally:
        loop.close()


# Closed with tasks that wait


def abandon(view, count=1):
    """Close a loop while tasks of it wait, and give it with them."""
    loop = asyncio.new_event_loop()
    # Otherwise it says that they were pending when they are collected.
    loop.set_exception_handler(lambda *_: None)

    async def main():
        return await start(*(wait(view) for _ in range(count)), asyncio.sleep(0))

    tasks = loop.run_until_complete(main())
    loop.close()
    return loop, tasks


def test_a_closed_loop_does_not_disturb_whoever_updates(multi_view, view):
    abandoned = abandon(view, 2)
    for i in range(3):
        multi_view.update({"a": i})
        Worker(multi_view.update, {"b": i}).result()
    assert view.flush_changed_nowait().updates == {"a": 2, "b": 2}
    assert multi_view.stats().waiting_tasks == 0
    multi_view.freeze()
    del abandoned


def test_a_closed_loop_does_not_disturb_the_others(multi_view, view):
    abandoned = abandon(view)

    async def main():
        task = await start(view.flush_changed())
        Worker(multi_view.update, {"a": 1}).result()
        assert (await task).updates == {"a": 1}

    run(main())
    del abandoned


@pytest.mark.parametrize("rung", [False, True], ids=["never rung", "rung"])
def test_the_end_of_a_closed_loop_does_not_disturb_the_others(multi_view, view, rung):
    # What was known of it is forgotten when it is rung, and again when it is collected. By then
    # another loop may have taken its place.
    abandoned = abandon(view)
    if rung:
        multi_view.update({"a": 1})
        view.flush_changed_nowait()

    async def main(abandoned):
        task = await start(view.flush_changed())
        abandoned.clear()
        gc.collect()
        for i in range(3):
            Worker(multi_view.update, {"a": i}).result()
            await until(task.done)
            assert task.result().updates == {"a": i}
            task = await start(view.flush_changed())
            assert multi_view.stats().waiting_tasks == 1
        task.cancel()

    abandoned = [abandoned]
    run(main(abandoned))


# Loops that fail


class FailingLoop:
    """Have a running loop refuse to be woken for some times."""

    def __init__(self, times):
        self.times = times

    def __enter__(self):
        self.loop = asyncio.get_running_loop()
        self.original = self.loop.call_soon_threadsafe
        self.loop.call_soon_threadsafe = self.call_soon_threadsafe
        return self

    def __exit__(self, *_):
        del self.loop.call_soon_threadsafe

    def call_soon_threadsafe(self, *args, **kwargs):
        if self.times > 0:
            self.times -= 1
            raise MemoryError("no loop")
        return self.original(*args, **kwargs)


@pytest.fixture
def unraisable(monkeypatch):
    """List the types of what could be raised nowhere."""
    errors = []
    monkeypatch.setattr(sys, "unraisablehook", lambda found: errors.append(found.exc_type))
    return errors


def test_a_ring_that_fails_once_is_repeated(multi_view, view, unraisable):
    async def main():
        task = await start(view.flush_changed())
        with FailingLoop(1):
            Worker(multi_view.update, {"a": 1}).result()
        assert (await task).updates == {"a": 1}

    run(main())
    assert unraisable == [MemoryError]


def test_a_loop_that_could_not_be_reached_hears_of_the_next_change(multi_view, view, unraisable):
    async def main():
        task = await start(view.flush_changed())
        with FailingLoop(2):
            Worker(multi_view.update, {"a": 1}).result()
        assert multi_view.copy_content() == {"a": 1}
        Worker(multi_view.update, {"b": 1}).result()
        await until(task.done)
        assert task.result().updates == {"a": 1, "b": 1}

    run(main())
    assert unraisable == [MemoryError, MemoryError]


def test_a_loop_that_fails_does_not_keep_others_from_being_woken(multi_view, unraisable):
    other = Worker(lambda: run(follow(multi_view, False)))

    async def main():
        with multi_view.create_view() as view:
            task = await start(view.flush_changed())
            thread = Worker(view.flush_changed_blocking)
            await until(lambda: multi_view.stats().waiting_tasks == 2)
            with FailingLoop(10**6):
                Worker(multi_view.update, {"a": 1}).result()
                assert thread.result().updates == {"a": 1}
            task.cancel()
        multi_view.freeze()
        assert other.result() == {"a": 1}

    run(main())


# Development mode


def test_nothing_is_wrong_in_development_mode():
    run_child(
        """
        import asyncio, threading
        from change_buffers import DictionaryChangeBuffer, DictionaryChangeMultiView

        multi_view = DictionaryChangeMultiView()

        async def follow():
            last = {}
            async for change in multi_view.subscribe_changes(0.001):
                last.update(change.updates)
            return last

        def produce():
            for i in range(300):
                multi_view.update({"a": i})

        async def main():
            assert asyncio.get_running_loop().get_debug()
            asyncio.get_running_loop().slow_callback_duration = 30  # the machine may be busy
            tasks = [asyncio.ensure_future(follow()) for _ in range(5)]
            thread = threading.Thread(target=produce)
            thread.start()
            for i in range(300):
                multi_view.update({"b": i})
                await asyncio.sleep(0)
            await asyncio.get_running_loop().run_in_executor(None, thread.join)
            multi_view.freeze()
            for last in await asyncio.gather(*tasks):
                assert last == {"a": 299, "b": 299}, last

        asyncio.run(main())
        """,
        "-X",
        "dev",
    )
