"""Values that came in MessagePack go out as they came, and are decoded for whoever looks."""

from __future__ import annotations

import gc
import json
import pickle
import threading
import weakref
from contextlib import ExitStack

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

import encoded_stores
from change_buffers import DictionaryChange, DictionaryChangeBuffer, DictionaryChangeMultiView
from change_buffers.codecs import JSONCodec, MessagePackCodec, PackedValue, unpack_around

AVATAR = {"name": "Ada", "position": [0.5, -1, 2.25], "parts": [{"id": 1}, {"id": 2}], "x": None}


def packed(value):
    return PackedValue(msgpack.packb(value))


def never(value):
    raise AssertionError(f"{value!r} was packed again")


NEVER = MessagePackCodec(never)
"""A codec whose function may not be called."""


@pytest.fixture(params=["plain", "encoded"])
def room(request):
    """A multi-view, of which something was encoded before or not."""
    multi_view = DictionaryChangeMultiView()
    if request.param == "encoded":
        encoded_stores.begin(multi_view)
    return multi_view


MANY = {f"key {number}": number for number in range(10)}


@pytest.mark.parametrize("content", [{"a": AVATAR}, {"a": AVATAR, **MANY}], ids=["one", "many"])
def test_whoever_looks_is_given_what_it_stands_for(room, content):
    with room.create_view() as one, room.create_view() as other, room.create_view(["a"]) as some:
        values = {key: packed(value) for key, value in content.items()}
        room.update(values)
        assert room.copy_content() == content
        assert room.copy_content() == content  # of what is kept of the first
        for key, value in values.items():
            assert room.get(key) is value.value
        assert one._pending_changes == content
        for view in (one, other):
            assert view.flush_changed_nowait().updates == content
        assert some.flush_changed_nowait().updates == {"a": AVATAR}
    with room.create_view() as late:
        assert late.flush_changed_nowait().updates == content


@pytest.mark.parametrize("size", [1, 3, 100])
def test_a_buffer_gives_what_it_stands_for(size):
    buffer = DictionaryChangeBuffer()
    buffer.update({f"key {number}": packed([number]) for number in range(size)})
    updates = buffer.flush_changed_nowait().updates
    assert updates == {f"key {number}": [number] for number in range(size)}


def test_views_that_look_one_after_the_other_are_given_it_too():
    """A dictionary that is kept for the next is brought level with each small update."""
    room = DictionaryChangeMultiView()
    with ExitStack() as stack:
        views = [stack.enter_context(room.create_view()) for _ in range(5)]
        expected = {f"key {number}": number for number in range(40)}
        for _ in range(3):
            room.update(expected)
            for number, view in enumerate(views):
                room.update({f"key {number}": packed([number])})
                expected[f"key {number}"] = [number]
                assert view.flush_changed_nowait().updates == expected


def test_a_publisher_and_another_room_give_what_it_stands_for(room):
    with room.create_publisher() as publisher, room.create_view() as view:
        publisher.update({"a": packed(AVATAR)})
        assert view.flush_changed_nowait().updates == {"a": AVATAR}
    copy = DictionaryChangeMultiView()
    with copy.create_view() as view:
        copy.replay({key: packed(value) for key, value in MANY.items()}, version=7)
        assert view.flush_changed_nowait().updates == copy.copy_content() == MANY


def test_the_bytes_go_out_as_they_came(room):
    # The longest way to write 1, and a number in 32 bits.
    data = b"\x82\xa1n\xd3" + (1).to_bytes(8, "big") + b"\xdb\0\0\0\1f\xca\x3f\xc0\0\0"
    with room.create_view() as one, room.create_view() as other:
        room.update({"a": PackedValue(data)})
        for view in (one, other):
            assert data in view.flush_changed_nowait().encode(NEVER)
    assert room.get("a") == {"n": 1, "f": 1.5}


def test_they_do_so_when_somebody_has_looked(room):
    with room.create_view() as one, room.create_view() as other:
        room.update({"a": packed(AVATAR), "b": packed(1)})
        room.update({"c": packed(2)})
        change = one.flush_changed_nowait()
        assert change.updates == {"a": AVATAR, "b": 1, "c": 2}
        message = change.encode(NEVER)
        assert other.flush_changed_nowait().encode(NEVER) == message
        del change.updates["b"]
        decoded = NEVER.decode(change.encode(NEVER)).updates
        assert decoded == {"a": AVATAR, "c": 2}
        change.updates["c"] = 3
        with pytest.raises(ValueError, match=r"updates\['c'\]"):
            change.encode(NEVER)


