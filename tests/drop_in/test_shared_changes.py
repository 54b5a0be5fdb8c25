"""Views that have the same to expect get changes of their own, although the work may be shared."""

from __future__ import annotations

import sys
import weakref
from contextlib import ExitStack

import pytest

from helpers import Thing, Worker, flush, pending, soon

COUNT = 4
MANY = {f"key {i}": i for i in range(5)}


@pytest.fixture
def views(multi_view):
    with ExitStack() as stack:
        yield [stack.enter_context(multi_view.create_view()) for _ in range(COUNT)]


@pytest.fixture(
    params=[
        ({"a": 1}, None),
        (MANY, None),
        (MANY, ["b"]),
        (MANY, ["key 1"]),
        (MANY, []),
        (None, ["b", "c", "d"]),
    ],
    ids=["one key", "many keys", "with removals", "with both", "with no removals", "only removals"],
)
def arguments(request):
    return request.param


def expected(arguments):
    updates, removals = arguments
    return dict(updates or {}), set(removals or ())


def vandalise(change):
    change.updates.clear()
    change.updates["vandal"] = "was here"
    change.removals.add("vandal")
    change.removals.discard("b")


def flush_and_vandalise(view):
    """Give what a view flushed, and do to its change what its owner may do."""
    change = soon(view.flush_changed_blocking)
    result = dict(change.updates), set(change.removals)
    vandalise(change)
    return result


def test_every_view_gets_the_same(multi_view, views, arguments):
    multi_view.update(*arguments)
    assert [flush(view) for view in views] == [expected(arguments)] * COUNT


def test_every_view_gets_a_change_of_its_own(multi_view, views, arguments):
    for _ in range(3):
        multi_view.update(*arguments)
        changes = [view.flush_changed_blocking() for view in views]
        for part in ("updates", "removals"):
            assert len({id(getattr(change, part)) for change in changes}) == COUNT


def test_nobody_can_spoil_it_for_the_others(multi_view, views, arguments):
    for _ in range(3):
        multi_view.update(*arguments)
        content = multi_view.copy_content()
        assert [flush_and_vandalise(view) for view in views] == [expected(arguments)] * COUNT
        assert multi_view.copy_content() == content
        assert [pending(view) for view in views] == [({}, set())] * COUNT


def test_nobody_can_spoil_the_first_content(multi_view):
    multi_view.update(MANY)
    for _ in range(COUNT):
        with multi_view.create_view() as first, multi_view.create_view() as second:
            assert flush_and_vandalise(first) == flush_and_vandalise(second) == (MANY, set())


def test_nobody_can_spoil_what_a_frozen_multi_view_gives(multi_view, views, arguments):
    multi_view.update(*arguments)
    multi_view.freeze()
    assert [flush_and_vandalise(view) for view in views] == [expected(arguments)] * COUNT


def test_subscriptions_cannot_spoil_it_either(multi_view, arguments):
    multi_view.update({"first": 1})
    subscriptions = [multi_view.subscribe_changes() for _ in range(COUNT)]
    for subscription in subscriptions:
        vandalise(soon(next, subscription))
    for _ in range(3):
        multi_view.update(*arguments)
        for subscription in subscriptions:
            change = soon(next, subscription)
            assert (change.updates, change.removals) == expected(arguments)
            vandalise(change)


def test_the_arguments_are_not_shared(multi_view, views):
    updates, removals = dict(MANY), {"b"}
    multi_view.update(updates)
    updates["key 1"] = "changed"
    updates["other"] = "changed"
    assert flush(views[0]) == (MANY, set())
    multi_view.update(updates, removals)
    assert flush(views[0]) == (updates, removals)
    updates["key 1"] = "changed again"
    removals.add("c")
    assert flush(views[1])[0]["key 1"] == "changed"
    assert flush(views[2])[1] == {"b"}


def test_a_change_in_between_reaches_those_who_have_not_flushed(multi_view, views):
    multi_view.update(MANY)
    assert flush(views[0]) == (MANY, set())
    multi_view.update({"key 0": "new"}, ["key 1"])
    assert flush(views[0]) == ({"key 0": "new"}, {"key 1"})
    merged = {**MANY, "key 0": "new"}
    del merged["key 1"]
    assert flush(views[1]) == flush(views[2]) == (merged, {"key 1"})


