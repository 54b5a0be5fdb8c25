"""Signals end a wait on the main thread if their handler raises, and lose nothing in any case.

Every test runs in a process of its own, as signals are sent to the process and handled on its main
thread, which here belongs to pytest.
"""

from __future__ import annotations

import sys
import textwrap

import pytest

from helpers import run_child

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")

WAITS = {
    "buffer": """
        buffer = DictionaryChangeBuffer()
        update, freeze, wait = buffer.update, buffer.freeze, buffer.flush_changed_blocking
    """,
    "view": """
        multi_view = DictionaryChangeMultiView()
        context = multi_view.create_view()
        wait = context.__enter__().flush_changed_blocking
        update, freeze = multi_view.update, multi_view.freeze
    """,
    "subscription": """
        multi_view = DictionaryChangeMultiView()
        wait = multi_view.subscribe_changes().__next__
        update, freeze = multi_view.update, multi_view.freeze
    """,
    "interval of a subscription": """
        buffer = DictionaryChangeBuffer()
        wait = buffer.subscribe_changes(1).__next__
        update, freeze = buffer.update, buffer.freeze
        update({"first": 1})
        wait()
    """,
}
"""Statements that define `update`, `freeze` and `wait`; a call of `wait()` will block."""

HEAD = """
import os, signal, threading, time
from change_buffers import (
    DictionaryChangeBuffer, DictionaryChangeMultiView, ObjectFrozenError
)

class Boom(Exception):
    pass

def later(seconds, function, *args):
    def body():
        time.sleep(seconds)
        function(*args)
    thread = threading.Thread(target=body)
    thread.start()
    return thread

def on_alarm(handler, seconds=0.15, repeat=0):
    signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, seconds, repeat)

def expect(error):
    try:
        got = wait()
    except error:
        return
    raise AssertionError(f"{got} instead of {error}")
"""


@pytest.fixture(params=list(WAITS))
def run(request):
    """Run a script after the definition of what it waits for."""

    def run(script: str) -> str:
        lines = [HEAD, *(line.strip() for line in WAITS[request.param].splitlines())]
        return run_child("\n".join(lines) + "\n" + script, timeout=30)

    return run


def test_ctrl_c_ends_a_wait_within_a_fifth_of_a_second(run):
    # A loaded machine may be late now and then, not most of the time, so the median counts.
    run("""
# A shell that starts us in the background has us ignore it.
signal.signal(signal.SIGINT, signal.default_int_handler)
delays = []
for _ in range(5):
    sent = []
    def interrupt():
        sent.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGINT)
    try:
        thread = later(0.13, interrupt)
        wait()
    except KeyboardInterrupt:
        delays.append(time.monotonic() - sent[0])
    thread.join()
assert len(delays) == 5
assert sorted(delays)[2] < 0.2, delays
""")


def test_a_change_after_an_interruption_is_delivered(run):
    run("""
def handler(*_):
    raise Boom
on_alarm(handler)
expect(Boom)
update({"a": 1}, ["b"])
change = wait()
assert (change.updates, change.removals) == ({"a": 1}, {"b"}), change
""")


def test_a_handler_that_returns_does_not_end_the_wait(run):
    run("""
handled = []
on_alarm(lambda *_: handled.append(time.monotonic()), 0.05, 0.05)
updated = []
def act():
    updated.append(time.monotonic())
    update({"a": 1}, ["b"])
thread = later(0.6, act)
change = wait()
thread.join()
signal.setitimer(signal.ITIMER_REAL, 0)
assert (change.updates, change.removals) == ({"a": 1}, {"b"}), change
# Python runs handlers between the slices of a wait; some of them must have come during this one.
assert len([when for when in handled if when < updated[0]]) >= 2, handled
""")


def test_a_handler_may_update_what_is_waited_for(run):
    run("""
on_alarm(lambda *_: update({"a": 1}, ["b"]))
change = wait()
assert (change.updates, change.removals) == ({"a": 1}, {"b"}), change
""")


def test_nothing_is_lost_when_a_handler_updates_and_raises(run):
    run("""
def handler(*_):
    update({"a": 1}, ["b"])
    raise Boom
on_alarm(handler)
expect(Boom)
change = wait()
assert (change.updates, change.removals) == ({"a": 1}, {"b"}), change
""")


