"""What happens in the middle of a task's beginning to wait, while its event loop makes a timer."""

from __future__ import annotations

import asyncio
import gc

import pytest

from change_buffers import _asyncio

LONG = 1000.0


class Loop(asyncio.SelectorEventLoop):
    """Does something else when it is asked for a timer."""

    act = None

    def call_at(self, *args, **kwargs):
        act, self.act = self.act, None
        if act is not None:
            act()
        return super().call_at(*args, **kwargs)


@pytest.fixture
def loop():
    loop = Loop()
    yield loop
    loop.close()


@pytest.fixture
def subscription(multi_view, loop):
    """One that has begun, and has a change to come in a long time."""
    subscription = multi_view.subscribe_changes(LONG)
    multi_view.update({"a": 1})
    loop.run_until_complete(subscription.__anext__())
    multi_view.update({"a": 2})
    return subscription


def test_the_pace_may_change(loop, subscription):
    async def receive():
        task = asyncio.create_task(subscription.__anext__())
        loop.act = lambda: setattr(subscription, "interval", 0)
        await asyncio.sleep(0)
        assert loop.act is None, "it was changed"
        return await asyncio.wait_for(task, 5)

    assert loop.run_until_complete(receive()).updates == {"a": 2}


def test_it_may_be_closed(loop, subscription, multi_view):
    async def receive():
        task = asyncio.create_task(subscription.__anext__())
        await asyncio.sleep(0)
        assert loop.act is None, "it was closed"
        with pytest.raises(StopAsyncIteration):
            await asyncio.wait_for(task, 5)

    loop.act = subscription.close
    loop.run_until_complete(receive())
    assert multi_view.stats().waiting_tasks == multi_view.stats().views == 0


def test_what_is_closed_meanwhile_keeps_nothing_of_the_loop(loop, multi_view, monkeypatch):
    def close_and_tell(asyncio_loop):
        subscription.close()
        return clock_of(asyncio_loop)

    async def receive():
        await subscription.__anext__()  # it had its view already

    subscription = multi_view.subscribe_changes(LONG)
    multi_view.update({"a": 1})
    # Where it gets to know the loop.
    clock_of = _asyncio._clock_of
    monkeypatch.setattr(_asyncio, "_clock_of", close_and_tell)
    loop.run_until_complete(receive())
    kinds = {type(thing).__name__ for thing in gc.get_referents(subscription)}
    assert "Ticks" not in kinds, kinds


def test_in_a_loop_that_is_closed_for_a_store_nobody_waits(loop, multi_view):
    subscription = multi_view.subscribe_changes()
    with pytest.raises(asyncio.TimeoutError):
        loop.run_until_complete(asyncio.wait_for(subscription.__anext__(), 0.01))
    (store,) = (it for it in gc.get_referents(multi_view) if type(it).__name__ == "SharedStore")
    for hub in range(10):
        store.close_hub(hub)
    with pytest.raises(RuntimeError, match="closed"):
        loop.run_until_complete(subscription.__anext__())
    multi_view.update({"a": 1})
    assert loop.run_until_complete(subscription.__anext__()).updates == {"a": 1}
