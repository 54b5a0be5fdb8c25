"""When a change cannot be encoded, the error says which key it was, and nothing has changed."""

from __future__ import annotations

import re
from contextlib import ExitStack

import msgpack
import pytest

from change_buffers import DictionaryChange, DictionaryChangeBuffer
from change_buffers.codecs import JSONCodec, MessagePackCodec
from encoding import (
    JSON,
    MSGPACK,
    assert_encodes,
    counting_codec,
    decoded,
    every_library,
    once,
)
from helpers import BoomError, flush, pending

MANY = {f"key {i}": i for i in range(5)}


class Failing:
    """A function for values that raises on some of them, as long as it is told to."""

    def __init__(self, error, *values):
        self.error = error
        self.values = values
        self.calls = []

    def __call__(self, value):
        self.calls.append(value)
        if value in self.values:
            raise self.error
        return msgpack.packb(value)


def from_a_view(multi_view, updates, removals=None):
    with multi_view.create_view() as view:
        multi_view.update(updates, removals)
        return view.flush_changed_blocking()


@pytest.fixture(params=["view", "looked at", "touched", "buffer", "by hand"])
def make(request, multi_view):
    """Make a change in one of the ways in which it gets to be encoded."""

    def make(updates, removals=None):
        if request.param == "by hand":
            return DictionaryChange(updates, removals)
        if request.param == "buffer":
            buffer = DictionaryChangeBuffer()
            buffer.update(updates, removals)
            return buffer.flush_changed_blocking()
        change = from_a_view(multi_view, updates, removals)
        if request.param != "view":
            assert change.updates
        if request.param == "touched":
            change.updates["touched"] = 0
            updates["touched"] = 0
        return change

    return make


def raised_by(change, codec, kind=ValueError):
    with pytest.raises(kind) as raised:
        change.encode(codec)
    return raised.value


# The function


def test_an_error_of_the_function_names_the_key_and_is_the_cause(make):
    change = make({"a": 1, "the key": 2, "b": 3}, ["c"])
    cause = BoomError("why")
    error = raised_by(change, MessagePackCodec(Failing(cause, 2)))
    assert type(error) is ValueError
    assert error.__cause__ is cause
    assert "updates['the key'] cannot be encoded" in str(error)
    assert "BoomError: why" in str(error)


@pytest.mark.parametrize("key", ["", "it's", 'a "key"', "a\nb", "\0", "é", "\U0001d11e"])
def test_the_key_is_shown_as_python_shows_it(make, key):
    error = raised_by(make({key: 2}), MessagePackCodec(Failing(BoomError(), 2)))
    assert f"updates[{key!r}]" in str(error)


def test_nothing_has_changed_after_an_error(make, multi_view):
    updates = {"a": 1, "b": 2, "c": 3}
    change = make(updates, ["x"])
    content, function = multi_view.copy_content(), Failing(BoomError(), 2)
    codec = MessagePackCodec(function, msgpack.unpackb)
    for _ in range(3):
        raised_by(change, codec)
    assert (change.updates, change.removals) == (updates, {"x"})
    assert multi_view.copy_content() == content
    assert_encodes(change, updates, ["x"])
    function.values = ()
    assert decoded(change, codec) == (updates, {"x"})


@every_library
def test_a_value_that_the_library_refuses_is_named(make, library):
    change = make({"a": 1, "b": {"deep": [object()]}})
    error = raised_by(change, library.codec)
    assert "updates['b']" in str(error)
    assert isinstance(error.__cause__, TypeError)
    change.updates["b"] = 2
    assert decoded(change, library.codec)[0]["b"] == 2


@every_library
def test_an_integer_that_the_format_has_not_is_named(make, library):
    if library is JSON:
        assert decoded(make({"a": 2**70}), JSON.codec)[0]["a"] == 2**70
    else:
        assert "updates['a']" in str(raised_by(make({"a": 2**70}), library.codec))


def test_the_bytes_of_other_keys_are_kept(multi_view):
    function = Failing(BoomError(), 2)
    codec = MessagePackCodec(function, msgpack.unpackb)
    with ExitStack() as stack:
        views = [stack.enter_context(multi_view.create_view()) for _ in range(3)]
        multi_view.update(MANY)
        changes = [view.flush_changed_blocking() for view in views]
    for change in changes:
        raised_by(change, codec)
    assert function.calls == [0, 1, 2, 2, 2]
    function.calls, function.values = [], ()
    for change in changes:
        assert decoded(change, codec) == (MANY, set())
    assert function.calls == [2, 3, 4]


def test_a_view_can_be_flushed_after_an_error(multi_view, view):
    codec = MessagePackCodec(Failing(BoomError(), 2), msgpack.unpackb)
    multi_view.update({"a": 2})
    raised_by(view.flush_changed_blocking(), codec)
    assert pending(view) == ({}, set())
    multi_view.update({"a": 3})
    assert decoded(view.flush_changed_blocking(), codec) == ({"a": 3}, set())
    multi_view.update({"a": 4}, ["b"])
    assert flush(view) == ({"a": 4}, {"b"})


def test_an_error_with_one_codec_is_none_with_another(multi_view):
    change = from_a_view(multi_view, MANY)
    failing = MessagePackCodec(Failing(BoomError(), 2))
    codec, encoder = counting_codec()
    raised_by(change, failing)
    assert decoded(change, codec) == (MANY, set())
    raised_by(change, failing)
    assert decoded(change, codec) == (MANY, set())
    assert encoder.counts() == once(*MANY.values())


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, GeneratorExit, BaseException])
def test_what_is_no_ordinary_error_comes_through(make, error):
    updates = {"a": 1, "b": 2, "c": 3}
    change, function = make(updates, ["x"]), Failing(error(), 2)
    codec = MessagePackCodec(function, msgpack.unpackb)
    for _ in range(2):
        assert raised_by(change, codec, error) is function.error
    assert (change.updates, change.removals) == (updates, {"x"})
    function.values = ()
    assert decoded(change, codec) == (updates, {"x"})


