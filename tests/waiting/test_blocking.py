"""Many threads that wait, update, flush and freeze: nothing is lost, doubled, torn or stuck."""

from __future__ import annotations

import time
from collections import Counter

import pytest

from change_buffers import (
    DictionaryChangeBuffer,
    DictionaryChangeMultiView,
    ObjectFrozenError,
)
from helpers import SETTLE, Worker


def flush_until_drained(buffer):
    """Give every change until the buffer is frozen and drained."""
    changes = []
    while True:
        try:
            changes.append(buffer.flush_changed_blocking())
        except ObjectFrozenError:
            return changes


def apply(replica, change):
    replica.update(change.updates)
    for key in change.removals:
        replica.pop(key, None)


def replicate(changes):
    """Rebuild the content from the changes that a view gave."""
    replica = {}
    for change in changes:
        apply(replica, change)
    return replica


# Waiting


def test_a_wait_lets_other_threads_work(buffer):
    # A wait that kept the GIL would stop this thread, too, so the test is a deadlock if it fails:
    # the global timeout ends it.
    worker = Worker(buffer.flush_changed_blocking)
    total = 0
    for _ in range(100):
        total += sum(range(100))
        time.sleep(0.001)
    assert worker.is_alive()
    buffer.update({"total": total})
    assert worker.result().updates == {"total": 495_000}


def test_threads_can_wait_in_many_places():
    multi_view = DictionaryChangeMultiView()
    contexts = [multi_view.create_view() for _ in range(50)]
    views = [context.__enter__() for context in contexts]
    buffers = [DictionaryChangeBuffer() for _ in range(20)]
    workers = [Worker(view.flush_changed_blocking) for view in views + views[:10]]
    others = [Worker(buffer.flush_changed_blocking) for buffer in buffers]
    time.sleep(SETTLE)
    multi_view.update({"a": 1})
    multi_view.update({"a": 2})
    multi_view.freeze()
    seen = Counter()
    for worker in workers:
        try:
            seen[worker.result().updates["a"]] += 1
        except ObjectFrozenError:
            seen["frozen"] += 1
    # Each view has given the first value, the second, or both one after the other.
    assert 50 <= seen[1] + seen[2] <= 60
    assert seen.total() == 60
    for i, (buffer, other) in enumerate(zip(buffers, others, strict=True)):
        assert other.is_alive(), "was woken by another buffer"
        buffer.update({"a": i})
        assert other.result().updates == {"a": i}


def test_an_update_of_one_view_wakes_nobody_else(multi_view, view):
    with multi_view.create_view() as other:
        worker, waiting = Worker(view.flush_changed_blocking), Worker(other.flush_changed_blocking)
        time.sleep(SETTLE)
        view.update({"a": 1})
        assert worker.result().updates == {"a": 1}
        time.sleep(SETTLE)
        assert waiting.is_alive()
        multi_view.update({"b": 1})
        assert waiting.result().updates == {"b": 1}


def test_removing_a_view_wakes_those_who_wait_for_it(multi_view):
    with multi_view.create_view() as view:
        workers = [Worker(view.flush_changed_blocking) for _ in range(3)]
        time.sleep(SETTLE)
    for worker in workers:
        with pytest.raises(ObjectFrozenError):
            worker.result()


def test_one_change_ends_one_of_several_waits(buffer):
    workers = [Worker(buffer.flush_changed_blocking) for _ in range(4)]
    time.sleep(SETTLE)
    for i in range(4):
        buffer.update({"a": i})
        deadline = time.monotonic() + 10
        while sum(worker.is_alive() for worker in workers) > 3 - i:
            assert time.monotonic() < deadline, "nobody took the change"
            time.sleep(0.001)
    assert {worker.result().updates["a"] for worker in workers} == {0, 1, 2, 3}


# Stress


def test_no_wake_up_is_lost():
    ping, pong = DictionaryChangeBuffer(), DictionaryChangeBuffer()

    def answer():
        for change in ping.subscribe_changes():
            pong.update(change.updates)

    worker = Worker(answer)

    def ask():
        for i in range(5000):
            ping.update({"a": i})
            assert pong.flush_changed_blocking().updates == {"a": i}

    Worker(ask).result()
    ping.freeze()
    worker.result()


