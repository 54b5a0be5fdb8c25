"""Codecs: what they can be made of, which library they take, and what that may go wrong with."""

from __future__ import annotations

import gc
import json
import sys
import weakref
from types import SimpleNamespace

import msgpack
import pytest

from change_buffers import DictionaryChange
from change_buffers.codecs import Codec, JSONCodec, MessagePackCodec
from encoding import MISSING, MSGPACK, assert_encodes, decoded
from helpers import run_child

CODECS = [MessagePackCodec, JSONCodec]
every_codec = pytest.mark.parametrize("kind", CODECS)

EXAMPLE = {"a": ["é", 1], "b": None}


@pytest.fixture
def without(monkeypatch):
    """Have libraries not be installed."""

    def without(*names):
        for name in names:
            monkeypatch.setitem(sys.modules, name, None)

    return without


# Which library


@every_codec
def test_a_codec_needs_no_arguments(kind):
    codec = kind()
    assert isinstance(codec, Codec)
    assert decoded(DictionaryChange(EXAMPLE, ["c"]), codec) == (EXAMPLE, {"c"})
    assert decoded(DictionaryChange(EXAMPLE, ["c"]), kind(None, None)) == (EXAMPLE, {"c"})


class Used(Exception):  # noqa: N818
    """Says which library was used."""


def using(name):
    def use(*_args, **_kwargs):
        raise Used(name)

    return use


def library_for_encoding(codec):
    with pytest.raises(ValueError, match="cannot be encoded") as raised:
        DictionaryChange(EXAMPLE).encode(codec)
    assert isinstance(raised.value.__cause__, Used)
    return str(raised.value.__cause__)


def library_for_decoding(codec):
    with pytest.raises(Used) as raised:
        codec.decode(b"")
    return str(raised.value)


OPTIONS = {
    f"OPT_{name}": 0
    for name in (
        "NON_STR_KEYS",
        "PASSTHROUGH_DATACLASS",
        "PASSTHROUGH_DATETIME",
        "PASSTHROUGH_ENUM",
        "PASSTHROUGH_UUID",
    )
}


@pytest.fixture
def marked_libraries(monkeypatch):
    """In the place of each library, one that raises its name."""
    for library in ("ormsgpack", "msgpack", "orjson"):
        names = ("packb", "unpackb", "dumps", "loads")
        functions = dict.fromkeys(names, using(library))
        monkeypatch.setitem(sys.modules, library, SimpleNamespace(**functions, **OPTIONS))
    monkeypatch.setattr(json, "JSONEncoder", lambda **_: SimpleNamespace(encode=using("json")))
    monkeypatch.setattr(json, "loads", using("json"))


@pytest.mark.usefixtures("marked_libraries")
def test_message_pack_is_packed_by_ormsgpack_or_else_by_msgpack(without):
    assert library_for_encoding(MessagePackCodec()) == "ormsgpack"
    without("ormsgpack")
    assert library_for_encoding(MessagePackCodec()) == "msgpack"


@pytest.mark.usefixtures("marked_libraries")
def test_an_ormsgpack_that_is_too_old_does_not_pack(without, monkeypatch):
    monkeypatch.delattr(sys.modules["ormsgpack"], "OPT_PASSTHROUGH_ENUM")
    assert library_for_encoding(MessagePackCodec()) == "msgpack"
    without("msgpack")
    with pytest.raises(ImportError, match=r"install msgpack or ormsgpack 1\.9"):
        MessagePackCodec()


@pytest.mark.usefixtures("marked_libraries")
def test_message_pack_is_unpacked_by_msgpack_which_is_stricter_or_else_by_ormsgpack(without):
    assert library_for_decoding(MessagePackCodec()) == "msgpack"
    without("msgpack")
    assert library_for_decoding(MessagePackCodec()) == "ormsgpack"


@pytest.mark.usefixtures("marked_libraries")
def test_json_is_that_of_orjson_or_else_of_json(without):
    codec = JSONCodec()
    assert library_for_encoding(codec) == library_for_decoding(codec) == "orjson"
    without("orjson")
    codec = JSONCodec()
    assert library_for_encoding(codec) == library_for_decoding(codec) == "json"