@pytest.mark.parametrize("result", [None, 5, [b"a"], ("a",), object()])
def test_a_result_that_is_no_bytes_is_an_error_that_names_the_key(make, result):
    for kind in (MessagePackCodec, JSONCodec):
        error = raised_by(make({"the key": 1}), kind(lambda _: result))
        assert "updates['the key']" in str(error)
        assert "bytes" in str(error)
        assert type(result).__name__ in str(error)
        assert isinstance(error.__cause__, TypeError)


def test_message_pack_is_no_text(make):
    error = raised_by(make({"the key": 1}), MessagePackCodec(str))
    assert re.search(r"updates\['the key'\].*must return bytes.*not str", str(error))


def test_a_function_that_takes_no_value_is_an_error_that_names_the_key(make):
    error = raised_by(make({"the key": 1}), MessagePackCodec(lambda: b""))
    assert "updates['the key']" in str(error)
    assert isinstance(error.__cause__, TypeError)


def test_an_error_that_cannot_be_shown_is_no_trouble(make):
    class Shy(Exception):  # noqa: N818
        def __str__(self):
            raise BoomError

    cause = Shy()
    error = raised_by(make({"the key": 2}), MessagePackCodec(Failing(cause, 2)))
    assert "updates['the key']" in str(error)
    assert error.__cause__ is cause


def test_a_value_nested_too_deeply_is_an_error_that_names_the_key(make):
    def nested(value):
        return nested(value)

    for kind in (MessagePackCodec, JSONCodec):
        error = raised_by(make({"the key": 1}), kind(nested))
        assert "updates['the key']" in str(error)
        assert isinstance(error.__cause__, RecursionError)


@every_library
def test_a_value_within_itself_is_an_error_that_names_the_key(make, library):
    value = []
    value.append(value)
    error = raised_by(make({"the key": value}), library.codec)
    assert "updates['the key']" in str(error)
    assert error.__cause__ is not None


# Lone surrogates


LONE = "a\ud800b"


@every_library
def test_a_lone_surrogate_in_an_updated_key_is_named(make, library):
    change = make({"a": 1, LONE: 2})
    error = raised_by(change, library.codec)
    assert type(error) is ValueError
    assert repr(LONE) in str(error)
    assert "updates" in str(error)
    assert "surrogate" in str(error)
    assert isinstance(error.__cause__, UnicodeEncodeError)
    assert change.updates[LONE] == 2


@every_library
def test_a_lone_surrogate_in_a_removed_key_is_named(make, library):
    change = make({"a": 1}, [LONE])
    error = raised_by(change, library.codec)
    assert type(error) is ValueError
    assert repr(LONE) in str(error)
    assert "removals" in str(error)
    assert LONE in change.removals


@every_library
@pytest.mark.parametrize("lone", ["\ud800", "\udc00\ud800", LONE])
def test_a_lone_surrogate_in_the_envelope_is_named(make, library, lone):
    change = make({"a": 1})
    with pytest.raises(ValueError, match="surrogate") as raised:
        change.encode(library.codec, lone)
    assert type(raised.value) is ValueError
    assert repr(lone) in str(raised.value)
    assert "envelope" in str(raised.value)
    assert change.encode(library.codec, "state")


@every_library
@pytest.mark.parametrize("value", [LONE, [LONE], {LONE: 1}], ids=["text", "in a list", "as a key"])
def test_a_lone_surrogate_in_a_value_is_an_error_that_names_the_key(make, library, value):
    error = raised_by(make({"a": 1, "the key": value}), library.codec)
    assert "updates['the key']" in str(error)
    assert error.__cause__ is not None


def test_a_lone_surrogate_costs_only_the_key_that_has_it(multi_view):
    codec, encoder = counting_codec()
    with multi_view.create_view() as first, multi_view.create_view() as second:
        multi_view.update({"a": 1, LONE: 2})
        for view in (first, second):
            change = view.flush_changed_blocking()
            raised_by(change, codec)
            del change.updates[LONE]
            assert decoded(change, codec) == ({"a": 1}, set())
    assert encoder.counts() == once(1)


# Arguments


@pytest.mark.parametrize(
    "codec", [None, "msgpack", msgpack, msgpack.packb, MessagePackCodec, object()]
)
def test_what_is_no_codec_is_a_type_error(make, codec):
    with pytest.raises(TypeError, match="codec must be one of") as raised:
        make({"a": 1}).encode(codec)
    assert type(codec).__name__ in str(raised.value)


@pytest.mark.parametrize("envelope", [5, b"state", ["state"], True, object()])
def test_an_envelope_of_another_type_is_a_type_error(make, envelope):
    message = f"envelope must be a str or None, not {type(envelope).__name__}"
    with pytest.raises(TypeError, match=message):
        make({"a": 1}).encode(MSGPACK.codec, envelope)


def test_arguments_that_are_too_few_or_too_many_are_type_errors(make):
    change = make({"a": 1})
    with pytest.raises(TypeError):
        change.encode()
    with pytest.raises(TypeError):
        change.encode(MSGPACK.codec, "state", 5)
    with pytest.raises(TypeError):
        change.encode(MSGPACK.codec, other=5)


def test_arguments_are_checked_before_anything_is_encoded(make):
    codec, encoder = counting_codec()
    for envelope in (5, LONE):
        with pytest.raises((TypeError, ValueError)):
            make({"a": 1}).encode(codec, envelope)
    assert encoder.calls == []
