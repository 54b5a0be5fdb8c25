"""A thread that waits stays asleep until there is something for it, however much goes on elsewhere.

Counted by the operating system, not timed: each time a thread goes to sleep is one voluntary switch
to another. (H46 in docs/reliability.md)
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from change_buffers import DictionaryChangeMultiView
from helpers import HANG, SETTLE, Worker

TASKS = Path("/proc/self/task")

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs the counters of Linux")

FEW = 10
"""A thread that has just registered is still falling asleep. Never does it take one per update."""


def sleeps_of(worker):
    """Give how often a thread has gone to sleep so far."""
    status = (TASKS / str(worker.native_id) / "status").read_text()
    (line,) = [line for line in status.splitlines() if line.startswith("voluntary_ctxt_switches")]
    return int(line.split()[1])


def until_all_wait(multi_view, count):
    deadline = time.monotonic() + HANG
    while multi_view.stats().waiting_threads < count:
        assert time.monotonic() < deadline, "they never wait"
        time.sleep(0.001)


@pytest.mark.parametrize("count", [1, 10, 200])
def test_updates_of_no_concern_wake_none_of_the_threads_that_wait(count):
    multi_view = DictionaryChangeMultiView()
    contexts = [multi_view.create_view(f"mine {i}.") for i in range(count)]
    views = [context.__enter__() for context in contexts]
    workers = [Worker(view.flush_changed_blocking) for view in views]
    until_all_wait(multi_view, count)
    time.sleep(SETTLE)
    before = [sleeps_of(worker) for worker in workers]
    with multi_view.create_view() as other:
        for i in range(100):
            multi_view.update({f"yours {i}": i}, ["gone"])
            other.update({"mine 0.": i})
            assert multi_view.stats().waiting_threads == count
    assert all(sleeps_of(worker) - old < FEW for worker, old in zip(workers, before, strict=True))
    multi_view.update({f"mine {i}.": i for i in range(count)})
    for i, worker in enumerate(workers):
        assert worker.result().updates == {f"mine {i}.": i}


def test_a_thread_that_waits_without_a_timeout_does_not_look_around():
    # Only the main thread does, for the sake of signals: ten times a second.
    multi_view = DictionaryChangeMultiView()
    with multi_view.create_view() as view:
        worker = Worker(view.flush_changed_blocking)
        until_all_wait(multi_view, 1)
        before = sleeps_of(worker)
        time.sleep(2)
        assert sleeps_of(worker) - before < FEW
        multi_view.update({"a": 1})
        assert worker.result().updates == {"a": 1}


def test_an_update_of_one_view_wakes_nobody_who_waits_for_another():
    multi_view = DictionaryChangeMultiView()
    with multi_view.create_view() as one, multi_view.create_view() as other:
        worker = Worker(one.flush_changed_blocking)
        until_all_wait(multi_view, 1)
        before = sleeps_of(worker)
        for i in range(100):
            other.update({"a": i})
            assert multi_view.stats().waiting_threads == 1
        assert sleeps_of(worker) - before < FEW
        one.update({"b": 1})
        assert worker.result().updates == {"b": 1}
