"""Versions, complete flushes, snapshots, views since a version, and clones."""

from __future__ import annotations

import copy
import pickle
import weakref

import pytest

from change_buffers import (
    DictionaryChange,
    DictionaryChangeBuffer,
    DictionaryChangeMultiView,
    ObjectFrozenError,
)
from event_loops import run
from helpers import Thing, Worker, assert_collected, assert_drained, flush, pending, soon


@pytest.fixture(params=["view", "subscription"])
def follow(request, multi_view):
    """Follow a multi-view in either way; gives a function that gives the next change, if any."""
    contexts = []

    def follow(multi_view=multi_view, **options):
        context = multi_view.create_view(**options)
        if request.param == "subscription":
            context = multi_view.subscribe_changes(**options)
            contexts.append(context)
            return lambda: soon(next, context)
        contexts.append(context)
        view = context.__enter__()
        return view.flush_changed_nowait

    yield follow
    for context in contexts:
        context.__exit__(None, None, None)


def parts(change):
    return change.updates, change.removals, change.is_complete


# Versions


def test_the_version_counts_the_updates_of_the_content(multi_view, view):
    assert multi_view.version == 0
    multi_view.update({"a": 1})
    multi_view.update({}, [])
    multi_view.update()
    view.update({"b": 1})
    assert multi_view.version == 1
    multi_view.update({"a": 1, "b": 2}, ["c"])
    multi_view.update(None, ["never"])
    assert multi_view.version == multi_view.stats().version == 3
    with pytest.raises(AttributeError):
        multi_view.version = 5


def test_a_flush_knows_up_to_where_it_has_seen(multi_view, follow):
    multi_view.update({"a": 1})
    receive = follow()
    assert receive().version == 1
    multi_view.update({"a": 2})
    multi_view.update({"a": 3})
    change = receive()
    assert (change.version, change.is_complete) == (3, False)


def test_other_changes_know_nothing(multi_view):
    buffer = DictionaryChangeBuffer()
    buffer.update({"a": 1})
    for change in (
        DictionaryChange({"a": 1}),
        DictionaryChange.from_dict({}),
        buffer.flush_changed_blocking(),
    ):
        assert change.version is None
        assert change.is_complete is False


def test_a_detached_view_has_seen_no_further(multi_view):
    multi_view.update({"a": 1})
    with multi_view.create_view() as view:
        view.freeze()
        multi_view.update({"b": 1})
        change = view.flush_changed_blocking()
    assert (change.version, change.is_complete) == (1, True)


def test_where_it_comes_from_stays_with_a_change(multi_view, view):
    class Special(DictionaryChange):
        def __init__(self, *args):
            super().__init__(*args)
            self.version = "1.0"

    multi_view.update({"a": 1})
    change = view.flush_changed_blocking()
    change.updates.clear()
    change.removals = {"b"}
    change.update(DictionaryChange({"c": 1}))
    duplicates = [copy.copy(change), copy.deepcopy(change), pickle.loads(pickle.dumps(change))]
    for each in [change, *duplicates]:
        assert (each.version, each.is_complete) == (1, True)
        assert each.updates == {"c": 1}
        assert each.__dict__ == {}
    change.__init__()
    assert (change.version, change.is_complete) == (None, False)
    assert Special().version == copy.copy(Special()).version == "1.0"
    special = Special()
    special.version, special.is_complete = 5, [1]
    duplicate = copy.copy(special)
    assert (duplicate.version, duplicate.is_complete) == (5, [1])
    special.version = special.is_complete = None
    assert (special.version, special.is_complete) == (None, None)


@pytest.mark.parametrize("version", [0, 2**64 - 2, 2**64 - 1, 2**64, -1])
def test_any_number_can_be_noted_as_version(version):
    change = DictionaryChange({"a": 1})
    change.version = version
    for each in (change, copy.copy(change), pickle.loads(pickle.dumps(change))):
        assert each.version == version


def test_a_subclass_may_mean_something_else_by_these_names():
    class Special(DictionaryChange):
        version = property(lambda self: "1.0")

        @property
        def is_complete(self):
            return "yes"

    duplicate = copy.deepcopy(Special({"a": [1]}, ["b"]))
    assert (duplicate.version, duplicate.is_complete) == ("1.0", "yes")
    assert (duplicate.updates, duplicate.removals) == ({"a": [1]}, {"b"})


# Complete flushes, snapshots


