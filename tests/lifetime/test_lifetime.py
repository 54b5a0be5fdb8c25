"""What is not needed any more is released, at once where it can be; what is needed is kept."""

from __future__ import annotations

import gc
import sys
import weakref

import pytest

from change_buffers import (
    DictionaryChange,
    DictionaryChangeBuffer,
    DictionaryChangeMultiView,
    ObjectFrozenError,
)
from helpers import IS_FREE_THREADED, SETTLE, Thing, Worker, assert_collected, flush


@pytest.fixture(params=["buffer", "view", "multi-view", "multi-view with views"])
def target(request, multi_view):
    """Everything that can be updated, with nobody in need of what has been replaced."""
    if request.param == "buffer":
        yield DictionaryChangeBuffer()
    elif request.param == "multi-view":
        yield multi_view
    else:
        with multi_view.create_view() as view, multi_view.create_view():
            yield view if request.param == "view" else multi_view


def put(target, **others):
    """Have the target hold a value that nobody else refers to."""
    value = Thing()
    target.update({"a": value, **others})
    return weakref.ref(value)


# Values


@pytest.mark.parametrize("others", [{}, {"b": 1, "c": 1, "d": 1}], ids=["alone", "among others"])
def test_a_replaced_value_is_released_at_once(target, others):
    reference = put(target, **others)
    assert reference() is not None
    target.update({"a": None})
    assert reference() is None


@pytest.mark.parametrize("others", [{}, {"b": 1, "c": 1, "d": 1}], ids=["alone", "among others"])
def test_a_removed_value_is_released_at_once(target, others):
    reference = put(target, **others)
    target.update(None, ["a"])
    assert reference() is None


def test_a_value_that_is_replaced_and_removed_at_once_is_released_at_once(target):
    reference = put(target)
    target.update({"a": None}, ["a"])
    assert reference() is None


@pytest.mark.parametrize("release", [({"a": None},), (None, ["a"]), ({"a": None}, ["a"])])
@pytest.mark.parametrize("size", [1, 10, 100])
def test_having_copied_the_content_keeps_no_value(multi_view, release, size):
    others = {f"key {i}": i for i in range(size)}
    for copy_first in (False, True):
        if copy_first:
            multi_view.copy_content()
        reference = put(multi_view, **others)
        assert multi_view.copy_content()["a"] is reference()
        multi_view.update(*release)
        assert reference() is None
        multi_view.copy_content()


@pytest.mark.skipif(
    sys.version_info >= (3, 12), reason="garbage is collected between calls there, not amid one"
)
def test_a_copy_amid_a_copy_keeps_no_removed_key(multi_view):
    within = 0

    class Cycle:
        def __init__(self):
            self.me = self

        def __del__(self):
            nonlocal within
            within += is_within
            multi_view.copy_content()

    multi_view.update({"a": 1})
    is_within, held, usual = False, [], gc.get_threshold()
    try:
        for _ in range(200):
            Cycle()
            # Held, so that the interpreter has none ready and has to allocate the next.
            held.append(multi_view.copy_content())
            gc.set_threshold(1)
            is_within = True
            multi_view.copy_content()
            is_within = False
            gc.set_threshold(*usual)
    finally:
        gc.set_threshold(*usual)
    assert within > 10
    multi_view.update(None, ["a"])
    assert multi_view.stats().tombstones == 0


@pytest.mark.skipif(not IS_FREE_THREADED, reason="the GIL lets one copy at a time be made")
def test_copies_at_once_keep_no_removed_key(multi_view):
    multi_view.update({f"key {i}": i for i in range(100)})

    def copy():
        for _ in range(2000):
            multi_view.copy_content()

    for worker in [Worker(copy) for _ in range(4)]:
        worker.result()
    multi_view.update(None, list(multi_view.copy_content()))
    assert multi_view.stats().tombstones == 0


def test_having_made_and_left_a_view_keeps_no_value(multi_view):
    reference = put(multi_view)
    with multi_view.create_view() as view:
        flush(view)
    multi_view.update(None, ["a"])
    assert reference() is None


def test_a_value_that_was_never_part_of_the_content_goes_with_the_last_view_to_see_it(multi_view):
    with (
        multi_view.create_view() as first,
        multi_view.create_view() as second,
        multi_view.create_view() as third,
    ):
        value = Thing()
        reference = weakref.ref(value)
        multi_view.update({"a": value}, ["a"])
        del value
        assert list(flush(first)[0]) == list(flush(second)[0]) == ["a"]
        assert reference() is not None
        third.freeze()  # so that it does not fetch what is ready for those at its position
        assert list(flush(third)[0]) == ["a"]
        assert reference() is None


