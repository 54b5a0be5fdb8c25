"""Where change-buffers differs from NanoVer on purpose: a test or more for each difference.

Some of these could hang in an implementation that behaves as NanoVer's does; that a mapping or a
finalizer may call back is shown in `test_reentrancy.py`, where such a hang would be noticed.
"""

from __future__ import annotations

import copy
import math
import sys
import time

import pytest

from change_buffers import (
    DictionaryChange,
    DictionaryChangeBuffer,
    DictionaryChangeMultiView,
    ObjectFrozenError,
)
from helpers import (
    HANG,
    SETTLE,
    BoomError,
    PlainMapping,
    RaisingMapping,
    Worker,
    flush,
    pending,
    raising_iterator,
    soon,
)


@pytest.fixture(params=["buffer", "view", "multi-view"])
def target(request):
    """Everything that can be updated."""
    if request.param == "buffer":
        yield DictionaryChangeBuffer()
    elif request.param == "view":
        with DictionaryChangeMultiView().create_view() as view:
            yield view
    else:
        yield DictionaryChangeMultiView()


def state(target):
    """All that an update could have changed."""
    if isinstance(target, DictionaryChangeMultiView):
        return list(target.copy_content().items())
    return pending(target)


# Views that nobody uses any more


class WatchedKey:
    """A key that shows whether anything still refers to it, as views do that are fed.

    Every view that is fed has to remember a removal until it is flushed, whatever its design.
    """

    def __init__(self) -> None:
        self.text = "".join(["a key that ", "is not interned"])
        self._unused = self._references()

    def _references(self) -> int:
        return sys.getrefcount(self.text)

    def is_remembered(self, multi_view) -> bool:
        multi_view.update(None, [self.text])
        multi_view.update({"something": "else"})
        return self._references() > self._unused


@pytest.fixture
def watched(multi_view):
    watched = WatchedKey()
    multi_view.update({watched.text: 1})
    return watched


def test_a_view_that_is_fed_would_be_noticed(multi_view, watched):
    with multi_view.create_view():
        assert watched.is_remembered(multi_view)
    assert not watched.is_remembered(multi_view)


def test_a_view_is_removed_when_its_body_raises(multi_view, watched):
    with pytest.raises(BoomError), multi_view.create_view() as view:
        raise BoomError
    multi_view.update({"later": 1})
    assert flush(view) == ({watched.text: 1}, set())
    with pytest.raises(ObjectFrozenError):
        view.update({})
    assert not watched.is_remembered(multi_view)


def test_a_subscription_is_removed_when_its_loop_is_left(multi_view, watched):
    for change in multi_view.subscribe_changes():
        del change  # it refers to the key as well
        break
    assert not watched.is_remembered(multi_view)


def test_a_subscription_is_removed_when_it_is_closed(multi_view, watched):
    subscription = multi_view.subscribe_changes()
    soon(next, subscription)
    assert watched.is_remembered(multi_view)
    subscription.close()
    assert not watched.is_remembered(multi_view)


def test_a_subscription_is_removed_when_its_context_is_left(multi_view, watched):
    with multi_view.subscribe_changes() as subscription:
        soon(next, subscription)
    assert not watched.is_remembered(multi_view)
    assert list(subscription) == []


def test_a_dropped_view_is_forgotten(multi_view, watched):
    context = multi_view.create_view()
    view = context.__enter__()
    flush(view)
    del view, context
    assert not watched.is_remembered(multi_view)


# Waiting


def test_freezing_wakes_every_waiting_thread(buffer):
    flushing = [Worker(buffer.flush_changed_blocking) for _ in range(5)]
    iterating = [Worker(list, buffer.subscribe_changes()) for _ in range(5)]
    time.sleep(SETTLE)
    buffer.freeze()
    for worker in flushing:
        with pytest.raises(ObjectFrozenError):
            worker.result()
    assert [worker.result() for worker in iterating] == [[]] * 5


def test_freezing_a_multi_view_wakes_every_waiting_thread(multi_view, view):
    flushing = [Worker(view.flush_changed_blocking) for _ in range(5)]
    iterating = [Worker(list, multi_view.subscribe_changes()) for _ in range(5)]
    time.sleep(SETTLE)
    multi_view.freeze()
    for worker in flushing:
        with pytest.raises(ObjectFrozenError):
            worker.result()
    assert [worker.result() for worker in iterating] == [[]] * 5


