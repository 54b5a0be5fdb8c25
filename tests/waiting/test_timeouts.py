"""Flushing without waiting, or not for longer than some time: nothing is lost by giving up."""

from __future__ import annotations

import math
import random
import sys
import time
from collections import Counter
from fractions import Fraction

import pytest

from change_buffers import DictionaryChange, DictionaryChangeMultiView, ObjectFrozenError
from helpers import HANG, SETTLE, Worker, flush, pending, run_child, soon

RESOLUTION = time.get_clock_info("monotonic").resolution


def in_this_thread(function, *args):
    return function(*args)


# On the main thread a wait is made of slices, between which signals are handled.
in_any_thread = pytest.mark.parametrize(
    "call", [in_this_thread, soon], ids=["main thread", "another thread"]
)


# The argument


@in_any_thread
@pytest.mark.parametrize(
    "timeout",
    [None, 0, 0.0, -1, -math.inf, math.nan, True, False, 1e-9, 5, 1e9, Fraction(1, 2)],
)
def test_what_is_pending_comes_at_once_whatever_the_timeout(buffer, call, timeout):
    buffer.update({"a": 1}, ["b"])
    change = call(buffer.flush_changed_blocking, timeout)
    assert type(change) is DictionaryChange
    assert (change.updates, change.removals) == ({"a": 1}, {"b"})
    assert pending(buffer) == ({}, set())


def test_the_timeout_can_be_given_by_name(buffer):
    buffer.update({"a": 1})
    assert buffer.flush_changed_blocking(timeout=HANG).updates == {"a": 1}


@in_any_thread
@pytest.mark.parametrize("timeout", [0, 0.0, -1, -1e300, -math.inf, math.nan, False])
def test_a_timeout_that_is_not_positive_does_not_wait(buffer, call, timeout):
    with pytest.raises(TimeoutError) as raised:
        call(buffer.flush_changed_blocking, timeout)
    assert type(raised.value) is TimeoutError


@in_any_thread
@pytest.mark.parametrize("timeout", [1e-9, 0.001, 0.05, 0.25, Fraction(1, 8)])
def test_a_wait_takes_as_long_as_its_timeout(buffer, call, timeout):
    started = time.monotonic()
    with pytest.raises(TimeoutError):
        call(buffer.flush_changed_blocking, timeout)
    assert timeout - RESOLUTION <= time.monotonic() - started < HANG / 2


@pytest.mark.parametrize("timeout", ["1", b"1", [1], object(), 1j])
def test_a_timeout_that_is_no_number_is_refused(buffer, timeout):
    buffer.update({"a": 1})
    with pytest.raises(TypeError, match="timeout"):
        buffer.flush_changed_blocking(timeout)
    assert flush(buffer) == ({"a": 1}, set())


@pytest.mark.parametrize("timeout", [math.inf, 1e10, 1e300, pytest.param(10**400, id="integer")])
def test_a_timeout_that_is_too_long_is_refused(buffer, timeout):
    buffer.update({"a": 1})
    with pytest.raises(OverflowError, match="timeout"):
        buffer.flush_changed_blocking(timeout)
    assert flush(buffer) == ({"a": 1}, set())


# What ends the wait


def test_a_change_ends_a_timed_wait(buffer):
    worker = Worker(buffer.flush_changed_blocking, 1e9)
    time.sleep(SETTLE)
    buffer.update({"a": 1})
    assert worker.result().updates == {"a": 1}


def test_a_change_after_a_timeout_is_pending(buffer):
    with pytest.raises(TimeoutError):
        buffer.flush_changed_blocking(0.001)
    buffer.update({"a": 1}, ["b"])
    assert flush(buffer) == ({"a": 1}, {"b"})


def test_freezing_ends_timed_waits(buffer):
    workers = [Worker(buffer.flush_changed_blocking, 1e9) for _ in range(3)]
    time.sleep(SETTLE)
    buffer.freeze()
    for worker in workers:
        with pytest.raises(ObjectFrozenError):
            worker.result()


@pytest.mark.parametrize("timeout", [0, -1, 0.001, 1e9])
def test_what_is_frozen_and_drained_says_so_rather_than_time_out(buffer, timeout):
    buffer.update({"a": 1})
    buffer.freeze()
    assert soon(buffer.flush_changed_blocking, timeout).updates == {"a": 1}
    with pytest.raises(ObjectFrozenError):
        soon(buffer.flush_changed_blocking, timeout)


@in_any_thread
def test_nobody_is_taken_to_wait_after_a_timeout(multi_view, view, call):
    for _ in range(3):
        with pytest.raises(TimeoutError):
            call(view.flush_changed_blocking, 0.001)
    assert multi_view.stats().waiting_threads == 0


def test_changes_that_others_take_do_not_prolong_a_wait(buffer):
    started = time.monotonic()
    worker = Worker(buffer.flush_changed_blocking, 0.3)
    while worker.is_alive():
        assert time.monotonic() - started < HANG / 2
        buffer.update({"a": 1})
        buffer.flush_changed_nowait()
        time.sleep(0.001)
    try:
        assert worker.result().updates == {"a": 1}
    except TimeoutError:
        assert time.monotonic() - started >= 0.3 - RESOLUTION


