"""Event loops other than those of asyncio. uvloop runs most of the asyncio tests besides."""

from __future__ import annotations

import asyncio
import time

import pytest

from change_buffers import DictionaryChangeMultiView


@pytest.fixture
def loop():
    """One with a virtual clock: it skips all waiting for timers."""
    looptime = pytest.importorskip("looptime", reason="looptime is not installed")
    loop = looptime.new_event_loop(start=0)
    yield loop
    loop.close()


def test_looptime_a_paced_subscription_goes_by_virtual_time(loop, multi_view):
    async def update():
        for number in range(41):
            multi_view.update({"a": number})
            await asyncio.sleep(0.25)
        multi_view.freeze()

    async def main():
        task = asyncio.create_task(update())
        received = [
            (loop.time(), change.updates["a"])
            async for change in multi_view.subscribe_changes(interval=1)
        ]
        await task
        return received

    received = loop.run_until_complete(main())
    assert [moment for moment, _ in received] == pytest.approx(list(range(12)), abs=0.002)
    assert received[-1][1] == 40


def test_looptime_a_day_passes_at_once(loop, multi_view):
    async def main():
        subscription = multi_view.subscribe_changes(interval=24 * 3600)
        for number in range(3):
            multi_view.update({"a": number})
            assert (await subscription.__anext__()).updates == {"a": number}
        return loop.time()

    started = time.monotonic()
    assert loop.run_until_complete(main()) == pytest.approx(2 * 24 * 3600)
    assert time.monotonic() - started < 60


def test_looptime_a_timeout_strikes_in_virtual_time(loop, multi_view):
    async def main():
        with multi_view.create_view() as view:
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(view.flush_changed(), 100)
            assert loop.time() == pytest.approx(100)
            multi_view.update({"a": 1})
            assert (await asyncio.wait_for(view.flush_changed(), 100)).updates == {"a": 1}

    loop.run_until_complete(main())


def test_uvloop_keeps_a_pace_after_a_pass_that_takes_long():
    uvloop = pytest.importorskip("uvloop", reason="uvloop is not installed")
    interval = 0.03
    room = DictionaryChangeMultiView()

    async def main():
        subscription = room.subscribe_changes(interval)
        last = 0.0
        for number in range(10):
            room.update({"a": number})
            # What the loop says of the time is so old by now.
            time.sleep(0.01)
            await subscription.__anext__()
            assert time.monotonic() - last >= interval
            last = time.monotonic()

    uvloop.run(main())
