"""A store keeps bytes with its values from the first of its changes on that is encoded."""

from __future__ import annotations

import gc
import threading
import weakref
from contextlib import ExitStack
from queue import Queue

import pytest

from change_buffers import DictionaryChange, DictionaryChangeBuffer, DictionaryChangeMultiView
from change_buffers.codecs import JSONCodec
from encoding import counting_codec, decoded, once
from helpers import run_child


@pytest.fixture
def multi_view():
    """Give one of which no change has been encoded."""
    return DictionaryChangeMultiView()


@pytest.fixture
def views(multi_view):
    with ExitStack() as stack:
        yield [stack.enter_context(multi_view.create_view()) for _ in range(4)]


def check(change, codec, updates, removals=()):
    for envelope in (None, "state", None):
        message = codec.decode(change.encode(codec, envelope), envelope)
        assert (message.updates, message.removals) == (updates, set(removals))


def test_changes_that_were_flushed_before_are_encoded(multi_view, views):
    codec, _ = counting_codec()
    multi_view.update({"a": 1, "b": 2}, ["c"])
    buffer = DictionaryChangeBuffer()
    buffer.update({"a": 1, "b": 2}, ["c"])
    changes = [view.flush_changed_blocking() for view in (*views, buffer)]
    changes.append(DictionaryChange({"a": 1, "b": 2}, ["c"]))
    for change in changes:
        check(change, codec, {"a": 1, "b": 2}, ["c"])
        change.updates["a"] = 3
        check(change, codec, {"a": 3, "b": 2}, ["c"])


def test_values_that_were_there_before_are_shared_from_then_on(multi_view, views):
    codec, encoder = counting_codec()
    multi_view.update({"a": 1, "b": 2})
    multi_view.update({"b": 3, "c": 4})
    content = {"a": 1, "b": 3, "c": 4}
    # The first two are flushed before anything is encoded, the others after that.
    for change in [view.flush_changed_blocking() for view in views[:2]]:
        assert decoded(change, codec) == (content, set())
    for view in views[2:]:
        assert decoded(view.flush_changed_blocking(), codec) == (content, set())
    with multi_view.create_view() as late:
        assert decoded(late.flush_changed_blocking(), codec) == (content, set())
    assert encoder.counts() == once(1, 3, 4)


def test_the_first_tick_encodes_each_value_once_like_all_others(multi_view, views):
    codec, encoder = counting_codec()
    for tick in range(4):
        multi_view.update({f"avatar {i}": f"{i} at {tick}" for i in range(10)})
        changes = [view.flush_changed_blocking() for view in views]
        for change in changes:
            change.encode(codec)
        assert encoder.counts() == once(*(f"{i} at {tick}" for i in range(10)))


def test_old_and_new_values_come_in_one_message(multi_view, views):
    codec, encoder = counting_codec()
    multi_view.update({"a": 1, "b": 2})
    decoded(views[0].flush_changed_blocking(), codec)
    assert encoder.counts() == once(1, 2)
    multi_view.update({"b": 7, "c": 3})
    for view in views[1:]:
        assert decoded(view.flush_changed_blocking(), codec) == ({"a": 1, "b": 7, "c": 3}, set())
    assert encoder.counts() == once(7, 3)
    assert decoded(views[0].flush_changed_blocking(), codec) == ({"b": 7, "c": 3}, set())
    assert encoder.counts() == once()


def test_a_view_with_prefixes_that_begins_shares_with_all(multi_view, views):
    codec, encoder = counting_codec()
    multi_view.update({"a": 1, "b": 2})
    with multi_view.create_view("a") as some, multi_view.create_view("a") as others:
        decoded(some.flush_changed_blocking(), codec)
        assert decoded(others.flush_changed_blocking(), codec) == ({"a": 1}, set())
        for view in views:
            assert decoded(view.flush_changed_blocking(), codec) == ({"a": 1, "b": 2}, set())
    assert encoder.counts() == once(1, 2)