def test_the_first_flush_is_complete(multi_view, follow):
    multi_view.update({"a": 1, "b": 1})
    receive = follow(prefixes="a")
    multi_view.update({"a": 2, "c": 1}, ["d"])
    assert parts(receive()) == ({"a": 2}, set(), True)
    multi_view.update({"a": 3})
    assert parts(receive()) == ({"a": 3}, set(), False)


def test_the_first_flush_is_complete_though_it_comes_late(multi_view, view):
    assert view.flush_changed_nowait() is None
    multi_view.update({"a": 1})
    assert pending(view) == ({"a": 1}, set())
    assert view.flush_changed_nowait().is_complete


def test_a_snapshot_comes_at_once(multi_view, follow):
    assert parts(follow(snapshot=True)()) == ({}, set(), True)
    multi_view.update({"a": 1})
    receive = follow(snapshot=True, prefixes="b")
    assert parts(receive()) == ({}, set(), True)
    multi_view.update({"b": 1})
    assert parts(receive()) == ({"b": 1}, set(), False)
    multi_view.freeze()
    assert parts(follow(snapshot=True)()) == ({"a": 1, "b": 1}, set(), True)


def test_a_snapshot_of_nothing_is_given_once(multi_view):
    with multi_view.create_view(snapshot=True) as view:
        assert soon(view.flush_changed_blocking).is_complete
        assert view.flush_changed_nowait() is None
        multi_view.freeze()
        assert_drained(view)
    with multi_view.create_view(snapshot=True) as view:
        assert view.flush_changed_nowait().is_complete
        assert_drained(view)


def test_a_snapshot_comes_to_tasks(multi_view):
    async def main():
        return parts(await anext(multi_view.subscribe_changes(snapshot=True)))

    assert run(main()) == ({}, set(), True)


# Since a version


def test_a_view_since_a_version_owes_what_has_changed_after_it(follow):
    room = DictionaryChangeMultiView(history=10)
    room.update({"a": 1, "b": 1, "c": 1})
    room.update({"a": 2}, ["b"])
    room.update({"d": 1}, ["d", "never"])
    assert parts(follow(room, since=1)()) == ({"a": 2, "d": 1}, {"b", "d", "never"}, False)
    assert parts(follow(room, since=2)()) == ({"d": 1}, {"d", "never"}, False)
    assert parts(follow(room, since=1, prefixes=["a", "b"])()) == ({"a": 2}, {"b"}, False)
    receive = follow(room, since=3)
    room.update({"b": 2})
    assert parts(receive()) == ({"b": 2}, set(), False)


def test_what_is_not_known_any_more_begins_anew(follow):
    room = DictionaryChangeMultiView(history=2)
    room.update(dict.fromkeys("abcd", 1))
    room.update(None, ["a"])
    room.update(None, ["b", "c"])
    assert (room.stats().horizon, room.stats().history) == (2, 2)
    assert parts(follow(room, since=2)()) == ({}, {"b", "c"}, False)
    assert parts(follow(room, since=1)()) == ({"d": 1}, set(), True)
    assert parts(follow(room, since=1, prefixes="x")()) == ({}, set(), True)


def test_without_history_only_what_has_lost_nothing_can_be_gone_on_from(multi_view, follow):
    multi_view.update({"a": 1})
    multi_view.update({"b": 1})
    assert parts(follow(since=1)()) == ({"b": 1}, set(), False)
    multi_view.update(None, ["a"])
    assert multi_view.stats().history == 0
    change = follow(since=2)()
    assert parts(change)[:2] in [({"b": 1}, set()), ({}, {"a"})]
    assert change.is_complete == (change.removals == set())


def test_a_view_since_a_version_is_as_any_other(multi_view):
    multi_view.update({"a": 1})
    with multi_view.create_view(since=1) as view:
        waiter = Worker(view.flush_changed_blocking)
        multi_view.update({"b": 1})
        assert parts(waiter.result()) == ({"b": 1}, set(), False)
    multi_view.freeze()
    with multi_view.create_view(since=1) as view:
        assert flush(view) == ({"b": 1}, set())
        assert_drained(view)
    with multi_view.create_view(since=2) as view:
        assert_drained(view)


def test_the_last_removed_keys_are_remembered_and_no_values():
    room = DictionaryChangeMultiView(history=10)
    thing = Thing()
    reference = weakref.ref(thing)
    room.update({"thing": thing})
    del thing
    room.update(None, ["thing"])
    assert_collected(reference)
    for i in range(1000):
        room.update({f"key {i}": i})
        room.update(None, [f"key {i}"])
    stats = room.stats()
    assert (stats.keys, stats.tombstones, stats.history) == (0, 0, 10)
    assert stats.horizon == room.version - 20


