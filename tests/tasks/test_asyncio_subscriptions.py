"""`async for` over the changes of a buffer, a view or a multi-view."""

from __future__ import annotations

import asyncio
import time

import pytest

from change_buffers import DictionaryChange
from event_loops import RUNNERS, passes, receive, start, until
from helpers import Worker, soon

pytestmark = pytest.mark.parametrize("run", RUNNERS)

LONG = 1000.0
"""An interval that no test can wait for."""


async def receive_all(subscription):
    return [(updates, removals) async for updates, removals in subscription]


async def ends(task):
    with pytest.raises(StopAsyncIteration):
        await task
    return True


# What is delivered


def test_a_subscription_is_an_asynchronous_iterator(run, source):
    subscription = source.subscribe_changes()
    assert subscription.__aiter__() is subscription


def test_what_is_delivered_is_a_change(run, source):
    async def main():
        source.update({"a": 1}, ["b"])
        return await source.subscribe_changes().__anext__()

    assert type(run(main())) is DictionaryChange


def test_a_subscription_delivers_flush_after_flush(run, source):
    async def main():
        subscription = source.subscribe_changes()
        source.update({"a": 1})
        assert await receive(subscription) == ({"a": 1}, set())
        task = await start(receive(subscription))
        assert not task.done()
        source.update({"a": 2, "b": 2})
        source.update({"b": 3}, ["a"])
        assert await task == ({"b": 3}, {"a"})
        Worker(source.update, {"c": 1}).result()
        assert await receive(subscription) == ({"c": 1}, set())

    run(main())


def test_an_async_for_loop_gets_everything_until_frozen(run, source):
    async def main():
        task = await start(receive_all(source.subscribe_changes()))
        for i in range(5):
            source.update({f"key {i}": i})
            await passes()
        source.update({"last": 1})
        source.freeze()
        received = await task
        assert received == [*(({f"key {i}": i}, set()) for i in range(5)), ({"last": 1}, set())]

    run(main())


def test_each_subscription_to_a_multi_view_gets_everything(run, multi_view):
    async def main():
        multi_view.update({"a": 1})
        subscriptions = [multi_view.subscribe_changes() for _ in range(3)]
        assert [await receive(s) for s in subscriptions] == [({"a": 1}, set())] * 3
        tasks = await start(*(receive(s) for s in subscriptions))
        multi_view.update({"b": 1}, ["a"])
        assert await asyncio.gather(*tasks) == [({"b": 1}, {"a"})] * 3

    run(main())


def test_the_content_is_that_of_the_first_wait(run, multi_view):
    async def main():
        subscription = multi_view.subscribe_changes()
        multi_view.update({"a": 1, "b": 1})
        multi_view.update(None, ["a"])
        assert multi_view.stats().views == 0
        assert await receive(subscription) == ({"b": 1}, set())
        assert multi_view.stats().views == 1

    run(main())


# The end


@pytest.mark.parametrize("interval", [0, LONG])
def test_freezing_ends_a_subscription_at_once_when_nothing_is_pending(run, source, interval):
    async def main():
        subscription = source.subscribe_changes(interval)
        source.update({"a": 1})
        await receive(subscription)
        task = await start(subscription.__anext__())
        assert not task.done()
        source.freeze()
        assert await ends(task)
        assert await ends(subscription.__anext__())

    run(main())


def test_the_last_change_comes_when_it_is_due(run, source):
    async def main():
        interval = 0.05
        subscription = source.subscribe_changes(interval)
        source.update({"a": 1})
        started = time.monotonic()
        await receive(subscription)
        task = await start(receive(subscription))
        source.update({"b": 1})
        source.freeze()
        assert await task == ({"b": 1}, set())
        assert time.monotonic() - started >= interval
        assert await receive_all(subscription) == []

    run(main())


