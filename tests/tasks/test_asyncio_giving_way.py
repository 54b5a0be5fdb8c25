"""A task that never has to wait lets its event loop run all the same."""

from __future__ import annotations

import asyncio
import sys
import time

import pytest

from change_buffers import DictionaryChangeBuffer
from event_loops import RUNNERS, run
from helpers import BoomError, run_child

every_loop = pytest.mark.parametrize("run_one", RUNNERS)


async def follow_what_it_changes(room):
    room.update({"number": 0})
    async for change in room.subscribe_changes():
        room.update({"number": change.updates["number"] + 1})


async def flush_what_it_changes(room):
    with room.create_view() as view:
        room.update({"number": 0})
        while True:
            change = await view.flush_changed()
            room.update({"number": change.updates["number"] + 1})


restless = pytest.mark.parametrize("work", [follow_what_it_changes, flush_what_it_changes])


@restless
@every_loop
def test_other_tasks_run_and_timeouts_strike(multi_view, work, run_one):
    async def count():
        passes = 0
        while True:
            await asyncio.sleep(0)
            passes += 1
            if passes == 5:
                return multi_view.copy_content()["number"]

    async def main():
        working = asyncio.create_task(asyncio.wait_for(work(multi_view), 0.3))
        numbers = await count()
        assert numbers > 100, "it gives way all the time"
        started = time.monotonic()
        with pytest.raises(asyncio.TimeoutError):
            await working
        assert time.monotonic() - started < 10

    run_one(main())
    assert multi_view.stats().views == multi_view.stats().waiting_tasks == 0


@pytest.mark.parametrize("form", ["async for", "flush"])
def test_who_gives_up_where_it_gives_way_loses_nothing(form):
    buffer = DictionaryChangeBuffer()
    subscription = buffer.subscribe_changes()
    receive = subscription.__anext__ if form == "async for" else buffer.flush_changed

    def result(coroutine):
        with pytest.raises(StopIteration) as returned:
            coroutine.send(None)
        return returned.value.value.updates

    async def main():
        for _ in range(3):
            buffer.update({"a": 1})
            assert result(receive()) == {"a": 1}, "the first comes at once"
            time.sleep(0.011)
            buffer.update({"a": 2})
            coroutine = receive()
            assert coroutine.send(None).done()
            with pytest.raises(BoomError):
                coroutine.throw(BoomError)
            assert result(receive()) == {"a": 2}
            time.sleep(0.011)
            buffer.update({"a": 3})
            coroutine = receive()
            assert coroutine.send(None).done()
            buffer.update({"a": 4})
            assert result(coroutine) == {"a": 4}

    run(main())
    buffer.update({"a": 5})
    time.sleep(0.011)
    assert result(receive()) == {"a": 5}, "without a loop there is nobody to give way to"


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
@restless
def test_the_first_ctrl_c_ends_it(work):
    run_child(f"""
        import asyncio, os, signal, sys, threading, time
        from change_buffers import DictionaryChangeMultiView
        sys.path.append("tasks")
        from test_asyncio_giving_way import {work.__name__} as work

        def interrupt():
            while room.copy_content().get("number", 0) < 1000:
                time.sleep(0.01)
            os.kill(os.getpid(), signal.SIGINT)

        signal.signal(signal.SIGINT, signal.default_int_handler)
        room = DictionaryChangeMultiView()
        thread = threading.Thread(target=interrupt)
        thread.start()
        try:
            asyncio.run(work(room))
        except KeyboardInterrupt:
            pass
        else:
            raise AssertionError
        thread.join()
    """)


@every_loop
def test_who_has_to_wait_does_not_give_way_besides(multi_view, run_one):
    # Each change costs one pass of the loop, as it did before.
    async def main():
        loop = asyncio.get_running_loop()
        subscription = multi_view.subscribe_changes()
        for number in range(5):
            task = asyncio.create_task(subscription.__anext__())
            await asyncio.sleep(0.015)
            multi_view.update({"number": number})
            await task
        # The first that need not wait comes at once.
        multi_view.update({"number": -1})
        passed = []
        loop.call_soon(passed.append, 1)
        assert (await subscription.__anext__()).updates == {"number": -1}
        assert not passed

    run_one(main())
