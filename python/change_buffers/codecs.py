"""Codecs: changes as bytes and back, each value encoded once however many clients it is sent to.

A codec is a format and a function for values. Keys and what stands around them are written by the
core. Codecs are cheap, immutable and safe to use from any number of threads. What a value is on the
wire is remembered for each codec by itself, so make one and share it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from change_buffers import _core, _packers
from change_buffers._core import PackedValue, unpack_around
from change_buffers._message import change_in

__all__ = ["Codec", "JSONCodec", "MessagePackCodec", "PackedValue", "unpack_around"]

Encoded: TypeAlias = bytes | bytearray
Readable: TypeAlias = bytes | bytearray | memoryview


class Codec(_core.Codec):
    """What both codecs have in common. Make one of these: `MessagePackCodec` or `JSONCodec`."""

    def encode_value(self, value: Any) -> bytes:
        """Encode one value, as it stands in a message.

        Args:
            value: What `update()` takes for a key.

        Raises:
            ValueError: It cannot be encoded; the cause is the error of the codec's function.
        """
        if isinstance(value, PackedValue):
            if self._is_message_pack:
                return bytes(value)
            value = value.value
        try:
            encoded = self._encode_value(value)
        except Exception as error:
            raise ValueError(f"the value cannot be encoded: {error}") from error
        if isinstance(encoded, str):
            encoded = encoded.encode()
        if not isinstance(encoded, bytes | bytearray):
            raise ValueError(
                f"the codec's function must return bytes, not {type(encoded).__name__}"
            )
        return bytes(encoded)

    def decode_value(self, data: Readable) -> Any:
        """Decode one value: the way back from `encode_value()`.

        Args:
            data: What it was encoded to.

        Raises:
            ValueError: It is malformed.
        """
        try:
            return self._decode(bytes(data))
        except Exception as error:
            raise ValueError(f"the value cannot be decoded: {error}") from error

    def decode(self, data: Readable | str, envelope: str | None = None) -> _core.DictionaryChange:
        """Decode a message to a change: the way back from `DictionaryChange.encode()`.

        It is strict: a message has both `updates`, a map, and `removals`, a list, and nothing else.
        For what may lack some of it, there is `DictionaryChange.from_dict()`. Limits of size and
        nesting are those of the library.

        Args:
            data: The message: `bytes`, `bytearray` or `memoryview`; if it is JSON, also `str`.
            envelope: The message is the only entry of a map, under this key, as for `encode()`.

        Raises:
            ValueError: It is not such a message. What the library raises for malformed data becomes
                one, too.
            TypeError: `data` or `envelope` is of another type.
        """
        if not isinstance(data, self._readable):
            names = ", ".join(kind.__name__ for kind in self._readable)
            raise TypeError(f"data must be one of {names}, not {type(data).__name__}")
        if not isinstance(envelope, str | None):
            raise TypeError(f"envelope must be a str or None, not {type(envelope).__name__}")
        try:
            message = self._decode("".join((data,)) if isinstance(data, str) else bytes(data))
        except RecursionError as error:
            raise ValueError("data is nested too deeply") from error
        return change_in(message, envelope)

    _is_message_pack = False
    _readable: tuple[type, ...] = (bytes, bytearray, memoryview)
    _encode_value: Callable[[Any], Any]

    def _decode(self, data: Any) -> object:
        raise NotImplementedError


class MessagePackCodec(Codec):
    """MessagePack, as NanoVer speaks it.

    Args:
        packb: Function from a value to its MessagePack `bytes`, such as `ormsgpack.packb`, or
            `msgpack.packb` with a `default=` of your own. Without one it is that of `ormsgpack`,
            1.9 or newer, or of `msgpack`, whichever is installed, in this order. With either it
            packs what `msgpack` packs.
        unpackb: Function from MessagePack `bytes` to what they stand for, for `decode()`. Without
            one it is that of `msgpack` or, if that is not installed, of `ormsgpack`, which
            ignores what follows a message.

    Raises:
        ImportError: A function was not given, and neither library is installed.
        TypeError: What was given is not a function.
    """

    def __new__(
        cls,
        packb: Callable[[Any], Encoded] | None = None,
        unpackb: Callable[[bytes], Any] | None = None,
    ) -> MessagePackCodec:
        """Make a codec."""
        encode_value = _function("packb", packb) or _packers.message_pack()
        codec = super().__new__(cls, "msgpack", encode_value)
        codec._encode_value = encode_value
        codec._unpackb = _function("unpackb", unpackb)
        return codec

    _is_message_pack = True
    _unpackb: Callable[[bytes], Any] | None

    def _decode(self, data: Any) -> object:
        unpackb = self._unpackb
        if unpackb is None:
            unpackb = self._unpackb = _packers.message_unpack()
        message: object = unpackb(data)
        return message


class JSONCodec(Codec):
    """JSON in UTF-8.

    Args:
        dumps: Function from a value to its JSON, `str` or `bytes`, such as `orjson.dumps`, or
            `json.dumps` with a `default=` of your own. Without one it is that of `orjson`, or if
            that is not installed, of `json`, without white space and needless escapes. NaN and
            infinities are `null` with the first, an error with the second.
        loads: Function from JSON, `bytes` or `str`, to what it stands for, for `decode()`. Without
            one it is that of the same library.

    Raises:
        TypeError: What was given is not a function.
    """

    def __new__(
        cls,
        dumps: Callable[[Any], str | Encoded] | None = None,
        loads: Callable[[bytes | str], Any] | None = None,
    ) -> JSONCodec:
        """Make a codec."""
        encode_value = _function("dumps", dumps) or _packers.json_dumps()
        codec = super().__new__(cls, "json", encode_value)
        codec._encode_value = encode_value
        codec._loads = _function("loads", loads)
        return codec

    _loads: Callable[[bytes | str], Any] | None
    _readable = (*Codec._readable, str)

    def _decode(self, data: Any) -> object:
        loads = self._loads or _packers.json_loads()
        message: object = loads(data)
        return message


def _function(argument: str, given: Any) -> Any:
    if given is not None and not callable(given):
        raise TypeError(f"{argument} must be a function or None, not {type(given).__name__}")
    return given
