"""How views follow the shared dictionary, and what they keep to themselves."""

from __future__ import annotations

import pytest

from change_buffers import DictionaryChangeMultiView, ObjectFrozenError
from helpers import assert_drained, flush, pending


@pytest.fixture
def other(multi_view):
    with multi_view.create_view() as view:
        yield view


# Following


def test_a_view_follows_the_content(multi_view, view):
    multi_view.update({"a": 1}, ["b"])
    assert pending(view) == ({"a": 1}, {"b"})
    assert flush(view) == ({"a": 1}, {"b"})
    assert pending(view) == ({}, set())


def test_each_view_is_flushed_at_its_own_pace(multi_view, view, other):
    seen = []
    for i in range(5):
        multi_view.update({"a": i, f"key {i}": i}, [f"key {i - 1}"])
        seen.append(flush(view))
    assert seen == [({"a": i, f"key {i}": i}, {f"key {i - 1}"}) for i in range(5)]
    removed = {f"key {i}" for i in range(-1, 4)}
    assert flush(other) == ({"a": 4, "key 4": 4}, removed)


def test_only_what_changed_since_the_last_flush_is_given(multi_view, view):
    multi_view.update({f"key {i}": i for i in range(100)})
    flush(view)
    multi_view.update({"key 50": "new"})
    assert flush(view) == ({"key 50": "new"}, set())


def test_setting_the_same_value_again_is_a_change(multi_view, view):
    value = object()
    for _ in range(3):
        multi_view.update({"a": value})
        assert flush(view)[0]["a"] is value


def test_a_key_set_and_then_removed_is_removed(multi_view, view):
    multi_view.update({"a": 1})
    multi_view.update(None, ["a"])
    assert flush(view) == ({}, {"a"})


def test_a_key_removed_and_then_set_is_set(multi_view, view):
    multi_view.update({"a": 1})
    flush(view)
    multi_view.update(None, ["a"])
    multi_view.update({"a": 2})
    assert flush(view) == ({"a": 2}, set())


def test_a_key_removed_again_is_removed_again(multi_view, view):
    multi_view.update({"a": 1})
    for _ in range(3):
        multi_view.update(None, ["a"])
        assert flush(view) == ({}, {"a"})


def test_a_removal_reaches_only_the_views_that_were_there(multi_view, view):
    multi_view.update({"a": 1})
    multi_view.update(None, ["a"])
    with multi_view.create_view() as late:
        assert pending(late) == ({}, set())
        multi_view.update({"b": 1}, ["c"])
        assert flush(late) == ({"b": 1}, {"c"})
    assert flush(view) == ({"b": 1}, {"a", "c"})


def test_a_removal_is_remembered_for_a_slow_view(multi_view, view, other):
    multi_view.update({"a": 1, "b": 1})
    flush(view)
    flush(other)
    multi_view.update(None, ["a"])
    flush(view)
    for i in range(100):
        multi_view.update({f"key {i}": i}, [f"key {i - 1}"])
        flush(view)
    updates, removals = flush(other)
    assert updates == {"key 99": 99}
    assert removals == {"a"} | {f"key {i}" for i in range(-1, 99)}


def test_flushing_one_view_changes_neither_the_content_nor_the_others(multi_view, view, other):
    multi_view.update({"a": 1}, ["b"])
    change = view.flush_changed_blocking()
    change.updates["a"] = "mine"
    change.updates["c"] = "mine"
    change.removals.add("a")
    assert flush(other) == ({"a": 1}, {"b"})
    assert multi_view.copy_content() == {"a": 1}


def test_many_views_see_the_same(multi_view):
    contexts = [multi_view.create_view() for _ in range(300)]
    views = [context.__enter__() for context in contexts]
    multi_view.update({"a": 1})
    for view in views[::2]:
        flush(view)
    multi_view.update({"b": 2}, ["a"])
    for i, view in enumerate(views):
        assert flush(view) == ({"b": 2}, {"a"}), i
    for context in contexts:
        context.__exit__(None, None, None)
    with pytest.raises(ObjectFrozenError):
        views[0].update({})


# Freezing a view


def test_freezing_a_view_detaches_it(multi_view, view, other):
    multi_view.update({"a": 1}, ["b"])
    view.freeze()
    multi_view.update({"a": 2, "b": 2}, ["c"])
    assert pending(view) == ({"a": 1}, {"b"})
    assert flush(view) == ({"a": 1}, {"b"})
    assert_drained(view)
    assert flush(other) == ({"a": 2, "b": 2}, {"c"})
    assert multi_view.copy_content() == {"a": 2, "b": 2}