def test_idle_time_does_not_shorten_later_intervals(buffer):
    interval = 0.1
    subscription = buffer.subscribe_changes(interval)
    buffer.update({"a": 0})
    soon(next, subscription)
    time.sleep(4 * interval)  # what NanoVer would spend on four deliveries in a row
    started = time.monotonic()
    for i in range(4):
        buffer.update({"a": i})
        soon(next, subscription)
    # The first of these was due long ago, and each of the others an interval after the one before.
    assert time.monotonic() - started >= 3 * interval


def test_freezing_ends_a_subscription_that_sleeps_in_its_interval(buffer):
    subscription = buffer.subscribe_changes(HANG * 10)
    buffer.update({"a": 1})
    soon(next, subscription)
    worker = Worker(list, subscription)
    time.sleep(SETTLE)
    assert worker.is_alive()
    buffer.freeze()
    assert worker.result() == []


def test_freezing_a_multi_view_ends_a_subscription_that_sleeps_in_its_interval(multi_view):
    subscription = multi_view.subscribe_changes(HANG * 10)
    multi_view.update({"a": 1})
    soon(next, subscription)
    worker = Worker(list, subscription)
    time.sleep(SETTLE)
    multi_view.freeze()
    assert worker.result() == []


def test_the_last_change_before_freezing_is_delivered_when_it_is_due(buffer):
    interval = 0.5
    subscription = buffer.subscribe_changes(interval)
    buffer.update({"a": 1})
    started = time.monotonic()
    soon(next, subscription)
    worker = Worker(list, subscription)
    buffer.update({"b": 1})
    buffer.freeze()
    (change,) = worker.result()
    assert time.monotonic() - started >= interval
    assert (change.updates, change.removals) == ({"b": 1}, set())


@pytest.mark.parametrize("interval", [-1, -1e-9, math.nan])
def test_a_negative_interval_is_an_error(target, interval):
    with pytest.raises(ValueError, match="interval"):
        target.subscribe_changes(interval)


# Arguments


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (lambda: ({"a": 2, "c": 2, 5: 2},), TypeError),
        (lambda: (RaisingMapping({"a": 2, "c": 2, "d": 2}),), BoomError),
        (lambda: ({"a": 2}, 5), TypeError),
        (lambda: ({"a": 2}, ["b", 5]), TypeError),
        (lambda: ({"a": 2}, ["b", []]), TypeError),
        (lambda: ({"a": 2}, raising_iterator("b", "c")), BoomError),
        (lambda: ({"a": 2}, "b"), TypeError),
        (lambda: (5, ["b"]), TypeError),
    ],
)
def test_an_update_that_raises_changes_nothing(target, arguments, error):
    target.update({"a": 1, "b": 1}, ["x"])
    before = state(target)
    with pytest.raises(error):
        target.update(*arguments())
    assert state(target) == before


def test_an_update_that_raises_reaches_no_view(multi_view, view):
    multi_view.update({"a": 1}, ["b"])
    with pytest.raises(BoomError):
        multi_view.update({"a": 2, "b": 2}, raising_iterator("c"))
    assert flush(view) == ({"a": 1}, {"b"})


@pytest.mark.parametrize("key", [5, None, b"bytes", ("a",), 1.5, DictionaryChange()])
def test_only_strings_can_be_keys(target, key):
    name = type(key).__name__
    for mapping in ({key: 1}, {"a": 1, key: 1}, PlainMapping({key: 1})):
        with pytest.raises(TypeError, match=f"^updates: keys must be str, not {name}$"):
            target.update(mapping)
    for iterable in ([key], {key}, ("a", key), iter([key])):
        with pytest.raises(TypeError, match=f"^removals: keys must be str, not {name}$"):
            target.update(None, iterable)
    assert not any(state(target))


def test_an_unhashable_key_is_refused_by_its_type(target):
    with pytest.raises(TypeError, match="list"):
        target.update(None, ["a", []])


class Name(str):
    """A key of a subclass, as an enumeration of strings would have."""

    __slots__ = ()


