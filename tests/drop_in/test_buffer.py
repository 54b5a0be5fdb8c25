"""What a buffer promises, shown for a buffer of its own and for a view."""

from __future__ import annotations

import time
from collections import OrderedDict
from types import MappingProxyType

import pytest

from change_buffers import DictionaryChange, DictionaryChangeBuffer, ObjectFrozenError
from helpers import SETTLE, PlainMapping, Thing, Worker, assert_drained, flush, pending


class Untouchable:
    """A value that may only be kept: anything else that is done to it is an error."""

    def _refuse(self, *_):
        raise AssertionError("a value was compared, hashed, tested or copied")

    __eq__ = __ne__ = __hash__ = __bool__ = __len__ = __repr__ = _refuse
    __copy__ = __deepcopy__ = __reduce_ex__ = _refuse


def test_a_buffer_takes_no_arguments():
    with pytest.raises(TypeError):
        DictionaryChangeBuffer(1)
    with pytest.raises(TypeError):
        DictionaryChangeBuffer(updates={})


def test_the_class_can_be_extended():
    class Named(DictionaryChangeBuffer):
        def __init__(self, name):
            super().__init__()
            self.name = name

        def update(self, updates=None, removals=None):
            super().update({self.name: 1, **updates}, removals)

    named = Named("a")
    named.update({"b": 1})
    assert flush(named) == ({"a": 1, "b": 1}, set())


# Updating


def test_nothing_is_pending_at_first(buffer):
    assert pending(buffer) == ({}, set())


def test_an_update_is_pending(buffer):
    assert buffer.update({"a": 1}, ["b"]) is None
    assert pending(buffer) == ({"a": 1}, {"b"})
    assert flush(buffer) == ({"a": 1}, {"b"})


def test_the_arguments_may_be_given_by_name(buffer):
    buffer.update(removals=["b"], updates={"a": 1})
    buffer.update(removals=["c"])
    buffer.update(updates={"d": 1})
    assert flush(buffer) == ({"a": 1, "d": 1}, {"b", "c"})


@pytest.mark.parametrize(
    ("arguments", "keywords"),
    [(({}, (), ()), {}), ((), {"other": 1}), (({},), {"updates": {}})],
)
def test_other_arguments_are_refused(buffer, arguments, keywords):
    with pytest.raises(TypeError):
        buffer.update(*arguments, **keywords)
    assert pending(buffer) == ({}, set())


@pytest.mark.parametrize("mapping", [dict, OrderedDict, MappingProxyType, PlainMapping])
def test_updates_may_be_any_mapping(buffer, mapping):
    buffer.update(mapping({"a": 1, "b": 2}))
    assert flush(buffer) == ({"a": 1, "b": 2}, set())


@pytest.mark.parametrize("iterable", [list, tuple, set, frozenset, iter, dict.fromkeys])
def test_removals_may_be_any_iterable_of_keys(buffer, iterable):
    buffer.update(None, iterable(["a", "b", "a"]))
    assert flush(buffer) == ({}, {"a", "b"})


@pytest.mark.parametrize(
    "arguments", [(), (None, None), ({}, None), (None, []), ({}, set()), (None, iter([]))]
)
def test_an_empty_update_leaves_nothing_pending(buffer, arguments):
    buffer.update(*arguments)
    assert pending(buffer) == ({}, set())


def test_an_empty_update_leaves_what_was_pending(buffer):
    buffer.update({"a": 1}, ["b"])
    buffer.update()
    assert flush(buffer) == ({"a": 1}, {"b"})


def test_an_update_replaces_a_pending_value(buffer):
    buffer.update({"a": 1, "b": 1})
    buffer.update({"b": 2, "c": 2})
    assert flush(buffer) == ({"a": 1, "b": 2, "c": 2}, set())


def test_an_update_cancels_a_pending_removal(buffer):
    buffer.update(None, ["a", "b"])
    buffer.update({"a": 1})
    assert flush(buffer) == ({"a": 1}, {"b"})


def test_a_removal_drops_a_pending_value(buffer):
    buffer.update({"a": 1, "b": 1})
    buffer.update(None, ["a"])
    assert flush(buffer) == ({"b": 1}, {"a"})


