"""What is assigned to the parts of a change is encoded if it makes a change, whatever its type."""

from __future__ import annotations

from collections import OrderedDict
from types import MappingProxyType

import pytest

from change_buffers import DictionaryChange
from encoding import MSGPACK, assert_encodes, decoded
from helpers import BoomError, PlainMapping, RaisingMapping, raising_iterator

UPDATED = {"a": "A", "b": "B", "c": "C"}
REMOVED = ["x", "y"]

every_moment = pytest.mark.parametrize("encoded_first", [False, True], ids=["at first", "after"])


@pytest.fixture
def changes(multi_view):
    """Two changes that share all they have."""
    with multi_view.create_view() as first, multi_view.create_view() as second:
        multi_view.update(UPDATED, REMOVED)
        return [view.flush_changed_blocking() for view in (first, second)]


@pytest.mark.parametrize("mapping", [dict, OrderedDict, MappingProxyType, PlainMapping])
def test_assigned_updates_may_be_any_mapping(changes, mapping):
    change, _ = changes
    change.updates = mapping({"a": 1, "z": 2})
    assert_encodes_as_parts(change, {"a": 1, "z": 2}, REMOVED)


@pytest.mark.parametrize("iterable", [list, tuple, set, frozenset, dict.fromkeys])
def test_assigned_removals_may_be_any_iterable(changes, iterable):
    change, _ = changes
    change.removals = iterable(["a", "z"])
    assert_encodes(change, UPDATED, ["a", "z"])


def assert_encodes_as_parts(change, updates, removals):
    for _ in range(2):
        assert decoded(change, MSGPACK.codec) == (updates, set(removals))


@pytest.mark.parametrize(
    ("part", "value", "message"),
    [
        ("updates", None, "updates must be a mapping"),
        ("updates", 5, "updates must be a mapping"),
        ("updates", {5: 1}, "int"),
        ("updates", {b"a": 1}, "bytes"),
        ("removals", None, "removals must be an iterable"),
        ("removals", "abc", "one str"),
        ("removals", [5], "int"),
    ],
)
def test_assigned_parts_that_make_no_change_are_type_errors(changes, part, value, message):
    for change in (*changes, DictionaryChange(UPDATED, REMOVED)):
        before = getattr(change, part)
        setattr(change, part, value)
        with pytest.raises(TypeError, match=message):
            change.encode(MSGPACK.codec)
        setattr(change, part, before)
        assert_encodes(change, UPDATED, REMOVED)


def test_a_part_that_is_mutated_to_be_no_change_is_a_type_error(changes):
    change, _ = changes
    change.updates[5] = 1
    with pytest.raises(TypeError, match="int"):
        change.encode(MSGPACK.codec)
    del change.updates[5]
    change.removals.add(5)
    with pytest.raises(TypeError, match="int"):
        change.encode(MSGPACK.codec)
    change.removals.discard(5)
    assert_encodes(change, UPDATED, REMOVED)


def test_an_error_of_an_assigned_part_comes_through(changes):
    change, _ = changes
    change.updates = RaisingMapping({"a": 1, "b": 2})
    with pytest.raises(BoomError):
        change.encode(MSGPACK.codec)
    change.updates, change.removals = UPDATED, raising_iterator("a")
    with pytest.raises(BoomError):
        change.encode(MSGPACK.codec)


@pytest.mark.parametrize("part", ["updates", "removals"])
@every_moment
def test_a_change_that_lacks_a_part_cannot_be_encoded(changes, part, encoded_first):
    for change in (*changes, DictionaryChange(UPDATED, REMOVED)):
        if encoded_first:
            change.encode(MSGPACK.codec)
        before = getattr(change, part)
        delattr(change, part)
        with pytest.raises(AttributeError, match=part):
            change.encode(MSGPACK.codec)
        setattr(change, part, before)
        assert_encodes(change, UPDATED, REMOVED)