def test_the_last_update_always_arrives(buffer):
    """One thread updates a million times, another waits. (H24 in docs/reliability.md)"""
    count = 1_000_000

    def consume():
        last = -1
        while last < count - 1:
            last, previous = buffer.flush_changed_blocking().updates["a"], last
            assert last > previous
        return last

    worker = Worker(consume)
    for i in range(count):
        buffer.update({"a": i})
    assert worker.result() == count - 1


def test_every_change_goes_to_exactly_one_of_several_threads(buffer):
    producers, consumers, each = 3, 4, 3000

    def produce(name):
        for i in range(each):
            buffer.update({f"set {name} {i}": i}, [f"removed {name} {i}"])

    consuming = [Worker(flush_until_drained, buffer) for _ in range(consumers)]
    producing = [Worker(produce, name) for name in range(producers)]
    for worker in producing:
        worker.result()
    buffer.freeze()
    seen = Counter()
    for worker in consuming:
        for change in worker.result():
            seen.update([*change.updates, *change.removals])
    assert len(seen) == 2 * producers * each
    assert set(seen.values()) == {1}


def test_no_view_sees_half_of_an_update(multi_view):
    def produce(name):
        for i in range(2000):
            if i % 3:
                multi_view.update({"left": (name, i), "right": (name, i)})
            else:
                multi_view.update(None, ["left", "right"])

    def consume(view):
        for change in flush_until_drained(view):
            updates, removals = change
            assert updates.get("left") == updates.get("right")
            assert ("left" in removals) == ("right" in removals)

    def copy(stop):
        while not stop:
            content = multi_view.copy_content()
            assert content.get("left") == content.get("right")

    contexts = [multi_view.create_view() for _ in range(3)]
    consuming = [Worker(consume, context.__enter__()) for context in contexts]
    stop = []
    copying = Worker(copy, stop)
    producing = [Worker(produce, name) for name in range(2)]
    for worker in producing:
        worker.result()
    stop.append(True)
    multi_view.freeze()
    for worker in (*consuming, copying):
        worker.result()


def test_every_replica_equals_the_content_at_the_end(multi_view):
    producers, updates = 3, 2000

    def produce(name):
        for i in range(updates):
            key, gone, shared = f"{name} {i % 50}", f"{name} {i * 7 % 50}", f"shared {i % 11}"
            multi_view.update({key: (name, i), shared: (name, i)}, [gone, f"shared {i % 13}"])

    def consume_view():
        with multi_view.create_view() as view:
            return flush_until_drained(view)

    def consume_subscription(interval):
        return list(multi_view.subscribe_changes(interval))

    def come_and_go():
        # Views that come late, read a little and leave must neither disturb nor be disturbed.
        while True:
            with multi_view.create_view() as view:
                view.flush_changed_blocking()
                multi_view.copy_content().clear()
                try:
                    view.update({"private": 1})
                except ObjectFrozenError:
                    return

    multi_view.update({"shared 0": "first"})
    workers = [Worker(consume_view) for _ in range(2)]
    workers += [Worker(consume_subscription, interval) for interval in (0, 0.01)]
    visitor = Worker(come_and_go)
    producing = [Worker(produce, name) for name in range(producers)]
    for worker in producing:
        worker.result()
    workers.append(Worker(consume_view))
    multi_view.update({"last": 1})
    multi_view.freeze()
    visitor.result()
    content = multi_view.copy_content()
    assert content["last"] == 1
    for worker in workers:
        assert replicate(worker.result()) == content


def test_views_that_are_frozen_at_any_moment_keep_a_consistent_state(multi_view):
    def produce():
        for i in range(4000):
            multi_view.update({"a": i, "b": i})

    producer = Worker(produce)
    last = -1
    while producer.is_alive():
        with multi_view.create_view() as view:
            view.update({"private": True})
        updates, _ = view.flush_changed_blocking()
        assert updates.pop("private")
        assert updates.get("a", -1) == updates.get("b", -1) >= last
        last = updates.get("a", -1)
    producer.result()
