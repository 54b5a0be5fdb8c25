"""Single values as bytes, for those who keep or send them by themselves."""

from __future__ import annotations

import pytest

from change_buffers import DictionaryChange
from change_buffers.codecs import JSONCodec, MessagePackCodec


@pytest.mark.parametrize("codec", [MessagePackCodec(), JSONCodec()], ids=["msgpack", "json"])
def test_a_value_comes_back(codec):
    for value in [None, True, 1, 2.5, "text", [1, [2]], {"a": {"b": None}}]:
        encoded = codec.encode_value(value)
        assert type(encoded) is bytes
        assert codec.decode_value(encoded) == value
        assert codec.decode_value(memoryview(encoded)) == value
        assert encoded in DictionaryChange({"k": value}).encode(codec)


@pytest.mark.parametrize("codec", [MessagePackCodec(), JSONCodec()], ids=["msgpack", "json"])
def test_what_is_none_is_an_error(codec):
    with pytest.raises(ValueError, match="the value cannot be encoded") as caught:
        codec.encode_value({1, 2})
    assert caught.value.__cause__ is not None
    for data in [b"", b"\xc1", codec.encode_value(1) + b"]]"]:
        with pytest.raises(ValueError, match="the value cannot be decoded"):
            codec.decode_value(data)


def test_a_function_that_gives_no_bytes_is_named():
    codec = MessagePackCodec(lambda value: value)
    with pytest.raises(ValueError, match="the codec's function must return bytes, not int"):
        codec.encode_value(1)
    assert MessagePackCodec(bytearray).encode_value(b"a") == b"a"
    assert JSONCodec(str).encode_value(1) == b"1"
