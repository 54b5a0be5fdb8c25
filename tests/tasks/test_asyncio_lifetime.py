"""What waiting in an event loop needs is released when the loop, the buffer or the task goes."""

from __future__ import annotations

import asyncio
import gc
import weakref

import pytest

from change_buffers import DictionaryChangeBuffer, DictionaryChangeMultiView
from event_loops import RUNNERS, passes, run, start
from helpers import Thing, Worker, assert_collected

every_loop = pytest.mark.parametrize("run_one", RUNNERS)


async def wait(buffer):
    return await buffer.flush_changed()


def hubs():
    """How many objects there are that stand for a loop and a store."""
    gc.collect()
    return sum(type(thing).__name__ == "_Hub" for thing in gc.get_objects())


@every_loop
def test_a_buffer_that_was_waited_for_is_released_while_the_loop_runs(run_one):
    async def main():
        buffer = DictionaryChangeBuffer()
        task = await start(buffer.flush_changed())
        value = Thing()
        buffer.update({"a": value})
        await task
        references = [weakref.ref(thing) for thing in (buffer, task, value)]
        del buffer, task, value
        await passes()
        for reference in references:
            assert_collected(reference)

    run_one(main())


@every_loop
def test_a_loop_is_not_kept_by_what_was_waited_for_in_it(multi_view, view, run_one):
    loops = []

    async def main():
        loops.append(weakref.ref(asyncio.get_running_loop()))
        task = await start(view.flush_changed())
        multi_view.update({"a": 1})
        await task
        await start(view.flush_changed())  # cancelled by the end of the loop

    run_one(main())
    assert_collected(loops[0])
    assert multi_view.stats().waiting_tasks == 0


@every_loop
@pytest.mark.parametrize("waits", [False, True])
def test_a_loop_is_not_kept_by_a_subscription_that_was_used_in_it(multi_view, run_one, waits):
    subscription = multi_view.subscribe_changes()
    loops = []

    async def main():
        loops.append(weakref.ref(asyncio.get_running_loop()))
        task = await start(anext(subscription)) if waits else anext(subscription)
        multi_view.update({"a": len(loops)})
        return await task

    for number in (1, 2):
        assert run_one(main()).updates == {"a": number}
        assert_collected(loops[-1])


@every_loop
def test_many_loops_one_after_the_other_leave_nothing_behind(multi_view, run_one):
    async def main(i):
        with multi_view.create_view(prefixes="b") as view:
            task = await start(view.flush_changed())
            multi_view.update({"a": i, "b": i})
            await task
        async for _ in multi_view.subscribe_changes(0.001):
            break

    before = hubs()
    for i in range(30):
        run_one(main(i))
    assert hubs() - before <= 1
    stats = multi_view.stats()
    assert (stats.views, stats.waiting_tasks) == (0, 0)


@every_loop
def test_many_buffers_in_one_loop_leave_nothing_behind(run_one):
    async def main():
        loop = asyncio.get_running_loop()

        async def use():
            buffer = DictionaryChangeBuffer()
            task = await start(buffer.flush_changed())
            buffer.update({"a": 1})
            await task

        await use()
        hubs_before, references_before = hubs(), weakref.getweakrefcount(loop)
        for _ in range(100):
            await use()
        assert hubs() <= hubs_before
        assert weakref.getweakrefcount(loop) - references_before < 10

    run_one(main())


def test_many_loops_in_threads_leave_nothing_behind(multi_view):
    async def main():
        async for _ in multi_view.subscribe_changes():
            break

    multi_view.update({"a": 1})
    before = hubs()
    for _ in range(10):
        for worker in [Worker(lambda: run(main())) for _ in range(3)]:
            worker.result()
    assert hubs() - before <= 3


def test_a_closed_loop_with_waiting_tasks_is_released(multi_view, view):
    loop = asyncio.new_event_loop()
    loop.set_exception_handler(lambda *_: None)  # it says that tasks were pending
    task = loop.create_task(wait(view))
    loop.run_until_complete(passes())
    loop.close()
    multi_view.update({"a": 1})
    references = [weakref.ref(loop), weakref.ref(task)]
    del loop, task
    for reference in references:
        assert_collected(reference)


def test_a_task_that_nobody_can_wake_any_more_is_released():
    async def main():
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)
        buffer = DictionaryChangeBuffer()
        task = await start(buffer.flush_changed())
        references = [weakref.ref(buffer), weakref.ref(task)]
        del buffer, task
        await passes()
        for reference in references:
            assert_collected(reference)

    run(main())


def test_what_has_been_cancelled_is_released():
    async def main():
        buffer = DictionaryChangeBuffer()
        task = await start(buffer.flush_changed())
        task.cancel()
        await passes()
        references = [weakref.ref(buffer), weakref.ref(task)]
        del buffer, task
        for reference in references:
            assert_collected(reference)

    run(main())


@pytest.mark.parametrize("interval", [0, 1000])
def test_a_subscription_that_was_closed_while_a_task_waited_is_released(interval):
    async def main():
        multi_view = DictionaryChangeMultiView()
        multi_view.update({"a": 1})
        subscription = multi_view.subscribe_changes(interval)
        await subscription.__anext__()
        task = await start(subscription.__anext__())
        subscription.close()
        with pytest.raises(StopAsyncIteration):
            await task
        references = [weakref.ref(thing) for thing in (multi_view, subscription, task)]
        del multi_view, subscription, task
        await passes()
        for reference in references:
            assert_collected(reference)

    run(main())


def test_a_subscription_may_be_a_value_of_what_it_follows():
    async def main():
        multi_view = DictionaryChangeMultiView()
        subscription = multi_view.subscribe_changes(prefixes="self")
        multi_view.update({"self": subscription})
        assert (await subscription.__anext__()).updates == {"self": subscription}
        references = [weakref.ref(multi_view), weakref.ref(subscription)]
        del multi_view, subscription
        for reference in references:
            assert_collected(reference)

    run(main())


@pytest.mark.parametrize("begun", [False, True])
def test_what_awaits_a_change_may_be_a_value_of_what_it_follows(begun):
    async def main():
        multi_view = DictionaryChangeMultiView()
        awaitable = multi_view.subscribe_changes(prefixes="none").__anext__()
        if begun:
            next(awaitable.__await__())
        multi_view.update({"self": awaitable})
        references = [weakref.ref(multi_view), weakref.ref(awaitable)]
        del multi_view, awaitable
        for reference in references:
            assert_collected(reference)

    run(main())


def test_a_wait_that_is_never_begun_holds_nothing():
    async def main():
        buffer = DictionaryChangeBuffer()
        coroutine = buffer.flush_changed()
        coroutine.close()
        reference = weakref.ref(buffer)
        del buffer, coroutine
        assert_collected(reference)

    run(main())