def test_views_share_one_message_when_somebody_has_looked(room):
    encoded_stores.begin(room)
    with room.create_view() as one, room.create_view() as other:
        room.update({"a": packed(AVATAR)})
        changes = [view.flush_changed_nowait() for view in (one, other)]
        assert changes[0].updates == {"a": AVATAR}
        assert changes[0].encode(NEVER) is changes[1].encode(NEVER)


def test_a_change_of_ones_own_may_have_some():
    change = DictionaryChange({"a": packed(AVATAR)})
    message = change.encode(NEVER, "state")
    assert msgpack.unpackb(message) == {"state": {"updates": {"a": AVATAR}, "removals": []}}
    assert json.loads(change.encode(JSONCodec())) == {"updates": {"a": AVATAR}, "removals": []}


def test_other_formats_are_given_what_it_stands_for(room):
    given_to_codec = []

    def dumps(value):
        given_to_codec.append(value)
        return json.dumps(value)

    value = packed(AVATAR)
    with room.create_view() as one, room.create_view() as other:
        room.update({"a": value})
        codec = JSONCodec(dumps)
        for view in (one, other):
            assert json.loads(view.flush_changed_nowait().encode(codec))["updates"] == {"a": AVATAR}
    assert len(given_to_codec) == 1
    assert given_to_codec[0] is value.value
    assert json.loads(codec.encode_value(value)) == AVATAR


def test_a_codec_encodes_one_as_it_is():
    value = packed(AVATAR)
    assert NEVER.encode_value(value) == bytes(value)


def test_one_under_two_keys_has_the_name_of_each(room):
    value = packed(AVATAR)
    with room.create_view() as view:
        room.update({"a": value})
        assert NEVER.decode(view.flush_changed_nowait().encode(NEVER)).updates == {"a": AVATAR}
        room.update({"b": value})
        assert NEVER.decode(view.flush_changed_nowait().encode(NEVER)).updates == {"b": AVATAR}


def test_what_it_says_of_itself():
    value = packed(AVATAR)
    assert bytes(value) == msgpack.packb(AVATAR)
    assert len(value) == len(bytes(value))
    assert (value.entries, value.depth) == (4 + 3 + 2 + 1 + 1, 3)
    assert (packed(1).entries, packed(1).depth) == (0, 0)
    assert (packed([]).entries, packed([]).depth) == (0, 1)
    assert repr(value) == f"<PackedValue of {len(value)} bytes>"
    assert value.value == AVATAR
    assert value.value is value.value


def test_it_can_be_pickled():
    again = pickle.loads(pickle.dumps(packed(AVATAR)))
    assert type(again) is PackedValue
    assert again.value == AVATAR


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "it ends too early"),
        (b"\x92\x01", "it ends too early"),
        (b"\xdd\xff\xff\xff\xff", "it ends too early"),
        (b"\x01\x02", "something follows"),
        (b"\xc1", "nothing begins with the byte 0xc1"),
        (b"\xa1\xff", "a text is not UTF-8"),
        (b"\xd4\x05\x00", "it has an extension"),
        (msgpack.packb(msgpack.Timestamp(5, 0)), "it has an extension"),
        (b"\x81\x01\x02", "a key of a map is no text"),
        (b"\x82\xa1x\x01\xa1x\x02", "a map has a key twice"),
        (b"\x91" * 64 + b"\x90", "more than 64 lists and maps are in each other"),
    ],
)
def test_what_cannot_be_passed_on_is_refused(data, why):
    with pytest.raises(ValueError, match="data is not MessagePack that can be passed on: " + why):
        PackedValue(data)
    message = b"\x81\xa1a" + data
    with pytest.raises(ValueError, match=why):
        unpack_around(message)
    with pytest.raises(ValueError, match=why):
        unpack_around(message, "elsewhere")