def test_bad_versions(multi_view):
    multi_view.update({"a": 1})
    for follow in (multi_view.create_view, multi_view.subscribe_changes):
        for since in (2, 10**30):
            with pytest.raises(ValueError, match="since must be a version that there has been"):
                follow(since=since)
        with pytest.raises(ValueError, match="since must be 0 or more, not -1"):
            follow(since=-1)
        for since, name in [("1", "str"), (1.0, "float")]:
            with pytest.raises(TypeError, match=f"since must be a version, an int, not {name}"):
                follow(since=since)
        with pytest.raises(ValueError, match="snapshot and since"):
            follow(since=1, snapshot=True)
        with pytest.raises(TypeError, match="snapshot must be a bool, not int"):
            follow(snapshot=1)
        with pytest.raises(TypeError):
            follow(0, None, True)
    assert multi_view.stats().views == 0


def test_bad_history():
    with pytest.raises(ValueError, match="history must be 0 or more, not -1"):
        DictionaryChangeMultiView(history=-1)
    for history, name in [("1", "str"), (None, "NoneType"), (1.5, "float")]:
        with pytest.raises(
            TypeError, match=f"history must be a number of keys, an int, not {name}"
        ):
            DictionaryChangeMultiView(history=history)
    with pytest.raises(TypeError):
        DictionaryChangeMultiView(5)
    DictionaryChangeMultiView(history=10**30).update({"a": 1}, ["a"])


# Clones


def test_a_clone_owes_the_same_and_is_for_itself(multi_view, view):
    multi_view.update({"a": 1, "b": 1})
    view.update({"own": 1})
    multi_view.update(None, ["a"])
    clone = view.clone()
    assert type(clone) is DictionaryChangeBuffer
    expected = {"b": 1, "own": 1}, {"a"}
    assert pending(clone) == pending(view) == expected
    view.update({"later": 1})
    multi_view.update({"c": 1})
    change = clone.flush_changed_blocking()
    assert parts(change) == ({"b": 1, "own": 1, "c": 1}, {"a"}, True)
    change.updates.clear()
    assert view.flush_changed_blocking().updates == {"b": 1, "own": 1, "c": 1, "later": 1}
    assert multi_view.stats().views == 2
    multi_view.remove_view(clone)
    assert_drained(clone)
    multi_view.update({"d": 1})
    assert flush(view) == ({"d": 1}, set())


def test_a_clone_is_about_the_same_keys(multi_view):
    publisher = multi_view.create_publisher()
    with multi_view.create_view("a", snapshot=True, without=publisher) as view:
        clone = view.clone()
        publisher.update({"a": 1})
        multi_view.update({"b": 1})
        assert parts(clone.flush_changed_nowait()) == ({}, set(), True)
        multi_view.update({"a.b": 1})
        assert parts(clone.flush_changed_nowait()) == ({"a.b": 1}, set(), False)
        assert parts(view.flush_changed_nowait()) == ({"a.b": 1}, set(), True)


def test_clones_of_what_is_frozen(multi_view):
    multi_view.update({"a": 1})
    with multi_view.create_view() as view:
        view.freeze()
        clone = view.clone()
        multi_view.update({"b": 1})
        for each in (clone, view, view.clone()):
            if each is not view:
                with pytest.raises(ObjectFrozenError):
                    each.update({"c": 1})
        assert flush(clone) == ({"a": 1}, set())
        assert_drained(clone)
        assert flush(view) == ({"a": 1}, set())
        assert_drained(view.clone())


def test_a_clone_of_a_buffer():
    buffer = DictionaryChangeBuffer()
    values = {name: Thing() for name in "abc"}
    buffer.update(values, ["d"])
    clone = buffer.clone()
    buffer.freeze()
    clone.update({"e": 1})
    assert flush(buffer) == (values, {"d"})
    assert flush(clone) == ({**values, "e": 1}, {"d"})
    clone.freeze()
    assert_drained(clone)


def test_a_clone_goes_with_its_last_reference(multi_view, view):
    thing = Thing()
    reference = weakref.ref(thing)
    view.update({"a": thing})
    clone = view.clone()
    assert multi_view.stats().views == 2
    flush(view)
    del thing, clone
    assert_collected(reference)
    assert multi_view.stats().views == 1