def test_what_a_view_is_owed_when_it_is_frozen_is_shared(multi_view, views):
    codec, encoder = counting_codec()
    multi_view.update({"a": 1})
    decoded(views[0].flush_changed_blocking(), codec)
    multi_view.update({"b": 2, "c": 3})
    views[1].freeze()
    multi_view.remove_view(views[2])
    multi_view.update({"b": 4})
    for view in views[1:3]:
        assert decoded(view.flush_changed_blocking(), codec) == ({"a": 1, "b": 2, "c": 3}, set())
    assert decoded(views[3].flush_changed_blocking(), codec) == ({"a": 1, "b": 4, "c": 3}, set())
    assert encoder.counts() == once(1, 2, 3, 4)


def test_stores_begin_each_for_itself(multi_view):
    codec, encoder = counting_codec()
    other = DictionaryChangeMultiView()
    value = ["value"]
    for store in (multi_view, other):
        store.update({"a": value})
        for _ in range(3):
            with store.create_view() as view:
                assert decoded(view.flush_changed_blocking(), codec) == ({"a": value}, set())
    assert encoder.counts() == {"['value']": 2}


def test_what_has_been_replaced_since_is_encoded_for_each_change(multi_view, views):
    codec, encoder = counting_codec()
    multi_view.update({"a": 1, "b": 2})
    changes = [view.flush_changed_blocking() for view in views[:2]]
    multi_view.update({"a": 3})
    for change in changes:
        assert decoded(change, codec) == ({"a": 1, "b": 2}, set())
    assert encoder.counts() == {1: 2, 2: 1}
    assert decoded(views[2].flush_changed_blocking(), codec) == ({"a": 3, "b": 2}, set())
    assert encoder.counts() == once(3)


def test_a_change_that_outlives_its_store_is_encoded(multi_view):
    codec, _ = counting_codec()
    multi_view = DictionaryChangeMultiView()
    with multi_view.create_view() as view:
        multi_view.update({"a": 1})
        change = view.flush_changed_blocking()
    store = weakref.ref(multi_view)
    del multi_view, view
    assert store() is None
    assert decoded(change, codec) == ({"a": 1}, set())


def test_a_subscription_that_waits_meanwhile_goes_on(multi_view):
    codec, encoder = counting_codec()
    queue = Queue()

    def follow():
        for change in multi_view.subscribe_changes():
            queue.put(change)

    multi_view.update({"a": 1})
    threads = [threading.Thread(target=follow) for _ in range(2)]
    for thread in threads:
        thread.start()
    for change in [queue.get() for _ in threads]:
        check(change, codec, {"a": 1})
    encoder.calls.clear()
    multi_view.update({"b": 2}, ["a"])
    for _ in threads:
        check(queue.get(), codec, {"b": 2}, ["a"])
    assert encoder.counts() == once(2)
    multi_view.freeze()
    for thread in threads:
        thread.join()


def test_values_of_before_and_after_are_released_alike(multi_view, views):
    class Value:
        def __repr__(self):
            return "1"

    codec = JSONCodec(repr)
    references = []
    gc.disable()
    try:
        for key in ("a", "b"):
            value = Value()
            references.append(weakref.ref(value))
            multi_view.update({key: value})
            del value
            for view in views:
                view.flush_changed_blocking().encode(codec)
        multi_view.update(None, ["a", "b"])
        assert [reference() for reference in references] == [None, None]
    finally:
        gc.enable()


def test_it_does_not_matter_when_the_codecs_are_imported():
    run_child(
        """
        import sys
        from change_buffers import *

        mv = DictionaryChangeMultiView()
        mv.update({"a": 1})
        views = [mv.create_view().__enter__() for _ in range(3)]
        assert "change_buffers.codecs" not in sys.modules

        from change_buffers.codecs import JSONCodec

        codec = JSONCodec(lambda value: calls.append(value) or repr(value))
        calls = []
        for view in views:
            message = view.flush_changed_blocking().encode(codec)
            assert message == b'{"updates":{"a":1},"removals":[]}'
        assert calls == [1], calls
        """
    )