def test_a_handler_may_freeze_what_is_waited_for(run):
    run("""
on_alarm(lambda *_: freeze())
expect((ObjectFrozenError, StopIteration))
expect((ObjectFrozenError, StopIteration))
""")


def test_a_handler_may_call_everything():
    """On what the main thread waits for, in any kind of wait. (H5 in docs/reliability.md)"""
    output = run_child(
        HEAD
        + """
from contextlib import suppress
from finalizer_calls import CALLS, World, flush

def drained():
    world = World()
    flush(world.view)
    next(world.subscription)
    return world

def flush_view(world):
    world.view.flush_changed_blocking()

def iterate(world):
    next(world.subscription)

for wait, interval in ((flush_view, 0), (iterate, 0), (iterate, 1000)):
    for name, call in CALLS.items():
        print(wait.__name__, interval, "/", name, flush=True)
        world, handled = drained(), []
        # Before the alarm, which may come at once and end the interval.
        world.subscription.interval = interval
        def handler(*_):
            call(world)
            handled.append(name)
            world.subscription.interval = 0
            with suppress(ObjectFrozenError):
                world.mv.update({"the end": 1})
        on_alarm(handler, 0.001)
        with suppress(ObjectFrozenError, StopIteration):
            wait(world)
        assert handled == [name]
""",
        timeout=60,
    )
    assert len(output.splitlines()) >= 3 * 15


def test_what_a_handler_added_before_it_raised_is_pending():
    run_child(
        HEAD
        + """
buffer = DictionaryChangeBuffer()
wait = buffer.flush_changed_blocking
def handler(*_):
    buffer.update({"a": 1}, ["b"])
    raise Boom
on_alarm(handler)
expect(Boom)
assert (buffer._pending_changes, buffer._pending_removals) == ({"a": 1}, {"b"})
"""
    )


def test_an_interrupted_first_wait_does_not_start_the_interval():
    run_child(
        HEAD
        + """
multi_view = DictionaryChangeMultiView()
wait = multi_view.subscribe_changes(1000).__next__
def handler(*_):
    raise Boom
on_alarm(handler)
expect(Boom)
multi_view.update({"a": 1})
assert wait().updates == {"a": 1}
""",
        timeout=10,
    )


def test_a_handler_may_flush_what_is_waited_for():
    run_child(
        HEAD
        + """
buffer = DictionaryChangeBuffer()
wait = buffer.flush_changed_blocking
taken = []
def handler(*_):
    buffer.update({"a": 1})
    taken.append(buffer.flush_changed_blocking().updates)
on_alarm(handler)
thread = later(0.5, buffer.update, {"b": 1})
assert wait().updates == {"b": 1}
assert taken == [{"a": 1}]
thread.join()
"""
    )


def test_signals_are_handled_while_other_threads_wait():
    # Only the main thread runs handlers; the threads that wait must not keep it from doing so.
    run_child(
        HEAD
        + """
buffer = DictionaryChangeBuffer()
def follow():
    for _ in buffer.subscribe_changes():
        pass
threads = [threading.Thread(target=follow) for _ in range(4)]
for thread in threads:
    thread.start()
handled = []
on_alarm(lambda *_: handled.append(1), 0.05)
deadline = time.monotonic() + 10
while not handled:
    assert time.monotonic() < deadline
    time.sleep(0.01)
buffer.freeze()
for thread in threads:
    thread.join()
"""
    )


@pytest.mark.parametrize("wait", ["buffer", "view", "subscription"])
def test_a_change_right_after_the_signal_is_not_lost(wait: str) -> None:
    """Whoever is woken by a change while a signal is waiting to be handled must not take it."""
    output = run_child(
        HEAD
        + """
def interrupt_then_update():
    time.sleep(0.005)
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(0.02)
    update({"late": 1})

for _ in range(5):
"""
        + textwrap.indent(textwrap.dedent(WAITS[wait]), "    ")
        + """
    taken = None
    thread = threading.Thread(target=interrupt_then_update)
    try:
        thread.start()  # which may take until the signal
        taken = wait()
        time.sleep(1)
    except KeyboardInterrupt:
        pass
    thread.join()
    print(taken is not None or "late" in wait().updates)
"""
    )
    assert output == 5 * "True\n"