def test_a_flushed_value_is_the_callers_alone(buffer):
    for others in ({}, {"b": 1, "c": 1, "d": 1}):
        reference = put(buffer, **others)
        change = buffer.flush_changed_blocking()
        assert reference() is not None
        del change
        assert reference() is None


def test_a_value_of_a_refused_update_is_released(target):
    value = Thing()
    reference = weakref.ref(value)
    for arguments in [({"a": value, 5: value},), ({"a": value}, [5]), ({"a": value}, "abc")]:
        with pytest.raises(TypeError):
            target.update(*arguments)
    target.freeze()
    with pytest.raises(ObjectFrozenError):
        target.update({"a": value})
    del value, arguments
    assert_collected(reference)  # tracebacks may have to be collected first


def test_a_frozen_view_keeps_its_values_until_they_are_flushed(multi_view, view):
    reference = put(multi_view)
    view.freeze()
    multi_view.update(None, ["a"])
    assert reference() is not None
    flush(view)
    assert reference() is None


def test_the_count_of_references_to_a_value_stays():
    value, key = Thing(), "".join(["a ", "key"])

    def use(multi_view, buffer):
        with multi_view.create_view() as view, multi_view.subscribe_changes() as subscription:
            for target in (multi_view, view, buffer):
                target.update({key: value, "b": value, "c": value})
                target.update({key: value}, [key])
                target.update({key: value}, ["b"])
            multi_view.copy_content()
            for source in (view, buffer):
                assert source._pending_changes[key] is value
                flush(source)
            next(subscription)
            with pytest.raises(TypeError):
                multi_view.update({key: value}, [key, value])
            multi_view.update(None, [key, "b", "c"])
        change = DictionaryChange({key: value}, [key])
        change.update(DictionaryChange.from_dict(change.to_dict()))
        repr(change)

    multi_view, buffer = DictionaryChangeMultiView(), DictionaryChangeBuffer()
    before = sys.getrefcount(value), sys.getrefcount(key)
    for _ in range(200):
        use(multi_view, buffer)
    multi_view.update({"c": 0})
    gc.collect()
    assert (sys.getrefcount(value), sys.getrefcount(key)) == before


# Views, contexts, subscriptions


def test_a_dropped_view_releases_its_own_values_at_once(multi_view):
    context = multi_view.create_view()
    view = context.__enter__()
    pending, frozen = put(view), put(multi_view)
    view.freeze()
    multi_view.update(None, ["a"])
    del context
    assert pending() is None  # replaced by the shared value
    assert frozen() is not None
    del view
    assert frozen() is None


def test_a_dropped_buffer_releases_its_values_at_once():
    buffer = DictionaryChangeBuffer()
    references = [put(buffer), put(buffer, b=1, c=1)]
    del buffer
    assert [reference() for reference in references] == [None, None]


def test_a_dropped_multi_view_releases_its_values_at_once(multi_view):
    dropped = DictionaryChangeMultiView()
    reference = put(dropped)
    dropped.copy_content()
    del dropped
    assert reference() is None


def test_a_view_outlives_its_multi_view():
    multi_view = DictionaryChangeMultiView()
    context = multi_view.create_view()
    view = context.__enter__()
    reference = put(multi_view)
    del multi_view
    context.__exit__(None, None, None)
    assert flush(view)[0]["a"] is reference()
    del view, context
    assert reference() is None


def test_a_context_holds_its_view_only_while_it_is_entered(multi_view):
    context = multi_view.create_view()
    with context as view:
        reference = weakref.ref(view)
        del view
        assert reference() is not None
    assert reference() is None


def test_a_closed_subscription_releases_its_buffer():
    buffer = DictionaryChangeBuffer()
    subscription = buffer.subscribe_changes()
    reference = weakref.ref(buffer)
    del buffer
    assert reference() is not None
    subscription.close()
    assert reference() is None


def test_an_exhausted_subscription_releases_its_buffer():
    buffer = DictionaryChangeBuffer()
    subscription = buffer.subscribe_changes()
    reference = weakref.ref(buffer)
    buffer.freeze()
    del buffer
    assert list(subscription) == []
    assert reference() is None


def test_a_waiting_thread_keeps_what_it_waits_for():
    multi_view = DictionaryChangeMultiView()
    worker = Worker(next, multi_view.subscribe_changes())
    worker.join(SETTLE)
    gc.collect()
    multi_view.update({"a": 1})
    assert worker.result().updates == {"a": 1}