# Nothing is lost


def test_a_change_at_the_deadline_is_returned_or_still_pending(buffer):
    taken = 0
    for i in range(400):
        worker = Worker(buffer.flush_changed_blocking, 0.002)
        time.sleep(0.0015 + random.random() * 0.001)
        buffer.update({"a": i})
        try:
            change = worker.result()
            taken += 1
        except TimeoutError:
            change = buffer.flush_changed_nowait()
        assert change.updates == {"a": i}
    assert pending(buffer) == ({}, set())
    assert taken, "never was a change in time"


def test_many_short_waits_lose_and_double_nothing(buffer):
    producers, each = 3, 1500
    timeouts = [0, 1e-6, 1e-4, 1e-3, 1e-3, 0.01]

    def produce(name):
        for i in range(each):
            buffer.update({f"set {name} {i}": i}, [f"removed {name} {i}"])
            if i % 10 == 0:
                time.sleep(0.001)

    def consume(timeout):
        seen = Counter()
        while True:
            try:
                change = buffer.flush_changed_blocking(timeout)
                seen.update([*change.updates, *change.removals])
            except TimeoutError:
                time.sleep(0)
            except ObjectFrozenError:
                return seen

    consuming = [Worker(consume, timeout) for timeout in timeouts]
    producing = [Worker(produce, name) for name in range(producers)]
    for worker in producing:
        worker.result()
    buffer.freeze()
    seen = sum((worker.result() for worker in consuming), Counter())
    assert len(seen) == 2 * producers * each
    assert set(seen.values()) == {1}


# Without waiting


def test_a_flush_without_waiting_gives_what_is_pending(buffer):
    buffer.update({"a": 1}, ["b"])
    change = buffer.flush_changed_nowait()
    assert type(change) is DictionaryChange
    assert (change.updates, change.removals) == ({"a": 1}, {"b"})


def test_a_flush_without_waiting_gives_none_when_nothing_is_pending(buffer):
    assert buffer.flush_changed_nowait() is None
    buffer.update({"a": 1})
    buffer.flush_changed_nowait()
    assert buffer.flush_changed_nowait() is None
    buffer.update({}, [])
    assert buffer.flush_changed_nowait() is None


def test_a_flush_without_waiting_gives_the_last_change_then_says_it_is_drained(buffer):
    buffer.update({"a": 1})
    buffer.freeze()
    assert buffer.flush_changed_nowait().updates == {"a": 1}
    for _ in range(2):
        with pytest.raises(ObjectFrozenError):
            buffer.flush_changed_nowait()


def test_what_a_flush_without_waiting_gives_is_the_callers_own():
    multi_view = DictionaryChangeMultiView()
    multi_view.update({"a": 1, "b": 1, "c": 1})
    with multi_view.create_view() as one, multi_view.create_view() as two:
        one.flush_changed_nowait().updates.clear()
        assert two.flush_changed_nowait().updates == {"a": 1, "b": 1, "c": 1}
    assert multi_view.copy_content() == {"a": 1, "b": 1, "c": 1}


# Signals


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
@pytest.mark.parametrize("timeout", [0.05, 0.35])
def test_a_handler_that_returns_does_not_move_the_deadline(timeout):
    run_child(f"""
        import signal, time
        from change_buffers import DictionaryChangeBuffer
        handled = []
        signal.signal(signal.SIGALRM, lambda *_: handled.append(1))
        signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)
        started = time.monotonic()
        try:
            DictionaryChangeBuffer().flush_changed_blocking({timeout})
        except TimeoutError:
            taken = time.monotonic() - started
        signal.setitimer(signal.ITIMER_REAL, 0)
        assert {timeout - RESOLUTION} <= taken < {timeout} + 5, taken
        assert handled
    """)


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
def test_a_change_that_comes_when_the_time_is_over_is_returned():
    """After a timeout it looks once more before it raises. (H29 in docs/reliability.md)"""
    run_child("""
        import signal
        from change_buffers import DictionaryChangeBuffer
        for _ in range(10):
            buffer = DictionaryChangeBuffer()
            # It is sent early in the wait; Python runs the handler when the wait has timed out.
            signal.signal(signal.SIGALRM, lambda *_: buffer.update({"a": 1}))
            signal.setitimer(signal.ITIMER_REAL, 0.005)
            assert buffer.flush_changed_blocking(0.05).updates == {"a": 1}
    """)


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
def test_a_handler_that_raises_ends_a_timed_wait_and_loses_nothing():
    run_child("""
        import signal
        from change_buffers import DictionaryChangeBuffer
        class Boom(Exception):
            pass
        buffer = DictionaryChangeBuffer()
        def handler(*_):
            buffer.update({"a": 1})
            raise Boom
        signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, 0.15)
        try:
            buffer.flush_changed_blocking(1e9)
        except Boom:
            assert buffer.flush_changed_blocking(0).updates == {"a": 1}
        else:
            raise AssertionError
    """)