@pytest.mark.parametrize("path", [(), ("a",), ("a", "b"), ("a", "b", "c"), ("x",)])
def test_a_key_that_comes_twice_is_found_wherever_it_is(path):
    inner, twice = b"\x81\xa1c\x01", b"\x82\xa1c\x01\xa1c\x02"
    assert looked_at(unpack_around(b"\x81\xa1a\x81\xa1b" + inner, *path)) == {"a": {"b": {"c": 1}}}
    for data in (
        b"\x81\xa1a\x81\xa1b" + twice,
        b"\x81\xa1a\x82\xa1b\x01\xa1b" + inner,
        b"\x82\xa1a\x01\xa1a\x81\xa1b" + inner,
    ):
        with pytest.raises(ValueError, match="a map has a key twice"):
            unpack_around(data, *path)


@pytest.mark.parametrize("data", [None, "text", bytearray(b"\x01"), [1]])
def test_what_is_not_bytes_is_refused(data):
    with pytest.raises(TypeError, match="data"):
        PackedValue(data)
    with pytest.raises(TypeError, match="data"):
        unpack_around(data)


def test_a_path_is_of_texts_and_not_endless():
    with pytest.raises(TypeError, match="path must be keys, each a str, not int"):
        unpack_around(b"\x80", "a", 1)
    deep = ["a"] * 65
    with pytest.raises(ValueError, match="path has more than 64 keys"):
        unpack_around(b"\x81\xa1a" * 65 + b"\x80", *deep)
    value = unpack_around(b"\x81\xa1a" * 65 + b"\x80", *deep[:64])
    for _ in range(64):
        value = value["a"]
    assert bytes(value["a"]) == b"\x80"


def test_it_cannot_be_subclassed():
    with pytest.raises(TypeError, match="PackedValue"):
        type("Sub", (PackedValue,), {})


NUMBERS = st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False)
LEAVES = st.none() | st.booleans() | NUMBERS | st.text() | st.binary()
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20
)


def looked_at(message):
    """What stands for a message once all is looked at."""
    if type(message) is PackedValue:
        return message.value
    if type(message) is dict:
        return {key: looked_at(value) for key, value in message.items()}
    return message


@given(
    updates=st.dictionaries(st.text(), VALUES),
    removals=st.lists(st.text()),
    more=st.dictionaries(st.text(min_size=6), VALUES),
)
def test_a_message_is_decoded_around_its_values(updates, removals, more):
    message = {"state": {"updates": updates, "removals": removals}, **more}
    found = unpack_around(msgpack.packb(message), "state", "updates")
    assert looked_at(found) == message
    assert list(found) == list(message)
    for key, value in found["state"]["updates"].items():
        assert type(value) is PackedValue
        assert bytes(value) == msgpack.packb(updates[key])
        assert [type(item) for item in _leaves(value.value)] == [
            type(item) for item in _leaves(updates[key])
        ]


def _leaves(value):
    if isinstance(value, dict):
        return [leaf for item in value.items() for leaf in _leaves(list(item))]
    if isinstance(value, list):
        return [leaf for item in value for leaf in _leaves(item)]
    return [value]


@given(VALUES)
def test_what_is_no_map_at_the_path_is_decoded(value):
    message = {"state": [value], "other": value}
    assert unpack_around(msgpack.packb(message), "state", "updates") == message
    assert looked_at(unpack_around(msgpack.packb(value), "state", "updates")) == value


@given(st.binary(max_size=60))
def test_what_is_taken_is_what_msgpack_takes(data):
    try:
        found = unpack_around(data, "state")
    except ValueError:
        return
    expected = msgpack.unpackb(data)
    assert repr(looked_at(found)) == repr(expected)  # NaN is not equal to itself


def test_threads_that_look_at_once_are_given_the_same():
    for _ in range(50):
        value, seen = packed([AVATAR] * 20), []
        barrier = threading.Barrier(4)

        def look(value=value, seen=seen, barrier=barrier):
            barrier.wait()
            seen.append(value.value)

        threads = [threading.Thread(target=look) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(seen) == 4
        assert all(item is seen[0] for item in seen)


def test_a_cycle_through_what_it_stands_for_is_collected():
    class Canary:
        pass

    canary = Canary()
    alive = weakref.ref(canary)
    room = DictionaryChangeMultiView()
    encoded_stores.begin(room)
    room.update({"a": packed({})})
    room.get("a").update(canary=canary, room=room)
    del canary, room
    gc.collect()
    assert alive() is None
