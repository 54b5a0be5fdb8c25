"""A thread that waits stays asleep until there is something for it, however much goes on elsewhere.

Counted by the operating system, not timed: each time a thread goes to sleep is one voluntary switch
to another. (H46 in docs/reliability.md)
"""

from __future__ import annotations

import threading
import time

import pytest

from change_buffers import DictionaryChangeMultiView
from helpers import HANG, Worker

resource = pytest.importorskip("resource", reason="needs getrusage()")

pytestmark = pytest.mark.skipif(
    not hasattr(resource, "RUSAGE_THREAD"), reason="needs the counters of a single thread"
)

FEW = 10
"""Taking the GIL again, and locks of Python's own, may take some sleeps; never one per update."""


def sleeps_during(wait):
    """Give what a call returned, and how often its thread went to sleep meanwhile."""
    before = resource.getrusage(resource.RUSAGE_THREAD).ru_nvcsw
    result = wait()
    return result, resource.getrusage(resource.RUSAGE_THREAD).ru_nvcsw - before


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
    workers = [Worker(sleeps_during, view.flush_changed_blocking) for view in views]
    until_all_wait(multi_view, count)
    with multi_view.create_view() as other:
        for i in range(100):
            multi_view.update({f"yours {i}": i}, ["gone"])
            other.update({"mine 0.": i})
            assert multi_view.stats().waiting_threads == count
    multi_view.update({f"mine {i}.": i for i in range(count)})
    for i, worker in enumerate(workers):
        change, sleeps = worker.result()
        assert change.updates == {f"mine {i}.": i}
        assert sleeps < FEW


def test_a_thread_that_waits_without_a_timeout_does_not_look_around():
    # Only the main thread does, for the sake of signals: ten times a second.
    multi_view = DictionaryChangeMultiView()
    with multi_view.create_view() as view:
        worker = Worker(sleeps_during, view.flush_changed_blocking)
        time.sleep(1.5)
        multi_view.update({"a": 1})
        assert worker.result()[1] < FEW
    assert threading.main_thread() is threading.current_thread()


def test_an_update_of_one_view_wakes_nobody_who_waits_for_another():
    multi_view = DictionaryChangeMultiView()
    with multi_view.create_view() as one, multi_view.create_view() as other:
        worker = Worker(sleeps_during, one.flush_changed_blocking)
        until_all_wait(multi_view, 1)
        for i in range(100):
            other.update({"a": i})
            assert multi_view.stats().waiting_threads == 1
        one.update({"b": 1})
        change, sleeps = worker.result()
        assert change.updates == {"b": 1}
        assert sleeps < FEW