def test_a_removal_of_an_unknown_key_is_recorded(buffer):
    buffer.update(None, ["never seen"])
    assert flush(buffer) == ({}, {"never seen"})


def test_a_removal_is_recorded_again_after_a_flush(buffer):
    for _ in range(2):
        buffer.update(None, ["a"])
        assert flush(buffer) == ({}, {"a"})


def test_a_key_in_both_arguments_is_in_both_parts(buffer):
    buffer.update({"a": 1, "b": 1}, ["a", "c"])
    assert flush(buffer) == ({"a": 1, "b": 1}, {"a", "c"})


def test_a_key_in_both_arguments_replaces_what_was_pending(buffer):
    buffer.update({"a": 1})
    buffer.update({"a": 2}, ["a"])
    assert flush(buffer) == ({"a": 2}, {"a"})
    buffer.update(None, ["a"])
    buffer.update({"a": 3}, ["a"])
    assert flush(buffer) == ({"a": 3}, {"a"})


def test_an_update_of_a_key_in_both_parts_leaves_its_value(buffer):
    buffer.update({"a": 1}, ["a"])
    buffer.update({"a": 2})
    assert flush(buffer) == ({"a": 2}, set())


def test_a_removal_of_a_key_in_both_parts_leaves_its_removal(buffer):
    buffer.update({"a": 1}, ["a"])
    buffer.update(None, ["a"])
    assert flush(buffer) == ({}, {"a"})


def test_the_arguments_are_not_kept(buffer):
    updates, removals = {"a": 1}, {"b"}
    buffer.update(updates, removals)
    updates["a"] = 2
    updates["c"] = 3
    removals.add("d")
    change = flush(buffer)
    assert change == ({"a": 1}, {"b"})
    assert change[0] is not updates
    change[0]["e"] = 5
    assert updates == {"a": 2, "c": 3}


def test_values_are_kept_by_reference_and_left_alone(buffer):
    values = [Untouchable() for _ in range(3)]
    buffer.update({"a": values[0], "b": values[0]})
    buffer.update({"a": values[1], "c": values[2]}, ["b"])
    assert buffer._pending_changes["a"] is values[1]
    updates, removals = flush(buffer)
    assert set(updates) == {"a", "c"}
    assert updates["a"] is values[1]
    assert updates["c"] is values[2]
    assert removals == {"b"}


def test_none_is_a_value(buffer):
    buffer.update({"a": None})
    assert flush(buffer) == ({"a": None}, set())


def test_a_buffer_may_hold_itself(buffer):
    buffer.update({"self": buffer})
    assert flush(buffer)[0]["self"] is buffer


@pytest.mark.parametrize("count", [1, 2, 100, 10_000])
def test_any_number_of_keys_can_be_pending(buffer, count):
    updates = {f"key {i}": i for i in range(count)}
    removals = {f"gone {i}" for i in range(count)}
    buffer.update(updates, removals)
    assert flush(buffer) == (updates, removals)
    for key, value in updates.items():
        buffer.update({key: value})
    for key in removals:
        buffer.update(None, [key])
    assert flush(buffer) == (updates, removals)


# Snapshots of what is pending


def test_the_snapshots_are_a_dict_and_a_set(buffer):
    assert (type(buffer._pending_changes), type(buffer._pending_removals)) == (dict, set)
    buffer.update({"a": 1}, ["b"])
    assert (type(buffer._pending_changes), type(buffer._pending_removals)) == (dict, set)


def test_changing_a_snapshot_changes_nothing(buffer):
    buffer.update({"a": 1}, ["b"])
    buffer._pending_changes.clear()
    buffer._pending_removals.add("c")
    assert pending(buffer) == ({"a": 1}, {"b"})
    assert flush(buffer) == ({"a": 1}, {"b"})


def test_a_snapshot_does_not_follow_the_buffer(buffer):
    buffer.update({"a": 1}, ["b"])
    before = pending(buffer)
    buffer.update({"c": 1}, ["d"])
    flush(buffer)
    assert before == ({"a": 1}, {"b"})


