"""Signals that arrive while an event loop is told of a change, or while it waits for one.

Every test runs in a process of its own, as signals are sent to the process and handled on its main
thread, which here belongs to pytest.
"""

from __future__ import annotations

import sys

import pytest

from helpers import run_child

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")

# An event loop in another thread, whose one task gathers changes until the multi-view is frozen.
HEAD = """
import asyncio, signal, sys, threading, time
from change_buffers import DictionaryChangeMultiView

class Boom(Exception):
    pass

signal.signal(signal.SIGINT, signal.default_int_handler)
multi_view = DictionaryChangeMultiView()
received = {}

async def follow():
    async for change in multi_view.subscribe_changes():
        received.update(change.updates)

loop = asyncio.new_event_loop()
thread = threading.Thread(target=loop.run_until_complete, args=(follow(),))
thread.start()

def wait_until(condition):
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, (received, multi_view.stats())
        time.sleep(0.001)

def on_next_ring(action):
    original = loop.call_soon_threadsafe
    def call_soon_threadsafe(*args, **kwargs):
        loop.call_soon_threadsafe = original
        action()
        return original(*args, **kwargs)
    loop.call_soon_threadsafe = call_soon_threadsafe

def end():
    multi_view.freeze()
    thread.join()
    loop.close()

wait_until(lambda: multi_view.stats().waiting_tasks)
"""


def test_ctrl_c_while_a_loop_is_woken_is_raised_and_the_loop_is_woken():
    run_child(
        HEAD
        + """
on_next_ring(lambda: signal.raise_signal(signal.SIGINT))
try:
    multi_view.update({"a": 1})
    time.sleep(5)
except KeyboardInterrupt:
    wait_until(lambda: received == {"a": 1})
else:
    raise AssertionError("the signal was lost")
finally:
    end()
"""
    )


@pytest.mark.parametrize("error", ["Boom", "SystemExit"])
def test_what_a_handler_raises_while_a_loop_is_woken_is_raised(error):
    # As it would be anywhere else in the main thread: this is how programs are told to end.
    run_child(
        HEAD
        + f"""
def handler(*_):
    raise {error}
signal.signal(signal.SIGTERM, handler)
on_next_ring(lambda: signal.raise_signal(signal.SIGTERM))
try:
    multi_view.update({{"a": 1}})
    time.sleep(1)
except {error}:
    wait_until(lambda: received == {{"a": 1}})
else:
    raise AssertionError("what the handler raised was lost")
finally:
    end()
"""
    )


def test_no_wake_up_is_lost_to_handlers_that_raise_at_any_moment():
    run_child(
        HEAD
        + """
sys.unraisablehook = lambda found: None
armed, raised = [], []
def handler(*_):
    # Only where it is caught, and once, so that it does not hit whoever catches it.
    if armed:
        armed.clear()
        raised.append(1)
        raise Boom
signal.signal(signal.SIGALRM, handler)
signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
i = 0
def update_until_it_raises():
    global i
    armed.append(1)
    while armed:
        i += 1
        multi_view.update({"a": i})
    # What was raised in a ring is raised again when Python looks, which may be a little later.
    for _ in range(10):
        time.sleep(0)
while len(raised) < 300:
    try:
        update_until_it_raises()
    except Boom:
        pass
    if len(raised) % 10 == 0:
        multi_view.update({"a": i})
        wait_until(lambda: received.get("a") == i)
signal.setitimer(signal.ITIMER_REAL, 0)
multi_view.update({"a": "last"})
wait_until(lambda: received["a"] == "last")
end()
"""
    )


def test_ctrl_c_ends_a_loop_that_waits_and_loses_nothing():
    run_child("""
        import asyncio, os, signal, threading, time
        from change_buffers import DictionaryChangeBuffer

        signal.signal(signal.SIGINT, signal.default_int_handler)
        buffer = DictionaryChangeBuffer()

        def interrupt():
            time.sleep(0.1)
            os.kill(os.getpid(), signal.SIGINT)

        async def main():
            threading.Thread(target=interrupt).start()
            async for _ in buffer.subscribe_changes():
                raise AssertionError

        try:
            asyncio.run(main())
        except KeyboardInterrupt:
            buffer.update({"a": 1})
            assert buffer.flush_changed_nowait().updates == {"a": 1}
        else:
            raise AssertionError
    """)


def test_a_handler_that_updates_wakes_the_loop_that_it_interrupts():
    """While the loop sleeps, and in a callback of it, be that Python or not."""
    run_child("""
        import asyncio, signal, time
        from change_buffers import DictionaryChangeBuffer

        buffer = DictionaryChangeBuffer()
        handled = []

        def handle(number, frame):
            handled.append(frame.f_code.co_name)
            buffer.update({"a": len(handled)})

        def work():
            deadline = time.monotonic() + 0.3
            while time.monotonic() < deadline:
                pass

        async def main():
            loop = asyncio.get_running_loop()
            signal.signal(signal.SIGALRM, handle)
            for i, callback in enumerate([None, work, lambda: signal.raise_signal(signal.SIGALRM)]):
                if callback is None or callback is work:
                    signal.setitimer(signal.ITIMER_REAL, 0.1)
                if callback is not None:
                    loop.call_soon(callback)
                change = await asyncio.wait_for(buffer.flush_changed(), None)
                assert change.updates == {"a": i + 1}, change

        asyncio.run(main())
        assert handled == ["select", "work", "<lambda>"], handled
    """)
