"""`encode()`: the message of any change is what a plain library makes of it, byte for byte."""

from __future__ import annotations

import copy
import pickle

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from change_buffers import DictionaryChange, DictionaryChangeBuffer, DictionaryChangeMultiView
from encoding import (
    BINARY_UPDATES,
    JSON,
    KEYS,
    LIBRARIES,
    MSGPACK,
    ORJSON,
    ORMSGPACK,
    REMOVALS,
    UPDATES,
    assert_encodes,
    every_library,
)


class Subclass(DictionaryChange):
    """A subclass without anything of its own."""


class Labelled(DictionaryChange):
    """A subclass whose constructor takes something else."""

    def __init__(self, label: str, updates: dict, removals: list) -> None:
        super().__init__(updates, removals)
        self.label = label


# All the ways to come by a change


def from_a_buffer(updates, removals):
    buffer = DictionaryChangeBuffer()
    buffer.update(updates, removals)
    return buffer.flush_changed_blocking()


def from_a_buffer_that_merged(updates, removals):
    buffer = DictionaryChangeBuffer()
    for key in updates:
        buffer.update({key: "replaced"})
    buffer.update(updates)
    buffer.update(updates, removals)
    return buffer.flush_changed_blocking()


def from_a_view(updates, removals):
    multi_view = DictionaryChangeMultiView()
    with multi_view.create_view() as view:
        multi_view.update(updates, removals)
        return view.flush_changed_blocking()


def from_the_second_of_two_views(updates, removals):
    multi_view = DictionaryChangeMultiView()
    with multi_view.create_view() as first, multi_view.create_view() as second:
        multi_view.update(updates, removals)
        change = first.flush_changed_blocking()
        for library in (MSGPACK, ORMSGPACK):
            change.encode(library.codec)
        return second.flush_changed_blocking()


def from_a_view_with_a_prefix(updates, removals):
    multi_view = DictionaryChangeMultiView()
    with multi_view.create_view(prefixes=["", "never"]) as view:
        multi_view.update(updates, removals)
        return view.flush_changed_blocking()


def from_a_view_updated_alone(updates, removals):
    with DictionaryChangeMultiView().create_view() as view:
        view.update(updates, removals)
        return view.flush_changed_blocking()


def from_a_frozen_view(updates, removals):
    multi_view = DictionaryChangeMultiView()
    with multi_view.create_view() as view:
        multi_view.update(updates, removals)
        multi_view.freeze()
        return view.flush_changed_blocking()


def from_a_subscription(updates, removals):
    multi_view = DictionaryChangeMultiView()
    with multi_view.subscribe_changes() as subscription:
        multi_view.update({"first": 1})
        next(subscription)
        multi_view.update(updates, removals)
        return next(subscription)


def by_hand(updates, removals):
    return DictionaryChange(updates, removals)


def by_hand_of_a_subclass(updates, removals):
    return Subclass.from_dict({"updates": updates, "removals": removals})


def by_hand_of_another_subclass(updates, removals):
    return Labelled("label", updates, removals)


def by_assigning(updates, removals):
    change = DictionaryChange({"replaced": 1}, ["replaced"])
    change.updates, change.removals = updates, set(removals)
    return change


def by_merging(updates, removals):
    change = DictionaryChange()
    change.update(DictionaryChange(updates))
    change.update(DictionaryChange(None, removals))
    return change


def by_copying(updates, removals):
    return copy.copy(from_a_view(updates, removals))


def by_copying_deeply(updates, removals):
    return copy.deepcopy(from_a_view(updates, removals))


def by_pickling(updates, removals):
    return pickle.loads(pickle.dumps(from_a_view(updates, removals)))


def by_making_a_dictionary_of_it(updates, removals):
    return DictionaryChange.from_dict(from_a_view(updates, removals).to_dict())


WAYS = [
    way
    for name, way in list(globals().items())
    if name.startswith(("from_", "by_")) and callable(way)
]
every_way = pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)


@settings(max_examples=100)
@given(updates=UPDATES, removals=REMOVALS, way=st.sampled_from(WAYS))
def test_any_change_is_encoded_as_by_a_plain_library(updates, removals, way):
    assume(updates or removals)  # there is no empty flush
    assert_encodes(way(updates, removals), updates, removals)


@settings(max_examples=50)
@given(updates=BINARY_UPDATES, way=st.sampled_from(WAYS))
def test_message_pack_values_may_be_all_that_it_has(updates, way):
    assume(updates)
    assert_encodes(way(updates, []), updates, [], [MSGPACK, ORMSGPACK])


@settings(max_examples=50)
@given(envelope=KEYS, key=KEYS)
def test_an_envelope_may_be_any_text(envelope, key):
    assert_encodes(DictionaryChange({key: 1}, [key]), {key: 1}, [key], envelopes=[envelope])


@every_way
def test_a_change_of_every_origin_is_encoded(way):
    updates, removals = {"a": {"deep": [1, None, "é"]}, "b": 2, "both": 3}, ["c", "both"]
    assert_encodes(way(updates, removals), updates, removals)
    assert_encodes(way({}, ["a"]), {}, ["a"])
    assert_encodes(way({"a": 1}, []), {"a": 1}, [])


def test_an_empty_change_is_encoded():
    for change in (DictionaryChange(), Subclass()):
        assert_encodes(change, {}, [])
        assert change.encode(MSGPACK.codec) == b"\x82\xa7updates\x80\xa8removals\x90"
        assert change.encode(JSON.codec) == b'{"updates":{},"removals":[]}'