def test_a_subscription_ends_when_others_took_the_last_change(run, buffer):
    async def main():
        subscription = buffer.subscribe_changes(LONG)
        buffer.update({"a": 1})
        await receive(subscription)
        task = await start(subscription.__anext__())
        buffer.update({"b": 1})
        buffer.freeze()
        await passes()
        assert not task.done()
        assert buffer.flush_changed_nowait().updates == {"b": 1}
        assert await ends(task)

    run(main())


def test_leaving_the_loop_removes_the_private_view(run, multi_view):
    async def main():
        multi_view.update({"a": 1})
        async for _ in multi_view.subscribe_changes():
            assert multi_view.stats().views == 1
            break
        assert multi_view.stats().views == 0

    run(main())


@pytest.mark.parametrize("interval", [0, LONG])
def test_cancelling_or_dropping_removes_the_private_view(run, multi_view, interval):
    async def main():
        multi_view.update({"a": 1})
        task = await start(receive_all(multi_view.subscribe_changes(interval)))
        assert multi_view.stats().views == multi_view.stats().waiting_tasks == 1
        task.cancel()
        await asyncio.wait([task])
        del task
        await passes()
        subscription = multi_view.subscribe_changes(interval)
        await receive(subscription)
        del subscription
        # A loop that ends in another thread may hold all tasks of all loops for a moment.
        await until(lambda: multi_view.stats().views == multi_view.stats().waiting_tasks == 0)

    run(main())


def test_a_cancelled_wait_loses_nothing(run, source):
    async def main():
        subscription = source.subscribe_changes()
        for count in range(4):
            task = await start(subscription.__anext__())
            source.update({"a": count})
            await passes(count)
            if task.cancel():
                await asyncio.wait([task])
                assert await receive(subscription) == ({"a": count}, set())
            else:
                assert task.result().updates == {"a": count}
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(subscription.__anext__(), 0.001)
        source.update({"a": "last"})
        assert await receive(subscription) == ({"a": "last"}, set())

    run(main())


def test_a_cancelled_wait_does_not_reset_the_interval(run, source):
    async def main():
        subscription = source.subscribe_changes(LONG)
        source.update({"a": 1})
        await receive(subscription)
        source.update({"a": 2})
        for _ in range(2):
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(subscription.__anext__(), 0.001)
        subscription.interval = 0
        assert await receive(subscription) == ({"a": 2}, set())

    run(main())


# What is refused


def test_one_subscription_serves_one_kind_of_loop(run, source):
    async def main():
        source.update({"a": 1})
        for begin in (iter, lambda subscription: soon(next, subscription)):
            subscription = source.subscribe_changes()
            begin(subscription)
            for refused in (subscription.__aiter__, subscription.__anext__):
                with pytest.raises(RuntimeError, match="for"):
                    refused()
            source.update({"a": 1})
            assert soon(next, subscription).updates == {"a": 1}
            source.update({"a": 1})
        subscription = source.subscribe_changes()
        await subscription.__aiter__().__anext__()
        for refused in (iter, next):
            with pytest.raises(RuntimeError, match="async for"):
                refused(subscription)
        source.update({"a": 2})
        assert await receive(subscription) == ({"a": 2}, set())

    run(main())


def test_a_wait_outside_of_a_loop_is_refused(run, source):
    subscription = source.subscribe_changes()

    async def main():
        task = await start(subscription.__anext__())
        source.update({"a": 1})
        return await task

    for _ in range(2):
        with pytest.raises(RuntimeError, match="event loop"):
            subscription.__anext__().__next__()
        assert run(main()).updates == {"a": 1}


def test_only_one_task_can_wait_in_a_subscription(run, source):
    async def main():
        subscription = source.subscribe_changes()
        task = await start(subscription.__anext__())
        with pytest.raises(ValueError, match="waits"):
            await subscription.__anext__()
        source.update({"a": 1})
        assert (await task).updates == {"a": 1}
        source.update({"a": 2})
        assert await receive(subscription) == ({"a": 2}, set())

    run(main())