def test_views_that_missed_different_updates_of_the_same_keys_get_the_last(multi_view, views):
    for turn in range(9):
        everything = dict.fromkeys(MANY, turn)
        multi_view.update(everything)
        # One has one update to see, another one three, and of each the same is left.
        for view in (views[0], views[1 + turn % 2]):
            assert flush_and_vandalise(view) == (everything, set())
        with multi_view.create_view() as late:
            assert flush_and_vandalise(late) == (everything, set())
    assert flush(views[3]) == (everything, set())


def test_an_update_that_names_less_than_was_missed_is_not_all(multi_view, views):
    others = {f"other {number}": number for number in range(5)}
    for turn in range(6):
        updates = MANY if turn % 3 else others
        multi_view.update(updates)
        assert flush_and_vandalise(views[0]) == (updates, set())
        if turn % 2:
            assert flush(views[1])[0] == ({**others, **MANY} if turn != 5 else MANY)
    assert flush(views[2])[0] == {**others, **MANY}


def test_a_view_that_comes_late_does_not_get_what_others_expect(multi_view, views):
    multi_view.update(MANY)
    flush(views[0])
    multi_view.update(None, ["key 1"])
    flush(views[0])
    with multi_view.create_view() as late:
        assert flush(late) == ({key: i for key, i in MANY.items() if key != "key 1"}, set())
    assert flush(views[1])[1] == {"key 1"}


def test_a_private_update_stays_private(multi_view, views):
    multi_view.update(MANY)
    views[1].update({"private": 1}, ["key 1"])
    private = {**MANY, "private": 1}
    del private["key 1"]
    assert flush(views[0]) == (MANY, set())
    assert flush(views[1]) == (private, {"key 1"})
    assert flush(views[2]) == (MANY, set())
    multi_view.update(MANY)
    assert [flush(view) for view in views[:3]] == [(MANY, set())] * 3


# Nothing is kept for longer than it is needed


@pytest.fixture(params=[{}, MANY], ids=["one key", "many keys"])
def put(request, multi_view):
    """Have the content hold a value that nobody else refers to."""

    def put(removals=None):
        value = Thing()
        multi_view.update({"a": value, **request.param}, removals)
        return weakref.ref(value)

    return put


@pytest.mark.parametrize("release", [({"a": None},), (None, ["a"]), ({"a": None}, ["a"])])
@pytest.mark.parametrize("flushed", [1, 2, COUNT])
def test_a_released_value_is_not_kept_for_others(multi_view, views, put, release, flushed):
    reference = put()
    for view in views[:flushed]:
        flush(view)
    multi_view.update(*release)
    assert reference() is None


def test_a_replaced_value_is_not_kept_though_the_same_keys_are_named_again(views, put):
    for turn in range(8):
        before = put()
        flush(views[turn % 3])
        put()
        assert before() is None


def test_a_value_that_is_no_content_is_kept_until_all_have_got_it(multi_view, views, put):
    reference = put(["a"])
    for view in views:
        assert flush(view)[0]["a"] is reference()
    assert reference() is None


def test_a_value_that_is_no_content_is_released_when_the_others_go(multi_view, put):
    with ExitStack() as stack:
        views = [stack.enter_context(multi_view.create_view()) for _ in range(COUNT)]
        reference = put(["a"])
        flush(views.pop())
        flush(views.pop())
        assert reference() is not None
    assert reference() is not None  # the views that were left can be flushed once more
    views.clear()
    assert reference() is None


def test_a_removed_key_is_not_kept_for_others(multi_view, views):
    key = "".join(["a key that ", "is not interned"])
    before = sys.getrefcount(key)
    for _ in range(2):
        multi_view.update({**MANY, key: 1})
        flush(views[0])
        multi_view.update(None, [key, "b", "c"])
        for view in views:
            flush(view)
    multi_view.update({"something": "else"})
    for view in views:
        flush(view)
    assert sys.getrefcount(key) == before


# Many at once


def test_threads_that_flush_the_same_get_the_same(multi_view, views):
    rounds = 300

    def follow(view):
        replica = {}
        for change in view.subscribe_changes():
            replica.update(change.updates)
            for key in change.removals:
                replica.pop(key, None)
            vandalise(change)
        return replica

    workers = [Worker(follow, view) for view in views]
    workers += [Worker(follow, multi_view) for _ in range(2)]
    for i in range(rounds):
        multi_view.update({f"key {(i + j) % 7}": (i, j) for j in range(4)}, [f"key {i % 5}"])
        multi_view.update({f"key {(i + j) % 7}": (i, j) for j in range(3)})
    multi_view.freeze()
    content = multi_view.copy_content()
    assert [worker.result() for worker in workers] == [content] * len(workers)
