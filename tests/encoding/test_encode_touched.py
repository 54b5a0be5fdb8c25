"""A change encodes what it holds: whatever its owner has done to it, for this change alone."""

from __future__ import annotations

import copy
import pickle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from change_buffers import DictionaryChange, DictionaryChangeMultiView
from encoding import (
    KEYS,
    MSGPACK,
    REMOVALS,
    UPDATES,
    VALUES,
    assert_encodes,
    counting_codec,
    decoded,
    once,
)
from helpers import BoomError

UPDATED = {"a": "A", "b": "B", "c": "C"}
REMOVED = ["x", "y"]


@pytest.fixture
def views(multi_view):
    with multi_view.create_view() as first, multi_view.create_view() as second:
        multi_view.update(UPDATED, REMOVED)
        yield first, second


@pytest.fixture
def changes(views):
    """Two changes that share all they have."""
    return [view.flush_changed_blocking() for view in views]


# What an owner may do


def replace_a_value(change):
    change.updates["b"] = "other"


def add_a_key(change):
    change.updates["d"] = "other"


def delete_a_key(change):
    del change.updates["b"]


def delete_the_first_key(change):
    del change.updates["a"]


def delete_the_last_key(change):
    change.updates.popitem()


def move_a_key(change):
    change.updates["a"] = change.updates.pop("a")


def swap_values(change):
    updates = change.updates
    updates["a"], updates["b"] = updates["b"], updates["a"]


def rename_a_key(change):
    change.updates["d"] = change.updates.pop("c")


def clear_the_updates(change):
    change.updates.clear()


def clear_the_removals(change):
    change.removals.clear()


def clear_everything(change):
    clear_the_updates(change)
    clear_the_removals(change)


def add_a_removal(change):
    change.removals.add("a")


def discard_a_removal(change):
    change.removals.discard("x")


def exchange_a_removal(change):
    change.removals.discard("x")
    change.removals.add("z")


def assign_updates(change):
    change.updates = {"c": "C", "d": "other"}


def assign_equal_updates(change):
    change.updates = dict(change.updates)


def assign_removals(change):
    change.removals = {"z"}


def assign_equal_removals(change):
    change.removals = set(change.removals)


def assign_both(change):
    change.updates, change.removals = {}, {"z"}


def initialise_again(change):
    change.__init__({"a": "other"}, ["z"])


def merge_another(change):
    change.update(DictionaryChange({"a": "other", "d": "other"}, ["z"]))


def merge_nothing(change):
    change.update(DictionaryChange())


TOUCHES = [
    replace_a_value,
    add_a_key,
    delete_a_key,
    delete_the_first_key,
    delete_the_last_key,
    move_a_key,
    swap_values,
    rename_a_key,
    clear_the_updates,
    clear_the_removals,
    clear_everything,
    add_a_removal,
    discard_a_removal,
    exchange_a_removal,
    assign_updates,
    assign_equal_updates,
    assign_removals,
    assign_equal_removals,
    assign_both,
    initialise_again,
    merge_another,
    merge_nothing,
]
every_touch = pytest.mark.parametrize("touch", TOUCHES, ids=lambda touch: touch.__name__)
every_moment = pytest.mark.parametrize("encoded_first", [False, True], ids=["at first", "after"])


@every_touch
@every_moment
def test_a_touched_change_encodes_what_it_holds(changes, touch, encoded_first):
    touched, _ = changes
    if encoded_first:
        assert_encodes(touched, UPDATED, REMOVED)
    touch(touched)
    expected = dict(touched.updates), set(touched.removals)
    assert_encodes(touched, *expected)
    assert (touched.updates, touched.removals) == expected


@every_touch
@every_moment
def test_what_one_owner_does_is_in_no_other_message(multi_view, changes, touch, encoded_first):
    touched, other = changes
    if encoded_first:
        assert_encodes(other, UPDATED, REMOVED)
    touch(touched)
    touched.encode(MSGPACK.codec)
    assert_encodes(other, UPDATED, REMOVED)
    with multi_view.create_view() as late:
        assert_encodes(late.flush_changed_blocking(), UPDATED, [])
    assert multi_view.copy_content() == UPDATED


@every_touch
def test_a_change_touched_by_hand_encodes_what_it_holds(touch):
    change = DictionaryChange(UPDATED, REMOVED)
    touch(change)
    assert_encodes(change, dict(change.updates), set(change.removals))


# Only what was touched is encoded once more


