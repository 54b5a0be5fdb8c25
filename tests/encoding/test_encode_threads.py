"""Any number of threads may encode: with one codec, from one multi-view, the same change."""

from __future__ import annotations

import sys
import threading
from collections import Counter
from contextlib import ExitStack

import msgpack
import pytest

from change_buffers import DictionaryChangeMultiView
from change_buffers.codecs import JSONCodec, MessagePackCodec
from encoding import MSGPACK, ORJSON, counting_codec, decoded, once
from helpers import BoomError, Worker, run_child

THREADS = 8
MANY = {f"key {i}": i for i in range(20)}


@pytest.fixture(autouse=True)
def busy_switching():
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


def apply(replica, updates, removals):
    replica.update(updates)
    for key in removals:
        replica.pop(key, None)


@pytest.mark.parametrize("kind", ["msgpack", "json"])
@pytest.mark.parametrize("looks", [False, True], ids=["unopened", "looked at"])
def test_replicas_of_decoded_messages_converge(multi_view, kind, looks):
    calls = []

    def encode(value):
        calls.append(str(value))
        return (MSGPACK if kind == "msgpack" else ORJSON).pack(value)

    codec = MessagePackCodec(encode) if kind == "msgpack" else JSONCodec(encode)

    def follow(view):
        replica = {}
        for change in view.subscribe_changes():
            updates, removals = decoded(change, codec)
            if looks:
                assert (change.updates, change.removals) == (updates, removals)
                assert decoded(change, codec) == (updates, removals)
            seen.update(map(str, updates.values()))
            apply(replica, updates, removals)
        return replica

    seen = set()
    with ExitStack() as stack:
        views = [stack.enter_context(multi_view.create_view()) for _ in range(THREADS)]
        workers = [Worker(follow, view) for view in views]
        for i in range(200):
            multi_view.update({f"key {(i + j) % 13}": [i, j] for j in range(3)}, [f"key {i % 5}"])
        multi_view.freeze()
        content = multi_view.copy_content()
        assert [worker.result() for worker in workers] == [content] * THREADS
    counts = Counter(calls)
    assert set(counts) == seen
    assert max(counts.values()) <= THREADS


def test_threads_that_encode_the_same_changes_get_the_same_messages(multi_view):
    codec, encoder = counting_codec()
    start = threading.Barrier(THREADS)

    def encode(changes):
        start.wait()
        return [change.encode(codec) for change in changes]

    with ExitStack() as stack:
        views = [stack.enter_context(multi_view.create_view()) for _ in range(THREADS)]
        changes = []
        for i in range(20):
            multi_view.update({key: i * 100 + value for key, value in MANY.items()}, ["gone"])
            changes.append([view.flush_changed_blocking() for view in views])
    mine = zip(*changes, strict=True)
    messages = [worker.result() for worker in [Worker(encode, each) for each in mine]]
    assert all(each == messages[0] for each in messages)
    counts = encoder.counts()
    assert len(counts) == 20 * len(MANY)
    assert max(counts.values()) <= THREADS


def test_threads_may_encode_one_change_together(multi_view, view):
    codec, encoder = counting_codec()
    multi_view.update(MANY, ["gone"])
    change = view.flush_changed_blocking()
    start = threading.Barrier(THREADS)

    def encode():
        start.wait()
        return [decoded(change, codec) for _ in range(20)]

    workers = [Worker(encode) for _ in range(THREADS)]
    for worker in workers:
        assert worker.result() == [(MANY, {"gone"})] * 20
    counts = encoder.counts()
    assert set(counts) == set(MANY.values())
    assert max(counts.values()) <= THREADS


def test_what_another_thread_is_at_work_on_is_left_to_it(multi_view):
    # The first thread is held up at its first value: the second does all of the others meanwhile.
    entered, released = threading.Event(), threading.Event()
    calls = []

    def encode(value):
        calls.append(value)
        if value == 0 and not entered.is_set():
            entered.set()
            assert released.wait(10)
        return MSGPACK.pack(value)

    codec = MessagePackCodec(encode, MSGPACK.unpack)
    with multi_view.create_view() as first, multi_view.create_view() as second:
        multi_view.update(MANY)
        changes = [view.flush_changed_blocking() for view in (first, second)]
    worker = Worker(decoded, changes[0], codec)
    assert entered.wait(10)
    assert decoded(changes[1], codec) == (MANY, set())  # it does not wait for the first
    assert Counter(calls) == once(*MANY.values()) + once(0)
    released.set()
    assert worker.result() == (MANY, set())
    assert Counter(calls) == once(*MANY.values()) + once(0)


def test_what_is_encoded_in_place_of_a_slow_thread_is_kept_as_well(multi_view):
    # As many clients as there may be: one that is stuck in a value costs the others one call.
    entered, released = threading.Event(), threading.Event()
    calls = []

    def encode(value):
        calls.append(value)
        if value == 0 and not entered.is_set():
            entered.set()
            assert released.wait(10)
        return MSGPACK.pack(value)

    codec = MessagePackCodec(encode, MSGPACK.unpack)
    with ExitStack() as stack:
        views = [stack.enter_context(multi_view.create_view("")) for _ in range(THREADS)]
        multi_view.update({"a": 0, "b": 1})
        changes = [view.flush_changed_blocking() for view in views]
    worker = Worker(decoded, changes[0], codec)
    assert entered.wait(10)
    for change in changes[1:]:
        assert decoded(change, codec) == ({"a": 0, "b": 1}, set())
    released.set()
    assert worker.result() == ({"a": 0, "b": 1}, set())
    assert Counter(calls) == once(0, 0, 1)


