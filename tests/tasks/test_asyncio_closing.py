"""The ways to close a subscription that a task waits in, and what that leaves behind."""

from __future__ import annotations

from contextlib import suppress

import pytest

from event_loops import RUNNERS, receive, start
from helpers import BoomError, Worker, flush, pending

pytestmark = pytest.mark.parametrize("run", RUNNERS)

LONG = 1000.0
"""An interval that no test can wait for."""


async def ends(task):
    with pytest.raises(StopAsyncIteration):
        await task
    return True


def test_a_subscription_is_an_asynchronous_context_manager(run, multi_view):
    async def main():
        multi_view.update({"a": 1})
        async with multi_view.subscribe_changes() as subscription:
            assert await receive(subscription) == ({"a": 1}, set())
            assert multi_view.stats().views == 1
        assert multi_view.stats().views == 0
        assert await ends(subscription.__anext__())
        with suppress(BoomError):
            async with multi_view.subscribe_changes() as subscription:
                await receive(subscription)
                raise BoomError
        assert multi_view.stats().views == 0

    run(main())


@pytest.mark.parametrize("way", ["close", "aclose", "with"])
def test_there_are_several_ways_to_close(run, multi_view, way):
    async def main():
        multi_view.update({"a": 1})
        subscription = multi_view.subscribe_changes()
        await receive(subscription)
        for _ in range(2):
            if way == "close":
                assert subscription.close() is None
            elif way == "aclose":
                assert await subscription.aclose() is None
            else:
                with subscription as entered:
                    assert entered is subscription
            assert multi_view.stats().views == 0
            assert await ends(subscription.__anext__())

    run(main())


@pytest.mark.parametrize("interval", [0, LONG])
@pytest.mark.parametrize("elsewhere", [False, True], ids=["task", "thread"])
def test_closing_wakes_a_task_that_waits(run, source, interval, elsewhere):
    async def main():
        subscription = source.subscribe_changes(interval)
        source.update({"a": 1})
        await receive(subscription)
        task = await start(subscription.__anext__())
        assert not task.done()
        if elsewhere:
            Worker(subscription.close).result()
        else:
            await subscription.aclose()
        assert await ends(task)

    run(main())


@pytest.mark.parametrize("prefixes", [None, "a"])
def test_a_multi_view_may_change_while_a_closed_subscription_has_yet_to_notice(
    run, multi_view, prefixes
):
    async def main():
        for interval in (0, LONG):
            subscription = multi_view.subscribe_changes(interval, prefixes)
            task = await start(subscription.__anext__())
            subscription.close()
            multi_view.update({"b": 1})
            with multi_view.create_view() as view:  # may take the place of the one that is gone
                multi_view.update({"a": 1}, ["b"])
                assert flush(view) == ({"a": 1}, {"b"})
            assert await ends(task)
            multi_view.update(None, ["a"])

    run(main())


def test_closing_leaves_the_buffer(run, buffer):
    async def main():
        async with buffer.subscribe_changes() as subscription:
            buffer.update({"a": 1})
            await receive(subscription)
        buffer.update({"b": 1})
        assert pending(buffer) == ({"b": 1}, set())

    run(main())