def test_freezing_a_view_keeps_its_first_content(multi_view):
    multi_view.update({"a": 1, "b": 1})
    with multi_view.create_view() as view:
        view.freeze()
        multi_view.update({"a": 2}, ["b"])
        multi_view.freeze()
        assert flush(view) == ({"a": 1, "b": 1}, set())
        assert_drained(view)


def test_a_view_with_nothing_pending_stays_empty_when_frozen(multi_view, view):
    multi_view.update({"a": 1})
    flush(view)
    view.freeze()
    multi_view.update({"b": 1})
    assert_drained(view)


def test_freezing_the_multi_view_does_not_touch_a_detached_view(multi_view, view):
    multi_view.update({"a": 1})
    view.freeze()
    multi_view.update({"b": 1})
    multi_view.freeze()
    assert flush(view) == ({"a": 1}, set())


# A view's own updates


def test_a_private_update_stays_in_its_view(multi_view, view, other):
    view.update({"a": 1}, ["b"])
    assert flush(view) == ({"a": 1}, {"b"})
    assert pending(other) == ({}, set())
    assert multi_view.copy_content() == {}
    with multi_view.create_view() as late:
        assert pending(late) == ({}, set())


def test_a_private_update_merges_with_what_is_pending(multi_view, view):
    multi_view.update({"a": 1, "b": 1}, ["c"])
    view.update({"b": 2, "d": 2}, ["e"])
    assert pending(view) == ({"a": 1, "b": 2, "d": 2}, {"c", "e"})
    assert flush(view) == ({"a": 1, "b": 2, "d": 2}, {"c", "e"})


def test_a_private_update_merges_with_the_first_content():
    multi_view = DictionaryChangeMultiView()
    multi_view.update({"a": 1, "b": 1, "c": 1})
    with multi_view.create_view() as view:
        view.update({"b": 2}, ["c"])
        assert flush(view) == ({"a": 1, "b": 2}, {"c"})
        assert multi_view.copy_content() == {"a": 1, "b": 1, "c": 1}


PRIVATE, SHARED = "private", "shared"


@pytest.mark.parametrize("order", [(PRIVATE, SHARED), (SHARED, PRIVATE)])
@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (({"a": 1}, []), ({"a": 2}, []), ({"a": 2}, set())),
        (({"a": 1}, []), ({}, ["a"]), ({}, {"a"})),
        (({}, ["a"]), ({"a": 2}, []), ({"a": 2}, set())),
        (({}, ["a"]), ({}, ["a"]), ({}, {"a"})),
        (({"a": 1}, ["a"]), ({"a": 2}, []), ({"a": 2}, set())),
        (({"a": 1}, ["a"]), ({}, ["a"]), ({}, {"a"})),
        (({"a": 1}, []), ({"a": 2}, ["a"]), ({"a": 2}, {"a"})),
        (({}, ["a"]), ({"a": 2}, ["a"]), ({"a": 2}, {"a"})),
        (({"a": 1}, []), ({"b": 2}, ["c"]), ({"a": 1, "b": 2}, {"c"})),
    ],
)
def test_private_and_shared_updates_merge_in_order(
    multi_view, view, order, first, second, expected
):
    targets = {PRIVATE: view, SHARED: multi_view}
    for start in range(2):  # once in a fresh view, once in one that has been flushed
        if start:
            multi_view.update({"a": "old", "d": "old"})
            flush(view)
        targets[order[0]].update(*first)
        targets[order[1]].update(*second)
        assert pending(view) == expected
        assert flush(view) == expected
        assert pending(view) == ({}, set())


def test_private_and_shared_updates_may_alternate(multi_view, view):
    multi_view.update({"a": 1, "b": 1})
    view.update({"a": 2}, ["b"])
    multi_view.update({"b": 3})
    view.update({"c": 4}, ["a"])
    multi_view.update({"a": 5}, ["c"])
    view.update({"d": 6})
    assert flush(view) == ({"a": 5, "b": 3, "d": 6}, {"c"})
    assert multi_view.copy_content() == {"a": 5, "b": 3}


def test_a_private_update_is_forgotten_once_flushed(multi_view, view):
    view.update({"a": "private"})
    flush(view)
    multi_view.update({"b": 1})
    assert flush(view) == ({"b": 1}, set())
    multi_view.update({"a": 1})
    assert flush(view) == ({"a": 1}, set())


def test_a_private_update_survives_the_freezing_of_its_view(multi_view, view):
    multi_view.update({"a": 1, "b": 1})
    view.update({"a": "private", "c": "private"}, ["b"])
    multi_view.freeze()
    assert flush(view) == ({"a": "private", "c": "private"}, {"b"})


def test_a_private_update_of_a_frozen_view_is_refused(multi_view, view):
    multi_view.update({"a": 1})
    multi_view.freeze()
    with pytest.raises(ObjectFrozenError):
        view.update({"a": 2})
    assert flush(view) == ({"a": 1}, set())