def test_subclasses_of_str_become_exact_strings(target):
    target.update({Name("a"): 1, "b": 1}, [Name("c")])
    if isinstance(target, DictionaryChangeMultiView):
        with target.create_view() as view:
            updates, removals = flush(view)
        assert {type(key) for key in target.copy_content()} == {str}
        assert (updates, removals) == ({"a": 1, "b": 1}, set())
    else:
        updates, removals = flush(target)
        assert (updates, removals) == ({"a": 1, "b": 1}, {"c"})
    assert {type(key) for key in (*updates, *removals)} == {str}


def test_subclasses_of_str_in_a_change_become_exact_strings():
    change = DictionaryChange({Name("a"): 1}, [Name("b")])
    assert (change.updates, change.removals) == ({"a": 1}, {"b"})
    assert {type(key) for key in (*change.updates, *change.removals)} == {str}


@pytest.mark.parametrize("removals", ["abc", "", b"abc", Name("abc")])
def test_removals_that_are_one_string_are_an_error_with_a_hint(target, removals):
    with pytest.raises(TypeError, match="removals") as caught:
        target.update({"a": 1}, removals)
    assert "[" in str(caught.value)  # such as: write [key]
    assert not any(state(target))


NO_MAPPINGS = [5, "abc", ["a"], [("a", 1)], {"a": 1}.items(), iter([]), object(), [], False, 0, ""]


@pytest.mark.parametrize("updates", NO_MAPPINGS)
def test_updates_that_are_no_mapping_are_an_error(target, updates):
    with pytest.raises(TypeError, match="updates must be a mapping of str to values, not"):
        target.update(updates)
    with pytest.raises(TypeError, match="updates must be a mapping of str to values, not"):
        DictionaryChange(updates)
    assert not any(state(target))


@pytest.mark.parametrize("removals", [False, 0, 0.0, object()])
def test_removals_that_cannot_be_iterated_over_are_an_error(target, removals):
    with pytest.raises(TypeError, match="removals must be an iterable of str, not"):
        target.update({"a": 1}, removals)
    assert not any(state(target))


def test_an_iterator_as_removals_counts_for_everybody(multi_view, view):
    multi_view.update({"a": 1, "b": 2})
    flush(view)
    multi_view.update(removals=iter(["a"]))
    assert multi_view.copy_content() == {"b": 2}
    assert flush(view) == ({}, {"a"})
    buffer = DictionaryChangeBuffer()
    buffer.update(removals=(key for key in "ab"))
    assert flush(buffer) == ({}, {"a", "b"})


# Objects


def test_no_method_calls_one_that_a_subclass_overrides():
    called = []

    class Buffer(DictionaryChangeBuffer):
        def flush_changed_blocking(self, timeout=None):
            called.append("flush_changed_blocking")
            return super().flush_changed_blocking(timeout)

    class MultiView(DictionaryChangeMultiView):
        def create_view(self, prefixes=None):
            called.append("create_view")
            return super().create_view(prefixes)

        def remove_view(self, view):
            called.append("remove_view")
            super().remove_view(view)

    for source in (Buffer(), MultiView()):
        source.update({"a": 1})
        with source.subscribe_changes() as changes:
            assert soon(next, changes).updates == {"a": 1}
    with MultiView().create_view():
        pass
    assert called == ["create_view"]  # by this test


def test_subscriptions_and_contexts_are_objects_of_their_own(multi_view):
    subscription = multi_view.subscribe_changes()
    assert not hasattr(subscription, "send")
    assert not hasattr(subscription, "throw")
    with pytest.raises(TypeError):
        multi_view.create_view()(len)


def test_the_insides_are_not_attributes():
    change, buffer = DictionaryChange({"a": 1}), DictionaryChangeBuffer()
    assert vars(change) == vars(buffer) == {}
    change.note = buffer.note = 1
    assert vars(change) == vars(buffer) == {"note": 1}
    with pytest.raises(TypeError):
        copy.copy(buffer)
    for name in ("_pending_changes", "_pending_removals"):
        assert getattr(buffer, name) is not getattr(buffer, name)
        with pytest.raises(AttributeError):
            setattr(buffer, name, {})


def test_a_subclass_need_not_call_the_constructor_of_its_base():
    class Buffer(DictionaryChangeBuffer):
        def __init__(self) -> None:
            pass

    class Change(DictionaryChange):
        def __init__(self) -> None:
            pass

    buffer = Buffer()
    buffer.update({"a": 1})
    assert flush(buffer) == ({"a": 1}, set())
    assert (Change().updates, Change().removals) == ({}, set())