def test_an_error_in_one_thread_is_none_in_another(multi_view):
    failing = threading.local()

    def encode(value):
        if getattr(failing, "fails", False) and value % 3 == 0:
            raise BoomError
        return MSGPACK.pack(value)

    def follow(changes, fails):
        failing.fails = fails
        start.wait()
        for change in changes:
            if not fails:
                assert decoded(change, codec) == (dict(change.updates), {"gone"})
                continue
            try:
                decoded(change, codec)
            except ValueError as error:
                errors.append(error)

    codec, errors = MessagePackCodec(encode, MSGPACK.unpack), []
    start = threading.Barrier(THREADS)
    with ExitStack() as stack:
        views = [stack.enter_context(multi_view.create_view()) for _ in range(THREADS)]
        changes = []
        for i in range(20):
            multi_view.update({key: i * 100 + value for key, value in MANY.items()}, ["gone"])
            changes.append([view.flush_changed_blocking() for view in views])
    mine = enumerate(zip(*changes, strict=True))
    for worker in [Worker(follow, each, number % 2 == 0) for number, each in mine]:
        worker.result()
    assert all(isinstance(error.__cause__, BoomError) for error in errors)


def test_threads_with_codecs_of_their_own_do_not_disturb_each_other(multi_view):
    def follow(view, number):
        replica = {}
        for change in view.subscribe_changes():
            codec = MessagePackCodec(lambda value: msgpack.packb([number, value]), msgpack.unpackb)
            apply(replica, *decoded(change, codec))
        return replica

    with ExitStack() as stack:
        views = [stack.enter_context(multi_view.create_view()) for _ in range(THREADS)]
        workers = [Worker(follow, view, number) for number, view in enumerate(views)]
        for i in range(100):
            multi_view.update({f"key {(i + j) % 13}": i for j in range(3)}, [f"key {i % 5}"])
        multi_view.freeze()
        content = multi_view.copy_content()
        for number, worker in enumerate(workers):
            assert worker.result() == {key: [number, value] for key, value in content.items()}


def test_a_change_may_be_touched_while_others_encode_it(multi_view, view):
    def touch():
        for i in range(300):
            change.updates[f"other {i % 7}"] = i
            change.updates.pop(f"other {(i + 3) % 7}", None)
            change.updates = dict(change.updates)
            change.removals ^= {f"gone {i % 3}"}

    def encode():
        while toucher.is_alive():
            updates, removals = decoded(change, MSGPACK.codec)
            assert updates.items() >= MANY.items()
            assert "gone" in removals

    multi_view.update(MANY, ["gone"])
    change = view.flush_changed_blocking()
    toucher = Worker(touch)
    workers = [Worker(encode) for _ in range(3)]
    for worker in (toucher, *workers):
        worker.result()
    assert decoded(change, MSGPACK.codec) == (change.updates, change.removals)


@pytest.mark.parametrize("options", [(), ("-X", "dev"), ("-X", "tracemalloc")])
def test_threads_encode_while_others_update_and_collect(options):
    run_child(
        """
        import gc, sys, threading
        import msgpack
        from change_buffers import *
        from change_buffers.codecs import *

        def follow(codec):
            replica = {}
            for change in mv.subscribe_changes():
                updates, removals = codec.decode(change.encode(codec))
                replica.update(updates)
                for key in removals:
                    replica.pop(key, None)
            replicas.append(replica)

        def collect():
            # Without the GIL a collection stops all others, who would hardly get anywhere.
            while not done.wait(0.001):
                gc.collect()

        sys.setswitchinterval(1e-6)
        mv, replicas, done = DictionaryChangeMultiView(), [], threading.Event()
        codecs = [MessagePackCodec(lambda value: msgpack.packb(value)), JSONCodec()]
        threads = [threading.Thread(target=follow, args=[codecs[i % 2]]) for i in range(6)]
        collector = threading.Thread(target=collect)
        for thread in [*threads, collector]:
            thread.start()
        for i in range(300):
            mv.update({f"key {(i + j) % 13}": [i, {"j": j}] for j in range(3)}, [f"key {i % 5}"])
        mv.freeze()
        for thread in threads:
            thread.join()
        done.set()
        collector.join()
        assert replicas == [mv.copy_content()] * 6
        """,
        *options,
    )


def test_codecs_may_be_shared_by_multi_views_in_threads():
    codec, _ = counting_codec()

    def work(number):
        multi_view = DictionaryChangeMultiView()
        with multi_view.create_view() as view, multi_view.create_view() as other:
            for i in range(50):
                multi_view.update({"a": [number, i]}, ["b"])
                for each in (view, other):
                    change = each.flush_changed_blocking()
                    assert decoded(change, codec) == ({"a": [number, i]}, {"b"})

    for worker in [Worker(work, number) for number in range(THREADS)]:
        worker.result()