def test_the_envelope_is_a_map_around_the_message():
    change = DictionaryChange({"a": 1}, ["b"])
    inner = b'{"updates":{"a":1},"removals":["b"]}'
    assert change.encode(ORJSON.codec) == change.encode(ORJSON.codec, None) == inner
    assert change.encode(ORJSON.codec, "state") == b'{"state":' + inner + b"}"
    assert change.encode(codec=ORJSON.codec, envelope="state") == b'{"state":' + inner + b"}"
    assert change.encode(ORJSON.codec, "") == b'{"":' + inner + b"}"
    message = change.encode(MSGPACK.codec, "state")
    assert message == b"\x81\xa5state" + change.encode(MSGPACK.codec)


def test_an_envelope_may_be_of_a_subclass_of_str():
    class Text(str):
        def __str__(self):
            return "other"

        def encode(self, *_args):
            return b"other"

    change = DictionaryChange({"a": 1})
    assert change.encode(ORJSON.codec, Text("state")) == change.encode(ORJSON.codec, "state")


# Sizes


SIZES = [0, 1, 15, 16, 17, 31, 32, 127, 128, 255, 256, 257]
LARGE_SIZES = [65535, 65536]


@pytest.mark.parametrize("size", SIZES + LARGE_SIZES)
def test_messages_of_every_number_of_keys_are_encoded(size):
    updates = {f"u{i}": i % 100 for i in range(size)}
    removals = [f"r{i}" for i in range(size)]
    libraries = LIBRARIES.values() if size < LARGE_SIZES[0] else [ORMSGPACK, ORJSON]
    for way in (by_hand, from_a_view) if size else (by_hand,):
        assert_encodes(way(updates, removals), updates, removals, libraries)


@pytest.mark.parametrize("character", ["k", "é", "\n", "\U0001d11e"])
@pytest.mark.parametrize("size", SIZES + LARGE_SIZES)
def test_keys_of_every_length_are_encoded(size, character):
    key = character * size
    for way in (by_hand, from_a_view):
        assert_encodes(way({key: 1}, [key]), {key: 1}, [key], envelopes=[None, key])


@pytest.mark.parametrize("size", [0, 31, 32, 65535, 65536, 1_000_000])
def test_values_of_every_length_are_encoded(size):
    updates = {"before": 1, "value": "v" * size, "after": 2}
    assert_encodes(from_a_view(updates, []), updates, [])


ODD_KEYS = [
    *("", " ", "\0", "\x01", "\x1f", "\x7f", "\x80", '"', "\\", "/", "'", "\b\t\n\f\r"),
    *(
        "é",
        "\u2028\u2029",
        "\ufeff",
        "\uffff",
        "\U0001d11e",
        "\U0010ffff",
        "a\0b",
        '\\"',
        "\\u0041",
    ),
    *("updates", "removals", "state", "avatar.1", "<script>", "1", "null"),
]


def test_keys_may_be_odd():
    updates = {key: f"value of {key}" for key in ODD_KEYS}
    for way in (by_hand, from_a_view):
        assert_encodes(way(updates, ODD_KEYS), updates, ODD_KEYS)


def test_keys_of_subclasses_of_str_are_encoded_as_their_text():
    class Key(str):
        __slots__ = ()

        def __str__(self):
            return "other"

        __repr__ = __str__

        def __eq__(self, _other):
            return False

        __hash__ = str.__hash__

    for way in (by_hand, from_a_view, by_assigning):
        assert_encodes(way({Key("a"): 1}, [Key("b")]), {"a": 1}, ["b"])


# Order


@every_way
def test_the_updates_keep_their_order(way):
    updates = {f"key {i}": i for i in range(40, 0, -1)}
    change = way(updates, [])
    message = change.encode(ORJSON.codec)
    assert list(ORJSON.unpack(message)["updates"]) == list(change.updates)


@every_library
def test_looking_at_a_change_does_not_alter_its_message(library):
    updates = {f"key {i}": i for i in range(40, 0, -1)}
    removals = [f"removal {i}" for i in range(40)]
    message = from_a_view(updates, removals).encode(library.codec)
    for look in (lambda c: c.updates, lambda c: c.removals, repr, list, lambda c: c.to_dict()):
        change = from_a_view(updates, removals)
        look(change)
        assert change.encode(library.codec) == message


@every_library
def test_encoding_does_not_alter_a_change(library):
    value = [1]
    for way in WAYS:
        change = way({"a": value}, ["b"])
        for _ in range(2):
            change.encode(library.codec)
        assert (change.updates, change.removals) == ({"a": [1]}, {"b"})
        assert (type(change.updates), type(change.removals)) == (dict, set)
    for way in (by_hand, from_a_view, from_a_buffer):
        change = way({"a": value}, ["b"])
        change.encode(library.codec)
        assert change.updates["a"] is value


# There and back


@every_library
def test_what_was_decoded_can_be_encoded_again(library):
    message = DictionaryChange({"a": [1]}, ["b"]).encode(library.codec, "state")
    change = library.codec.decode(message, "state")
    assert change.encode(library.codec, "state") == message
    multi_view = DictionaryChangeMultiView()
    with multi_view.create_view() as view:
        multi_view.update(*change)
        assert view.flush_changed_blocking().encode(library.codec, "state") == message