@pytest.mark.parametrize("name", ["_pending_changes", "_pending_removals"])
def test_the_snapshots_cannot_be_assigned(buffer, name):
    with pytest.raises(AttributeError):
        setattr(buffer, name, {})


# Flushing


def test_a_flush_gives_a_change(buffer):
    buffer.update({"a": 1}, ["b"])
    change = buffer.flush_changed_blocking()
    assert type(change) is DictionaryChange
    assert (type(change.updates), type(change.removals)) == (dict, set)


def test_a_flush_forgets(buffer):
    buffer.update({"a": 1}, ["b"])
    flush(buffer)
    assert pending(buffer) == ({}, set())
    buffer.update({"c": 1})
    assert flush(buffer) == ({"c": 1}, set())


def test_a_flushed_change_belongs_to_the_caller(buffer):
    buffer.update({"a": 1}, ["b"])
    first = buffer.flush_changed_blocking()
    first.updates["x"] = 1
    first.removals.add("y")
    assert pending(buffer) == ({}, set())
    buffer.update({"a": 2}, ["b"])
    second = buffer.flush_changed_blocking()
    assert (first.updates, first.removals) == ({"a": 1, "x": 1}, {"b", "y"})
    assert (second.updates, second.removals) == ({"a": 2}, {"b"})


def test_flushing_after_each_of_many_updates_gives_each(buffer):
    value = Thing()
    for i in range(1000):
        buffer.update({"a": i, f"key {i % 7}": value}, [f"gone {i % 5}"])
        assert flush(buffer) == ({"a": i, f"key {i % 7}": value}, {f"gone {i % 5}"})


def test_a_flush_waits_until_something_is_pending(buffer):
    worker = Worker(buffer.flush_changed_blocking)
    time.sleep(SETTLE)
    assert worker.is_alive()
    buffer.update({"a": 1}, ["b"])
    updates, removals = worker.result()
    assert (updates, removals) == ({"a": 1}, {"b"})


def test_an_empty_update_does_not_end_the_wait(buffer):
    worker = Worker(buffer.flush_changed_blocking)
    time.sleep(SETTLE)
    buffer.update()
    buffer.update({}, [])
    time.sleep(SETTLE)
    assert worker.is_alive()
    buffer.update(None, ["a"])
    assert worker.result().removals == {"a"}


# Freezing


def test_a_frozen_buffer_refuses_updates(buffer):
    assert buffer.freeze() is None
    for arguments in [({"a": 1},), (None, ["a"]), (), ({}, [])]:
        with pytest.raises(ObjectFrozenError):
            buffer.update(*arguments)
    assert pending(buffer) == ({}, set())


def test_a_refused_update_changes_nothing(buffer):
    buffer.update({"a": 1}, ["b"])
    buffer.freeze()
    with pytest.raises(ObjectFrozenError):
        buffer.update({"a": 2, "b": 2}, ["c"])
    assert pending(buffer) == ({"a": 1}, {"b"})
    assert flush(buffer) == ({"a": 1}, {"b"})


def test_a_frozen_buffer_does_not_look_at_the_arguments(buffer):
    buffer.freeze()
    for arguments in [(5,), ({1: 1},), (None, "abc"), (None, 5)]:
        with pytest.raises(ObjectFrozenError):
            buffer.update(*arguments)


def test_a_frozen_buffer_gives_what_was_pending_once(buffer):
    buffer.update({"a": 1}, ["b"])
    buffer.freeze()
    assert flush(buffer) == ({"a": 1}, {"b"})
    for _ in range(2):
        assert_drained(buffer)
    assert pending(buffer) == ({}, set())


def test_a_frozen_buffer_with_nothing_pending_raises(buffer):
    buffer.freeze()
    assert_drained(buffer)


def test_freezing_again_changes_nothing(buffer):
    buffer.update({"a": 1})
    buffer.freeze()
    buffer.freeze()
    assert flush(buffer) == ({"a": 1}, set())
    buffer.freeze()
    assert_drained(buffer)


def test_freezing_ends_the_wait_of_a_flush(buffer):
    worker = Worker(buffer.flush_changed_blocking)
    time.sleep(SETTLE)
    buffer.freeze()
    with pytest.raises(ObjectFrozenError):
        worker.result()