@pytest.mark.parametrize(
    ("touch", "extra"),
    [
        (replace_a_value, once("other")),
        (add_a_key, once("other")),
        (delete_a_key, once()),
        (delete_the_first_key, once()),
        (move_a_key, once()),
        (swap_values, once("A", "B")),
        (rename_a_key, once("C")),
        (clear_the_removals, once()),
        (add_a_removal, once()),
        (assign_equal_updates, once()),
        (assign_equal_removals, once()),
        (merge_nothing, once()),
        (merge_another, once("other", "other") + once()),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
@every_moment
def test_only_what_was_replaced_is_encoded_for_the_change_alone(
    changes, touch, extra, encoded_first
):
    codec, encoder = counting_codec()
    touched, other = changes
    if encoded_first:
        other.encode(codec)
        assert encoder.counts() == once("A", "B", "C")
    touch(touched)
    touched.encode(codec)
    counts = encoder.counts()
    other.encode(codec)
    counts += encoder.counts()
    assert counts == extra + (once() if encoded_first else once("A", "B", "C"))


def test_a_value_that_is_put_back_is_the_shared_one_again(changes):
    codec, encoder = counting_codec()
    touched, other = changes
    other.encode(codec)
    value = touched.updates["b"]
    touched.updates["b"] = "other"
    touched.encode(codec)
    assert encoder.counts() == once("A", "B", "C", "other")
    touched.updates["b"] = value
    assert touched.encode(codec) == other.encode(codec)
    assert encoder.counts() == once()


def test_an_equal_value_is_not_taken_for_the_published_one():
    class Equal:
        def __init__(self, number):
            self.number = number

        def __eq__(self, other):
            raise BoomError

        __hash__ = None

    multi_view = DictionaryChangeMultiView()
    codec, _ = counting_codec()
    codec = type(codec)(lambda value: MSGPACK.pack(value.number), MSGPACK.unpack)
    with multi_view.create_view() as view, multi_view.create_view() as other:
        multi_view.update({"a": Equal(1)})
        touched, untouched = view.flush_changed_blocking(), other.flush_changed_blocking()
        assert decoded(touched, codec) == ({"a": 1}, set())
        touched.updates["a"] = Equal(2)
        assert decoded(touched, codec) == ({"a": 2}, set())
        assert decoded(untouched, codec) == ({"a": 1}, set())


def test_true_is_not_one():
    multi_view = DictionaryChangeMultiView()
    with multi_view.create_view() as view:
        multi_view.update({"a": 1, "b": 0.0})
        change = view.flush_changed_blocking()
        change.encode(MSGPACK.codec)
        change.updates.update(a=True, b=-0.0)
        assert change.encode(MSGPACK.codec) == MSGPACK.pack(
            {"updates": {"a": True, "b": -0.0}, "removals": []}
        )


# Copies


@every_moment
@pytest.mark.parametrize(
    "duplicate",
    [copy.copy, copy.deepcopy, lambda change: pickle.loads(pickle.dumps(change))],
    ids=["copy", "deepcopy", "pickle"],
)
def test_copies_encode_what_they_hold(changes, duplicate, encoded_first):
    original, _ = changes
    if encoded_first:
        original.encode(MSGPACK.codec)
    twin = duplicate(original)
    assert_encodes(twin, UPDATED, REMOVED)
    twin.updates = {"a": "of the copy"}
    twin.removals = set()
    assert_encodes(twin, {"a": "of the copy"}, [])
    assert_encodes(original, UPDATED, REMOVED)


def test_a_copy_follows_what_it_shares_with_its_original(changes):
    original, _ = changes
    twin = copy.copy(original)
    original.updates["a"] = "other"
    for change in (original, twin):
        assert_encodes(change, {**UPDATED, "a": "other"}, REMOVED)


# Whatever they do


@settings(max_examples=40)
@given(
    published=UPDATES,
    removed=REMOVALS,
    steps=st.lists(
        st.tuples(st.just("set"), KEYS, VALUES)
        | st.tuples(st.sampled_from(["delete", "remove", "keep", "encode"]), KEYS),
        max_size=8,
    ),
)
def test_any_sequence_of_touches_is_encoded(published, removed, steps):
    multi_view = DictionaryChangeMultiView()
    multi_view.update({"always": 1})
    with multi_view.create_view() as first, multi_view.create_view() as second:
        multi_view.update(published, removed)
        touched, other = first.flush_changed_blocking(), second.flush_changed_blocking()
        before = dict(other.updates), set(other.removals)
        for what, key, *value in steps:
            if what == "set":
                touched.updates[key] = value[0]
            elif what == "delete":
                touched.updates.pop(key, None)
            elif what == "remove":
                touched.removals.add(key)
            elif what == "keep":
                touched.removals.discard(key)
            else:
                touched.encode(MSGPACK.codec)
        expected = dict(touched.updates), set(touched.removals)
        assert_encodes(touched, *expected, envelopes=[None])
        assert_encodes(other, *before, envelopes=[None])
