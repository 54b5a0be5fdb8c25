"""Threads that run at the same time, not in turns.

These hold on every interpreter; on a free-threaded one they are as hard as they are meant to be.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from change_buffers import DictionaryChange, DictionaryChangeBuffer, DictionaryChangeMultiView
from helpers import HANG, Thing, Worker, assert_collected, pending, run_child

pytestmark = pytest.mark.thread_unsafe(reason="starts as many threads as the machine can bear")

THREADS = 8


def at_once(*functions: Callable[[], Any]) -> list[Any]:
    """Run functions in a thread each, from the same moment on, and give their results."""
    barrier = threading.Barrier(len(functions))

    def run(function: Callable[[], Any]) -> Any:
        barrier.wait(HANG)
        return function()

    workers = [Worker(run, function) for function in functions]
    return [worker.result() for worker in workers]


def test_importing_leaves_the_gil_as_it_is():
    run_child(
        """
        import sys
        is_enabled = getattr(sys, "_is_gil_enabled", lambda: True)
        before = is_enabled()
        import change_buffers, change_buffers._asyncio
        assert is_enabled() == before
        """
    )


@pytest.mark.parametrize("kind", [DictionaryChangeBuffer, DictionaryChangeMultiView])
def test_a_dict_that_is_passed_may_change_meanwhile(kind):
    target, stop = kind(), threading.Event()
    passed = {f"key {i}": i for i in range(50)}

    def change():
        # It grows and shrinks, so it is rebuilt all the time.
        while not stop.is_set():
            for i in range(50, 300):
                passed[f"key {i}"] = i
            for i in range(50, 300):
                del passed[f"key {i}"]

    def update():
        try:
            for _ in range(300):
                target.update(passed)
                change = DictionaryChange(passed)
                assert all(key == f"key {value}" for key, value in change.updates.items())
                assert len(change.updates) >= 50
        finally:
            stop.set()

    at_once(change, update)
    content = pending(target)[0] if kind is DictionaryChangeBuffer else target.copy_content()
    assert len(content) >= 50
    assert all(key == f"key {value}" for key, value in content.items())


def test_a_set_that_is_passed_may_change_meanwhile(buffer):
    stop = threading.Event()
    passed = {f"key {i}" for i in range(50)}
    kept = set(passed)

    def change():
        while not stop.is_set():
            for i in range(50, 300):
                passed.add(f"key {i}")
            for i in range(50, 300):
                passed.remove(f"key {i}")

    def update():
        try:
            for _ in range(300):
                buffer.update(None, passed)
                assert DictionaryChange(None, passed).removals >= kept
        finally:
            stop.set()

    at_once(change, update)
    assert pending(buffer)[1] >= kept


def test_the_content_is_copied_while_others_copy_and_update_it(multi_view):
    multi_view.update({f"key {i}": 0 for i in range(5)})

    def act(number):
        for i in range(2000):
            if (i + number) % 3 == 0:
                multi_view.update({f"key {i % 7}": i}, [f"key {(i + 1) % 7}"])
            content = multi_view.copy_content()
            assert set(content) <= {f"key {i}" for i in range(7)}

    at_once(*(partial(act, number) for number in range(THREADS)))
    with multi_view.create_view() as view:
        assert multi_view.copy_content() == pending(view)[0]


def test_every_change_of_many_writers_goes_to_exactly_one_of_many_waiters(buffer):
    count = 500

    def write(writer):
        for i in range(count):
            buffer.update({f"{writer} {i}": i})

    def wait():
        return [key for change in buffer.subscribe_changes() for key in change.updates]

    waiters = [Worker(wait) for _ in range(THREADS)]
    at_once(*(partial(write, writer) for writer in range(THREADS)))
    buffer.freeze()
    keys = [key for waiter in waiters for key in waiter.result()]
    assert sorted(keys) == sorted(
        f"{writer} {i}" for writer in range(THREADS) for i in range(count)
    )


def test_views_come_and_go_while_others_update(multi_view):
    stop = threading.Event()

    def write():
        i = 0
        while not stop.is_set():
            i += 1
            multi_view.update({f"key {i % 20}": i}, [f"key {(i + 7) % 20}"])

    def come_and_go():
        for i in range(300):
            view = multi_view.create_view().__enter__()
            view.update({"own": Thing()})
            if i % 3:
                assert view.flush_changed_blocking().updates
            del view

    writers = [Worker(write) for _ in range(2)]
    try:
        at_once(*[come_and_go] * THREADS)
    finally:
        stop.set()
    for writer in writers:
        writer.result()
    multi_view.update({"last": 1})
    assert multi_view.stats().views == 0


def test_what_a_view_held_that_went_while_others_updated_is_released():
    multi_view, stop, references = DictionaryChangeMultiView(), threading.Event(), []

    def come_and_go(multi_view):
        try:
            for _ in range(60):
                view = multi_view.create_view().__enter__()
                cycle = Thing()
                cycle.multi_view = multi_view
                view.update({"own": cycle})
                references.append(weakref.ref(cycle))
                del view, cycle
        finally:
            stop.set()

    def write(multi_view):
        while not stop.is_set():
            multi_view.update({"key": 1})

    at_once(*(partial(act, multi_view) for act in (come_and_go, write, write)))
    # From here on nobody does anything with it that would remind it of those views.
    del multi_view
    for reference in references:
        assert_collected(reference)


def test_attributes_and_parts_of_one_change_are_set_by_many_threads():
    change = DictionaryChange()

    def act(number):
        for i in range(1000):
            change.updates = {number: i}
            change.extra = number
            setattr(change, f"extra {number}", i)
            (part,) = change.updates.items()
            assert 0 <= part[0] < THREADS
            change.__dict__.get("extra")

    at_once(*(partial(act, number) for number in range(THREADS)))
    assert {f"extra {number}" for number in range(THREADS)} < set(change.__dict__)


def test_nothing_alive_is_collected_and_nobody_hangs_while_all_write_wait_and_collect():
    # The collector stops all threads wherever they are; one that were stopped within our lock
    # would have it find the lock taken, or hang.
    run_child(
        f"""
        import gc, os, sys, threading, time
        from change_buffers import *

        THREADS = {THREADS}

        class Cycle:
            def __init__(self):
                self.me = self

            def __del__(self):
                collected.append(self)

        collected = []
        mv = DictionaryChangeMultiView()
        alive = {{f"key {{i}}": Cycle() for i in range(100)}}
        mv.update(alive)
        names = list(alive)
        del alive
        stop = threading.Event()
        counts = [0] * (2 * THREADS)

        def write(number):
            while not stop.is_set():
                mv.update({{f"{{number}} {{counts[number] % 10}}": [counts[number]]}})
                counts[number] += 1

        def wait(number):
            with mv.create_view() as view:
                while not stop.is_set():
                    try:
                        view.flush_changed_blocking(timeout=0.0001)
                    except TimeoutError:
                        pass
                    counts[number] += 1

        writers = [threading.Thread(target=write, args=(i,)) for i in range(THREADS)]
        waiters = [threading.Thread(target=wait, args=(THREADS + i,)) for i in range(THREADS)]
        for thread in writers + waiters:
            thread.start()
        rounds = 0
        while rounds < 15 or min(counts) == 0:
            gc.collect()
            rounds += 1
        stop.set()
        for thread in writers + waiters:
            thread.join()
        assert not collected, len(collected)
        mv.update(None, names)
        gc.collect()
        assert len(collected) == 100
        """,
        timeout=60,
    )


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_child_forked_while_all_write_and_wait_goes_on_with_many_threads():
    run_child(
        f"""
        import os, threading, time, warnings
        from change_buffers import *

        warnings.simplefilter("ignore", DeprecationWarning)  # about forking with threads
        THREADS = {THREADS}
        stop = threading.Event()

        def write(mv):
            i = 0
            while not stop.is_set():
                mv.update({{f"key {{i % 10}}": i}})
                i += 1

        def wait(mv):
            for change in mv.subscribe_changes():
                pass

        def busy(mv, count):
            threads = [
                threading.Thread(target=function, args=(mv,), daemon=True)
                for function in [write] * count + [wait] * count
            ]
            for thread in threads:
                thread.start()
            return threads

        def end(mv, threads):
            stop.set()
            for thread in threads[: len(threads) // 2]:
                thread.join(20)
                assert not thread.is_alive()
            mv.freeze()
            for thread in threads:
                thread.join(20)
                assert not thread.is_alive()

        def in_child():
            mv = DictionaryChangeMultiView()
            threads = busy(mv, 3)
            with mv.create_view() as view:
                for _ in range(20):
                    view.flush_changed_blocking(timeout=20)
            end(mv, threads)

        mv = DictionaryChangeMultiView()
        threads = busy(mv, THREADS)
        for _ in range(8):
            child = os.fork()
            if child == 0:
                status = 1
                try:
                    in_child()
                    status = 0
                finally:
                    os._exit(status)
            assert os.waitpid(child, 0)[1] == 0
        end(mv, threads)
        """,
        timeout=90,
    )