@pytest.mark.parametrize("missing", ["ormsgpack", "msgpack", "orjson"])
def test_messages_come_back_whichever_library_is_missing(without, missing):
    without(missing)
    packers = {"ormsgpack", "msgpack"} - {missing, *MISSING}
    for kind in CODECS if packers else [JSONCodec]:
        assert decoded(DictionaryChange(EXAMPLE, ["c"]), kind()) == (EXAMPLE, {"c"})


def test_json_without_orjson_has_neither_white_space_nor_needless_escapes(without):
    without("orjson")
    message = DictionaryChange(EXAMPLE, ["ü"]).encode(JSONCodec())
    assert message == '{"updates":{"a":["é",1],"b":null},"removals":["ü"]}'.encode()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_json_without_orjson_has_no_numbers_that_browsers_refuse(without, value):
    without("orjson")
    codec = JSONCodec()
    change = DictionaryChange({"fine": 1, "e": {"deep": [value]}})
    with pytest.raises(ValueError, match=r"updates\['e'\] cannot be encoded: ValueError"):
        change.encode(codec)
    with pytest.raises(ValueError, match="NaN is not JSON"):
        codec.decode(b'{"updates":{"e":NaN},"removals":[]}')


def test_an_import_error_says_what_to_install(without):
    without("ormsgpack", "msgpack")
    for arguments in [{}, {"packb": None}, {"unpackb": msgpack.unpackb}]:
        with pytest.raises(ImportError, match=r"install msgpack or ormsgpack.*packb"):
            MessagePackCodec(**arguments)
    assert DictionaryChange(EXAMPLE).encode(JSONCodec())


def test_who_brings_both_functions_needs_no_library(without):
    packb, unpackb = msgpack.packb, msgpack.unpackb
    without("ormsgpack", "msgpack", "orjson")
    codec = MessagePackCodec(packb, unpackb)
    assert decoded(DictionaryChange(EXAMPLE, ["c"]), codec) == (EXAMPLE, {"c"})
    codec = MessagePackCodec(packb)
    message = DictionaryChange(EXAMPLE).encode(codec)
    with pytest.raises(ImportError, match="install msgpack or ormsgpack"):
        codec.decode(message)


def test_a_library_is_imported_when_a_codec_is_made_and_not_before():
    run_child(
        """
        import sys
        import change_buffers
        assert "change_buffers.codecs" not in sys.modules
        from change_buffers.codecs import *
        libraries = {"msgpack", "ormsgpack", "orjson"}
        assert not libraries & set(sys.modules), libraries & set(sys.modules)
        JSONCodec(repr, eval)
        MessagePackCodec(repr, eval)
        assert not libraries & set(sys.modules), libraries & set(sys.modules)
        JSONCodec()
        assert libraries & set(sys.modules) <= {"orjson"}
        MessagePackCodec()
        assert libraries & set(sys.modules) <= {"orjson", "ormsgpack", "msgpack"}
        assert not {"ormsgpack", "msgpack"} <= set(sys.modules)
        """
    )


# Functions of one's own


def test_functions_may_be_given_by_position_or_name():
    def pack(value):
        return msgpack.packb([value])

    def unpack(data):
        message = msgpack.unpackb(data)
        return {"updates": {"unpacked": message["updates"]}, "removals": []}

    for codec in (MessagePackCodec(pack, unpack), MessagePackCodec(unpackb=unpack, packb=pack)):
        assert decoded(DictionaryChange({"a": 1}), codec) == ({"unpacked": {"a": [1]}}, set())
    codec = JSONCodec(loads=json.loads, dumps=lambda value: json.dumps([value]))
    assert decoded(DictionaryChange({"a": 1}), codec) == ({"a": [1]}, set())


