"""A loop is woken as seldom as can be: once for a burst, never for what concerns none of its tasks.

A wake-up from outside writes to the loop's self-pipe, a system call that whoever updates pays for.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import ExitStack

import pytest

from change_buffers import DictionaryChangeBuffer, DictionaryChangeMultiView
from event_loops import RUNNERS, counted_wake_ups, passes, start, until
from helpers import SETTLE, Worker

pytestmark = pytest.mark.parametrize("run", RUNNERS)

LONG = 1000.0


async def finish(*tasks):
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def test_a_change_from_the_loop_itself_takes_no_wake_up(run, buffer):
    async def main():
        with counted_wake_ups(asyncio.get_running_loop()) as calls:
            for i in range(5):
                task = await start(buffer.flush_changed())
                buffer.update({"a": i})
                assert (await task).updates == {"a": i}
            task = await start(buffer.flush_changed())
            buffer.freeze()
            await asyncio.wait([task])
            task.exception()
        assert calls == []

    run(main())


@pytest.mark.parametrize("depth", [0, 100])
def test_a_change_from_a_callback_of_the_loop_takes_no_wake_up(run, buffer, depth):
    def update(value, depth):
        if depth:
            update(value, depth - 1)
        else:
            buffer.update({"a": value})

    async def main():
        loop = asyncio.get_running_loop()
        with counted_wake_ups(loop) as calls:
            for i in range(5):
                task = await start(buffer.flush_changed())
                loop.call_soon(update, i, depth)
                assert (await task).updates == {"a": i}
        # Others cannot be told from a signal handler in the middle of the loop's `select()`.
        is_seen = isinstance(loop, asyncio.BaseEventLoop) and not depth
        assert len(calls) == (0 if is_seen else 5)

    run(main())


def test_a_burst_from_another_thread_takes_one_wake_up_for_a_thousand_tasks(run, multi_view):
    def burst(name):
        for i in range(50):
            multi_view.update({f"{name} {i}": i})

    async def main():
        with ExitStack() as stack, counted_wake_ups(asyncio.get_running_loop()) as calls:
            views = [stack.enter_context(multi_view.create_view()) for _ in range(500)]
            for round_ in range(2):
                tasks = await start(*(view.flush_changed() for view in views * 2))
                assert multi_view.stats().waiting_tasks == 1000
                Worker(burst, round_).result()  # the loop is busy with waiting for it
                assert len(calls) == round_ + 1
                await passes()
                done = [task for task in tasks if task.done()]
                assert len(done) == 500
                assert all(len(task.result().updates) == 50 for task in done)
                await finish(*(task for task in tasks if not task.done()))
            assert len(calls) == 2

    run(main())


def test_nobody_waiting_takes_no_wake_up(run, multi_view, view):
    async def main():
        task = await start(view.flush_changed())
        multi_view.update({"a": 1})
        await task
        with counted_wake_ups(asyncio.get_running_loop()) as calls:
            Worker(multi_view.update, {"a": 2}).result()
            assert (await view.flush_changed()).updates == {"a": 2}
            cancelled = await start(view.flush_changed())
            await finish(cancelled)
            Worker(multi_view.update, {"a": 3}).result()
        assert calls == []

    run(main())


def test_an_update_of_one_view_does_not_wake_for_another(run, multi_view, view):
    async def main():
        task = await start(view.flush_changed())
        with multi_view.create_view() as other:
            with counted_wake_ups(asyncio.get_running_loop()) as calls:
                Worker(other.update, {"a": 1}).result()
            assert calls == []
        await finish(task)

    run(main())


def test_keys_of_no_interest_take_no_wake_up(run, multi_view):
    async def main():
        loop = asyncio.get_running_loop()
        with multi_view.create_view(prefixes="a.") as view:
            task = await start(view.flush_changed())
            pacing = multi_view.subscribe_changes(prefixes=["b."])
            other = await start(pacing.__anext__())
            with counted_wake_ups(loop) as calls:
                Worker(multi_view.update, {"c.": 1, "a": 1, "": 1}, ["b", "x"]).result()
                await passes()
                assert calls == []
                Worker(multi_view.update, None, ["b.c"]).result()
                assert len(calls) == 1
                assert (await other).removals == {"b.c"}
            assert not task.done()
            await finish(task)

    run(main())


def updatable(kind):
    """Something to subscribe to, how to subscribe to it, and how to update it."""
    if kind == "buffer":
        buffer = DictionaryChangeBuffer()
        return buffer.subscribe_changes, buffer.update, buffer
    multi_view = DictionaryChangeMultiView()
    if kind == "multi-view":
        return multi_view.subscribe_changes, multi_view.update, multi_view
    view = multi_view.create_view().__enter__()
    return view.subscribe_changes, (view if kind == "view itself" else multi_view).update, view


@pytest.mark.parametrize("kind", ["buffer", "view", "view itself", "multi-view"])
def test_changes_before_the_next_is_due_take_no_wake_up(run, kind):
    subscribe, update, _source = updatable(kind)

    async def main():
        subscription = subscribe(LONG)
        update({"first": 1})
        await subscription.__anext__()
        task = await start(subscription.__anext__())
        with counted_wake_ups(asyncio.get_running_loop()) as calls:
            for i in range(10):
                Worker(update, {"a": i}).result()
            assert calls == []
            await asyncio.sleep(SETTLE)
            assert not task.done()
            Worker(setattr, subscription, "interval", 0).result()
            assert len(calls) == 1
            assert (await task).updates == {"a": 9}

    run(main())


@pytest.mark.parametrize("kind", ["buffer", "view", "multi-view"])
def test_freezing_wakes_those_who_keep_a_pace(run, kind):
    subscribe, update, source = updatable(kind)

    async def main():
        subscription = subscribe(LONG)
        update({"first": 1})
        await subscription.__anext__()
        task = await start(subscription.__anext__())
        with counted_wake_ups(asyncio.get_running_loop()) as calls:
            Worker(source.freeze).result()
            await until(task.done)
            assert isinstance(task.exception(), StopAsyncIteration)
        assert len(calls) == 1

    run(main())


def test_a_loop_that_is_quicker_than_who_asks_is_asked_once(run, buffer):
    """In debug mode it usually is: who asks has a traceback to make, and gives the GIL away."""

    async def main():
        loop = asyncio.get_running_loop()
        ask = loop.call_soon_threadsafe
        # What the loop is to call must not be kept: when it goes, it sees whether it was called.
        times = []

        def ask_and_linger(callback, **kwargs):
            times.append(loop.time())
            assert len(times) < 5, "it would go on for ever"
            ask(callback, **kwargs)
            time.sleep(SETTLE)

        loop.call_soon_threadsafe = ask_and_linger
        task = await start(buffer.flush_changed())
        worker = Worker(buffer.update, {"a": 1})
        assert (await task).updates == {"a": 1}
        await until(lambda: not worker.is_alive())
        worker.result()
        del loop.call_soon_threadsafe
        assert len(times) == 1

    run(main())
