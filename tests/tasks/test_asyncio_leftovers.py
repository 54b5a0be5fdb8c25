"""Loops that sleep, stop, close or change places are reached, or let go."""

from __future__ import annotations

import asyncio
import gc
import sys
import weakref
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from change_buffers import DictionaryChangeBuffer, DictionaryChangeMultiView
from helpers import run_child


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
@pytest.mark.parametrize("call", ["update({'a': 1})", "freeze()"])
def test_what_a_signal_handler_does_wakes_a_loop_that_sleeps(call):
    output = run_child(
        f"""
        import asyncio, signal
        from change_buffers import *

        buffer = DictionaryChangeBuffer()
        signal.signal(signal.SIGALRM, lambda *_: buffer.{call})
        signal.setitimer(signal.ITIMER_REAL, 0.1)

        async def main():
            try:
                print(await asyncio.wait_for(buffer.flush_changed(), 5))
            except ObjectFrozenError:
                print("frozen")
            except asyncio.TimeoutError:
                print("nobody was woken")

        asyncio.run(main())
        """
    )
    assert "nobody" not in output


def test_a_loop_that_was_left_in_the_middle_of_a_pause_is_let_go():
    room = DictionaryChangeMultiView()
    loops = []

    async def leave():
        loops.append(weakref.ref(asyncio.get_running_loop()))
        subscription = room.subscribe_changes(3600)
        await subscription.__anext__()
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(subscription.__anext__(), 0.001)

    for number in range(5):
        room.update({"number": number})
        asyncio.run(leave())
    gc.collect()
    room.update({"number": -1})
    gc.collect()
    assert sum(loop() is not None for loop in loops) <= 1
    assert room.stats().views == room.stats().waiting_tasks == 0


def test_a_closed_subscription_keeps_no_loop():
    room = DictionaryChangeMultiView()
    room.update({"a": 1})
    subscription = room.subscribe_changes()
    loops = []

    async def main():
        loops.append(weakref.ref(asyncio.get_running_loop()))
        await subscription.__anext__()
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(subscription.__anext__(), 0.001)
        subscription.close()

    asyncio.run(main())
    gc.collect()
    assert loops[0]() is None


@pytest.mark.parametrize("form", ["flush", "subscription"])
def test_what_is_made_in_one_loop_may_be_awaited_in_another(form):
    buffer = DictionaryChangeBuffer()

    async def make():
        if form == "flush":
            return buffer.flush_changed()
        return buffer.subscribe_changes().__anext__()

    first = asyncio.new_event_loop()
    made = first.run_until_complete(make())

    async def wait():
        asyncio.get_running_loop().call_later(0.05, buffer.update, {"a": 1})
        return await asyncio.wait_for(made, 5)

    assert asyncio.run(wait()).updates == {"a": 1}
    first.close()


def test_a_loop_may_run_in_one_thread_after_the_other():
    room = DictionaryChangeMultiView()
    loop = asyncio.new_event_loop()

    async def receive(view):
        return await asyncio.wait_for(view.flush_changed(), 5)

    with room.create_view() as view:
        for number in range(5):
            with ThreadPoolExecutor(1) as thread:
                received = thread.submit(loop.run_until_complete, receive(view))
                room.update({"number": number})
                assert received.result().updates == {"number": number}
    loop.close()