def test_a_function_with_a_default_of_its_own_encodes_any_type():
    codec = MessagePackCodec(lambda value: msgpack.packb(value, default=sorted))
    assert decoded(DictionaryChange({"a": {1, 2}}), codec) == ({"a": [1, 2]}, set())
    codec = JSONCodec(lambda value: json.dumps(value, default=sorted))
    assert decoded(DictionaryChange({"a": {1, 2}}), codec) == ({"a": [1, 2]}, set())


@pytest.mark.parametrize("result", [b"[1]", bytearray(b"[1]"), "[1]"])
def test_a_function_for_json_may_return_any_bytes_or_text(result):
    codec = JSONCodec(lambda _: result)
    assert DictionaryChange({"a": 1}).encode(codec) == b'{"updates":{"a":[1]},"removals":[]}'


@pytest.mark.parametrize("result", [b"\x91\x01", bytearray(b"\x91\x01")])
def test_a_function_for_message_pack_may_return_any_bytes(result):
    codec = MessagePackCodec(lambda _: result)
    assert DictionaryChange({"a": 1}).encode(codec) == MSGPACK.pack(
        {"updates": {"a": [1]}, "removals": []}
    )


def test_results_may_be_of_subclasses():
    class Bytes(bytes):
        def __bytes__(self):
            return b"other"

    class Text(str):
        def __str__(self):
            return "other"

    class Buffer(bytearray):
        pass

    expected = b'{"updates":{"a":[1]},"removals":[]}'
    for result in (Bytes(b"[1]"), Text("[1]"), Buffer(b"[1]")):
        assert DictionaryChange({"a": 1}).encode(JSONCodec(lambda _, r=result: r)) == expected


def test_a_result_that_is_changed_later_does_not_alter_a_message(multi_view):
    buffer = bytearray(b"[1]")
    codec = JSONCodec(lambda _: buffer)
    expected = b'{"updates":{"a":[1]},"removals":[]}'
    multi_view.update({"a": 1})
    for _ in range(2):
        with multi_view.create_view() as view:
            assert view.flush_changed_blocking().encode(codec) == expected
        buffer[:] = b"other"


@every_codec
@pytest.mark.parametrize("argument", [0, 1])
@pytest.mark.parametrize("value", [5, "packb", b"", ["list"], False])
def test_what_is_no_function_is_a_type_error(kind, argument, value):
    name = {MessagePackCodec: ("packb", "unpackb"), JSONCodec: ("dumps", "loads")}[kind][argument]
    message = f"{name} must be a function or None, not {type(value).__name__}"
    with pytest.raises(TypeError, match=message):
        kind(**{name: value})
    with pytest.raises(TypeError):
        kind(None, None, None)
    with pytest.raises(TypeError):
        kind(other=json.dumps)


def test_a_codec_of_an_unknown_format_is_refused():
    with pytest.raises(ValueError, match="xml"):
        Codec("xml", repr)
    with pytest.raises(TypeError, match="function"):
        Codec("json", 5)


# Ordinary objects


@every_codec
def test_a_subclass_is_a_codec(kind):
    class Labelled(kind):
        """A subclass with an attribute."""

    codec = Labelled(None)
    codec.label = "label"
    assert decoded(DictionaryChange(EXAMPLE), codec) == (EXAMPLE, set())


@every_codec
def test_codecs_are_equal_only_to_themselves_and_hashable(kind):
    first, second = kind(repr), kind(repr)
    assert first == first
    assert first != second
    assert len({first, second, first}) == 2


@every_codec
def test_a_dropped_codec_is_released_at_once(kind, multi_view):
    class Function:
        def __call__(self, value):
            return b"1"

    function = Function()
    codec = kind(function)
    references = [weakref.ref(codec), weakref.ref(function)]
    del function
    multi_view.update({"a": 1, "b": 2})
    with multi_view.create_view() as first, multi_view.create_view() as second:
        changes = [view.flush_changed_blocking() for view in (first, second)]
        changes.append(DictionaryChange({"a": 1}))
        for change in changes:
            change.encode(codec)
        gc.disable()
        try:
            del codec
            assert [reference() for reference in references] == [None, None]
        finally:
            gc.enable()
        assert_encodes(changes[0], {"a": 1, "b": 2}, [])
