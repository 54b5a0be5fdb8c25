"""`decode()` is strict: it takes messages and nothing else, and says where it is none."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from change_buffers import DictionaryChange
from change_buffers.codecs import JSONCodec, MessagePackCodec
from encoding import (
    JSON,
    LIBRARIES,
    MSGPACK,
    ORJSON,
    ORMSGPACK,
    REMOVALS,
    UPDATES,
    VALUES,
    every_library,
)
from helpers import BoomError

MESSAGE = {"updates": {"a": 1}, "removals": ["b"]}


def refused(library, value, envelope=None):
    """Give what is said about a message that is none."""
    with pytest.raises(ValueError, match="message") as raised:
        library.codec.decode(library.pack(value), envelope)
    assert type(raised.value) is ValueError
    return str(raised.value)


def assert_refused(library, data, envelope=None):
    """Assert that malformed data is a ValueError, whatever the library may say about it."""
    with pytest.raises(ValueError):  # noqa: PT011
        library.codec.decode(data, envelope)


# What is a message


@given(updates=UPDATES, removals=REMOVALS, envelope=st.none() | st.text())
@settings(max_examples=50)
def test_what_a_plain_library_packs_is_decoded(updates, removals, envelope):
    message = {"updates": updates, "removals": removals}
    for library in LIBRARIES.values():
        data = library.pack(message if envelope is None else {envelope: message})
        change = library.codec.decode(data, envelope)
        assert (change.updates, change.removals) == (updates, set(removals))


@every_library
def test_the_entries_may_come_in_any_order_and_removals_twice(library):
    change = library.codec.decode(library.pack({"removals": ["b", "b"], "updates": {}}))
    assert (change.updates, change.removals) == ({}, {"b"})


@every_library
def test_a_decoded_change_is_an_ordinary_one(library):
    data = library.pack(MESSAGE)
    first, second = library.codec.decode(data), library.codec.decode(data)
    assert type(first) is DictionaryChange
    first.updates["c"] = 1
    first.removals.add("d")
    assert (second.updates, second.removals) == ({"a": 1}, {"b"})


@every_library
@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_data_may_be_any_bytes(library, kind):
    data = kind(library.pack(MESSAGE))
    change = library.codec.decode(data)
    assert (change.updates, change.removals) == ({"a": 1}, {"b"})
    assert library.codec.decode(data=data, envelope=None).updates == {"a": 1}


@every_library
def test_data_may_be_part_of_something(library):
    packed = library.pack({"state": MESSAGE})
    apart = bytes(byte for pair in zip(packed, packed, strict=True) for byte in pair)
    for data in (memoryview(b"xx" + packed + b"x")[2:-1], memoryview(apart)[::2]):
        assert library.codec.decode(data, "state").updates == {"a": 1}


@every_library
def test_data_may_be_of_a_subclass_of_bytes(library):
    class Frame(bytes):
        """As a web server might hand it out."""

    assert library.codec.decode(Frame(library.pack(MESSAGE))).updates == {"a": 1}


@pytest.mark.parametrize("library", [ORJSON, JSON], ids=["orjson", "json"])
def test_json_may_be_text(library):
    class Text(str):
        """As a web server might hand it out."""

    text = json.dumps({**MESSAGE, "updates": {"é": 1}}, ensure_ascii=False)
    assert library.codec.decode(text).updates == {"é": 1}
    assert library.codec.decode(Text(text)).updates == {"é": 1}


def test_the_function_gets_bytes_or_text():
    given = []

    def loads(data):
        given.append(type(data))
        return MESSAGE

    packed = MSGPACK.pack(MESSAGE)
    for data in (packed, bytearray(packed), memoryview(packed)):
        MessagePackCodec(unpackb=loads).decode(data)
        JSONCodec(loads=loads).decode(data)
    JSONCodec(loads=loads).decode("")
    assert given == [bytes] * 6 + [str]


def test_a_list_may_be_a_tuple():
    codec = MessagePackCodec(unpackb=lambda _: {"updates": {}, "removals": ("a", "b")})
    assert codec.decode(b"").removals == {"a", "b"}


# What is none


@every_library
@pytest.mark.parametrize(
    ("value", "found"),
    [(None, "NoneType"), ([], "list"), ([MESSAGE], "list"), ("text", "str"), (5, "int")],
)
def test_a_message_is_a_map(library, value, found):
    assert refused(library, value) == f"message: expected a map, found {found}"
    assert refused(library, value, "state") == f"message: expected a map, found {found}"
    said = refused(library, {"state": value}, "state")
    assert said == f"message['state']: expected a map, found {found}"


@every_library
@pytest.mark.parametrize("missing", ["updates", "removals"])
def test_a_message_has_both_parts(library, missing):
    message = {name: part for name, part in MESSAGE.items() if name != missing}
    assert refused(library, message) == f"message: '{missing}' is missing"
    said = refused(library, {"state": message}, "state")
    assert said == f"message['state']: '{missing}' is missing"


@every_library
def test_a_message_has_nothing_else(library):
    for other in ("state", "", "Updates"):
        said = refused(library, {**MESSAGE, other: 1})
        assert said.startswith("message: expected 'updates' and 'removals' and nothing else")
        assert repr(other) in said
    said = refused(library, {"state": MESSAGE, "other": 1}, "state")
    assert said == "message: expected 'state' and nothing else, found 'other'"


@every_library
def test_the_envelope_must_be_there_if_it_is_expected(library):
    assert refused(library, MESSAGE, "state") == "message: 'state' is missing"
    assert refused(library, {"other": MESSAGE}, "state") == "message: 'state' is missing"
    assert refused(library, {"state": MESSAGE}, "\ud800").startswith("message: '\\ud800'")


@every_library
def test_an_envelope_that_is_not_expected_is_refused(library):
    assert refused(library, {"state": MESSAGE}) == "message: 'updates' is missing"


@every_library
@pytest.mark.parametrize(
    ("part", "value", "expected"),
    [
        ("updates", None, "a map, found NoneType"),
        ("updates", [], "a map, found list"),
        ("updates", [["a", 1]], "a map, found list"),
        ("updates", "text", "a map, found str"),
        ("removals", None, "a list, found NoneType"),
        ("removals", {}, "a list, found dict"),
        ("removals", {"a": 1}, "a list, found dict"),
        ("removals", "text", "a list, found str"),
        ("removals", 5, "a list, found int"),
    ],
)
def test_a_part_of_another_kind_is_refused(library, part, value, expected):
    message = {**MESSAGE, part: value}
    assert refused(library, message) == f"message['{part}']: expected {expected}"
    said = refused(library, {"state": message}, "state")
    assert said == f"message['state']['{part}']: expected {expected}"


@every_library
@pytest.mark.parametrize(("key", "name"), [(5, "int"), (None, "NoneType"), (["a"], "list")])
def test_removals_are_text(library, key, name):
    said = refused(library, {**MESSAGE, "removals": ["a", key]})
    assert said == f"message: removals: keys must be str, not {name}"


def test_keys_are_text():
    for key in (5, b"a", None):
        message = {"updates": {"a": 1, key: 2}, "removals": []}
        codec = MessagePackCodec(unpackb=lambda _, message=message: message)
        with pytest.raises(ValueError, match=f"message: updates: .*{type(key).__name__}"):
            codec.decode(b"")
        for library in (MSGPACK, ORMSGPACK):
            assert_refused(library, MSGPACK.pack(message))
        codec = MessagePackCodec(unpackb=lambda _, key=key: {**MESSAGE, key: 1})
        with pytest.raises(ValueError, match=f"nothing else, found {key!r}"):
            codec.decode(b"")


@every_library
def test_malformed_data_is_a_value_error(library):
    packed = library.pack({"state": MESSAGE})
    bad = [b"", b"\xc1", b"\xff", b"\x00\x01", packed[:-1], packed[1:]]
    for data in (*bad, *(packed[:end] for end in range(len(packed)))):
        assert_refused(library, data, "state")


@pytest.mark.parametrize("codec", [MessagePackCodec(), JSONCodec()])
def test_data_behind_a_message_is_refused(codec):
    packed = DictionaryChange({"a": 1}).encode(codec)
    for more in (packed, b"\x01", b"1", b"\xc1"):
        with pytest.raises(
            ValueError, match=r"(?i)extra|trailing|unexpected|not valid|can't decode"
        ):
            codec.decode(packed + more)


@every_library
@settings(max_examples=100)
@given(data=st.binary(max_size=60), envelope=st.none() | st.just("state"))
def test_any_bytes_are_a_message_or_a_value_error(library, data, envelope):
    try:
        change = library.codec.decode(data, envelope)
    except ValueError:
        return
    assert type(change) is DictionaryChange


@every_library
@settings(max_examples=50)
@given(value=st.dictionaries(st.sampled_from(["updates", "removals", "state"]), VALUES) | VALUES)
def test_any_value_is_a_message_or_a_value_error(library, value):
    data = library.pack(value)
    try:
        updates, removals = library.codec.decode(data)
    except ValueError:
        assert refused(library, value).startswith("message")
    else:
        assert (updates, removals) == (value["updates"], set(value["removals"]))


@every_library
def test_data_nested_too_deeply_is_a_value_error(library):
    for depth in (500, 3000, 100_000):
        nest = b"[" * depth + b"]" * depth
        data = b'{"updates":{"a":' + nest + b'},"removals":[]}'
        if library in (MSGPACK, ORMSGPACK):
            data = b"\x82\xa7updates\x81\xa1a" + b"\x91" * depth + b"\x90\xa8removals\x90"
        try:
            change = library.codec.decode(data)
        except ValueError:
            continue
        assert depth < 100_000
        assert len(change.updates["a"]) == 1


def test_a_recursion_error_of_the_function_is_a_value_error():
    def loads(data):
        return loads(data)

    for codec in (MessagePackCodec(unpackb=loads), JSONCodec(loads=loads)):
        with pytest.raises(ValueError, match="nested too deeply") as raised:
            codec.decode(b"")
        assert isinstance(raised.value.__cause__, RecursionError)


@every_library
@pytest.mark.parametrize("data", [None, 5, [1], {"updates": {}, "removals": []}, 1.5])
def test_data_of_another_type_is_a_type_error(library, data):
    with pytest.raises(TypeError, match=f"data must be .*bytes.* not {type(data).__name__}"):
        library.codec.decode(data)


def test_message_pack_is_no_text():
    with pytest.raises(TypeError, match="not str"):
        MSGPACK.codec.decode("text")


@every_library
@pytest.mark.parametrize("envelope", [5, b"state", ["state"], True])
def test_an_envelope_of_another_type_is_a_type_error(library, envelope):
    message = f"envelope must be a str or None, not {type(envelope).__name__}"
    with pytest.raises(TypeError, match=message):
        library.codec.decode(library.pack({"state": MESSAGE}), envelope)


@pytest.mark.parametrize("error", [BoomError, KeyboardInterrupt, SystemExit, MemoryError])
def test_other_errors_of_the_function_come_through(error):
    def loads(_data):
        raise error

    for codec in (MessagePackCodec(unpackb=loads), JSONCodec(loads=loads)):
        with pytest.raises(error):
            codec.decode(b"")
