"""Sharing begins with the import of `change_buffers.codecs`; what is older encodes as well."""

from __future__ import annotations

from helpers import run_child

PRELUDE = """
    import sys
    from change_buffers import *

    assert "change_buffers.codecs" not in sys.modules

    def pack(value):
        calls.append(value)
        return repr(value).encode()

    def check(change, updates, removals=()):
        for envelope in (None, "state", None):
            decoded = codec.decode(change.encode(codec, envelope), envelope)
            assert (decoded.updates, decoded.removals) == (updates, set(removals))

    calls = []
"""

IMPORT = """
    from change_buffers.codecs import JSONCodec
    codec = JSONCodec(pack)
"""


def run(before, after):
    run_child(PRELUDE + before + IMPORT + after)


def test_changes_that_were_flushed_before_are_encoded():
    run(
        """
    mv = DictionaryChangeMultiView()
    with mv.create_view() as first, mv.create_view() as second:
        mv.update({"a": 1, "b": 2}, ["c"])
        changes = [first.flush_changed_blocking(), second.flush_changed_blocking()]
    buffer = DictionaryChangeBuffer()
    buffer.update({"a": 1, "b": 2}, ["c"])
    changes += [buffer.flush_changed_blocking(), DictionaryChange({"a": 1, "b": 2}, ["c"])]
        """,
        """
    for change in changes:
        check(change, {"a": 1, "b": 2}, ["c"])
        change.updates["a"] = 3
        check(change, {"a": 3, "b": 2}, ["c"])
        """,
    )


def test_values_that_were_published_before_are_encoded():
    run(
        """
    mv, buffer = DictionaryChangeMultiView(), DictionaryChangeBuffer()
    views = [mv.create_view().__enter__() for _ in range(3)]
    views.append(mv.create_view("").__enter__())
    for target in (mv, buffer):
        target.update({"a": 1, "b": 2}, ["c"])
    views[0].flush_changed_blocking()
    views[1].update({"private": 3})
        """,
        """
    check(views[1].flush_changed_blocking(), {"a": 1, "b": 2, "private": 3}, ["c"])
    for view in (*views[2:], buffer):
        check(view.flush_changed_blocking(), {"a": 1, "b": 2}, ["c"])
    with mv.create_view() as late:
        check(late.flush_changed_blocking(), {"a": 1, "b": 2})
    assert mv.copy_content() == {"a": 1, "b": 2}
        """,
    )


def test_old_and_new_values_come_in_one_message():
    run(
        """
    mv = DictionaryChangeMultiView()
    views = [mv.create_view().__enter__() for _ in range(3)]
    mv.update({"a": 1, "b": 2})
        """,
        """
    mv.update({"b": 7, "c": 3})
    for view in views:
        check(view.flush_changed_blocking(), {"a": 1, "b": 7, "c": 3})
    assert calls.count(7) == calls.count(3) == 1, calls
    mv.update({"a": 8})
    for view in views:
        check(view.flush_changed_blocking(), {"a": 8})
    assert calls.count(8) == 1, calls
    assert mv.copy_content() == {"a": 8, "b": 7, "c": 3}
        """,
    )


def test_a_subscription_that_waits_meanwhile_goes_on():
    run(
        """
    import threading
    from queue import Queue

    def follow():
        for change in mv.subscribe_changes():
            queue.put(change)

    mv, queue = DictionaryChangeMultiView(), Queue()
    mv.update({"a": 1})
    threads = [threading.Thread(target=follow) for _ in range(2)]
    for thread in threads:
        thread.start()
    old = [queue.get() for _ in threads]
        """,
        """
    for change in old:
        check(change, {"a": 1})
    calls.clear()
    mv.update({"b": 2}, ["a"])
    for _ in threads:
        check(queue.get(), {"b": 2}, ["a"])
    assert calls == [2]
    mv.freeze()
    for thread in threads:
        thread.join()
        """,
    )


def test_values_of_old_and_new_are_released_alike():
    run(
        """
    import gc, weakref

    class Value:
        def __repr__(self):
            return "1"

    gc.disable()
    mv = DictionaryChangeMultiView()
    views = [mv.create_view().__enter__() for _ in range(2)]
    value = Value()
    references = [weakref.ref(value)]
    mv.update({"a": value})
        """,
        """
    references.append(weakref.ref(value := Value()))
    mv.update({"b": value})
    del value
    for view in views:
        view.flush_changed_blocking().encode(codec)
    calls.clear()
    mv.update(None, ["a", "b"])
    assert [reference() for reference in references] == [None, None]
        """,
    )
