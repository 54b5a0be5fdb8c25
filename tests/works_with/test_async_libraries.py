"""Libraries that take coroutines and asynchronous iterators."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from change_buffers import DictionaryChangeBuffer, ObjectFrozenError
from event_loops import passes, run


@pytest.fixture
def sync():
    return pytest.importorskip("asgiref.sync", reason="asgiref is not installed")


def updated_soon(buffer, updates):
    """Update it from another thread, when somebody waits by all appearances."""
    timer = threading.Timer(0.05, buffer.update, [updates])
    timer.start()
    return timer


# asgiref takes functions that return a coroutine, and warns of those that it cannot tell for such.
@pytest.mark.filterwarnings("ignore:async_to_sync was passed a non-async-marked callable")
@pytest.mark.parametrize("waits", [False, True])
def test_asgiref_awaits_a_flush_from_synchronous_code(sync, buffer, waits):
    if waits:
        timer = updated_soon(buffer, {"a": 1})
    else:
        buffer.update({"a": 1})
    assert sync.async_to_sync(buffer.flush_changed)().updates == {"a": 1}
    if waits:
        timer.join()
    buffer.freeze()
    with pytest.raises(ObjectFrozenError):
        sync.async_to_sync(buffer.flush_changed)()


def test_asgiref_runs_synchronous_views_in_threads_beside_the_loop(sync, multi_view):
    def view():
        # As of Django: in a thread, with an event loop to come back to.
        multi_view.update({"a": 1})
        return sync.async_to_sync(take)()

    async def take():
        return (await anext(multi_view.subscribe_changes())).updates

    async def main():
        return await sync.sync_to_async(view)()

    assert run(main()) == {"a": 1}


@pytest.fixture
def stream():
    return pytest.importorskip("aiostream", reason="aiostream is not installed").stream


def test_aiostream_streams_the_changes_of_a_subscription(stream, multi_view):
    async def main():
        changes = stream.iterate(multi_view.subscribe_changes())
        numbers = stream.map(changes, lambda change: change.updates["a"])
        async with numbers.stream() as streamer:
            received = []
            multi_view.update({"a": 1})
            async for number in streamer:
                received.append(number)
                if number == 5:
                    break
                multi_view.update({"a": number + 1})
        return received

    assert run(main()) == [1, 2, 3, 4, 5]
    assert multi_view.stats().views == 0


def test_aiostream_merges_the_changes_of_several(stream):
    async def main():
        buffers = [DictionaryChangeBuffer() for _ in range(3)]
        merged = stream.merge(*(buffer.subscribe_changes() for buffer in buffers))
        received = []

        async def collect():
            async with merged.stream() as streamer:
                async for change in streamer:
                    received.extend(change.updates)

        task = asyncio.create_task(collect())
        for number in range(3):
            await passes()
            for place, buffer in enumerate(buffers):
                buffer.update({f"{place} {number}": 1})
        for buffer in buffers:
            buffer.freeze()
        await task
        assert len(received) == len(set(received)) == 9

    run(main())


def test_aiostream_gives_up_in_time(stream, multi_view):
    async def main():
        timed = stream.timeout(multi_view.subscribe_changes(), 0.05)
        multi_view.update({"a": 1})
        received = []

        async def collect():
            async with timed.stream() as streamer:
                async for change in streamer:
                    received.append(change.updates)

        with pytest.raises(asyncio.TimeoutError):
            await collect()
        assert received == [{"a": 1}]

    started = time.monotonic()
    run(main())
    assert time.monotonic() - started < 10
    assert multi_view.stats().views == multi_view.stats().waiting_tasks == 0
