"""The two formats on the wire: MessagePack in binary messages, JSON in text."""

from __future__ import annotations

import base64
import json
import logging
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeAlias

import msgpack

from change_buffers import DictionaryChange
from change_buffers.codecs import Codec, JSONCodec, MessagePackCodec, unpack_around

orjson: Any
try:
    import orjson
except ImportError:
    orjson = None

log = logging.getLogger("change_buffers.server")

Default: TypeAlias = Callable[[Any], Any]


class Format(ABC):
    """How messages look on the wire."""

    subprotocol: str
    is_text: bool
    codec: Codec

    @abstractmethod
    def decode(self, data: bytes | str) -> object:
        """Decode what a client has sent, or raise a `ValueError` that says what is wrong."""

    @abstractmethod
    def pack(self, message: Any) -> bytes:
        """Encode a message that is not about the state."""

    @abstractmethod
    def around(self, change: bytes, version: int | None, is_complete: bool) -> bytes:
        """Make the message of an encoded change."""

    def state(self, change: DictionaryChange) -> bytes:
        """Encode a change as a message.

        A value that cannot be encoded, which none from a client is, concerns its key alone: it is
        logged, and for clients the key is not there.
        """
        try:
            encoded = change.encode(self.codec)
        except ValueError:
            self._leave_out(change)
            encoded = change.encode(self.codec)
        return self.around(encoded, change.version, change.is_complete)

    def _leave_out(self, change: DictionaryChange) -> None:
        for key, value in list(change.updates.items()):
            try:
                DictionaryChange({key: value}).encode(self.codec)
            except ValueError as error:
                log.error("a key is left out: %s (%s)", error, error.__cause__)
                del change.updates[key]
                change.removals.add(key)


class MessagePack(Format):
    """NanoVer's format."""

    subprotocol = "change-buffers.msgpack"
    is_text = False

    def __init__(self, default: Default | None = None) -> None:
        packb = None if default is None else partial(msgpack.packb, default=default)
        self.codec = MessagePackCodec(packb)

    def decode(self, data: bytes | str) -> object:
        """Decode a message. Values stay packed, if every client can be sent them as they are."""
        if isinstance(data, str):
            raise ValueError("expected MessagePack in a binary message, found a text message")
        try:
            return unpack_around(data, "state", "updates")
        except ValueError:
            pass  # it is taken all the same, or it is known better what is wrong with it
        try:
            # A time becomes a number, which every client can be sent.
            return msgpack.unpackb(data, ext_hook=_refuse_extension, timestamp=1)
        except msgpack.ExtraData:
            raise ValueError("something follows the message") from None
        except _ExtensionError:
            raise
        except (RecursionError, msgpack.StackError):
            raise ValueError("this is nested too deeply") from None
        except ValueError as error:
            raise ValueError(f"this is not MessagePack: {error}") from None

    def pack(self, message: Any) -> bytes:
        """Encode a message."""
        packed: bytes = msgpack.packb(message)
        return packed

    def around(self, change: bytes, version: int | None, is_complete: bool) -> bytes:
        """Make the message of an encoded change."""
        parts = [b"\x83" if is_complete else b"\x82", b"\xa5state", change]
        parts += [b"\xa7version", msgpack.packb(version)]
        if is_complete:
            parts.append(b"\xa8complete\xc3")
        return b"".join(parts)


class _ExtensionError(ValueError):
    """What is in the message is MessagePack, but more than is taken."""


def _refuse_extension(code: int, data: bytes) -> Any:
    raise _ExtensionError(f"extensions of MessagePack are not taken, found one of type {code}")


class JSON(Format):
    """JSON, for whoever has nothing else at hand.

    Of what MessagePack has and JSON has not, bytes become text in base64, NaN and infinities
    `null`, and keys of maps text.
    """

    subprotocol = "change-buffers.json"
    is_text = True

    def __init__(self, default: Default | None = None) -> None:
        self._default = default
        self._encoder = json.JSONEncoder(
            allow_nan=False, ensure_ascii=False, separators=(",", ":"), default=self._plainer
        )
        self.codec = JSONCodec(self._dumps)

    def decode(self, data: bytes | str) -> object:
        """Decode a message."""
        if not isinstance(data, str):
            raise ValueError("expected JSON in a text message, found a binary message")
        try:
            if orjson is not None:
                return orjson.loads(data)
            return json.loads(data, parse_constant=_refuse_constant)
        except RecursionError:
            raise ValueError("this is nested too deeply") from None
        except ValueError as error:
            raise ValueError(f"this is not JSON: {error}") from None

    def pack(self, message: Any) -> bytes:
        """Encode a message."""
        return self._encoder.encode(message).encode()

    def around(self, change: bytes, version: int | None, is_complete: bool) -> bytes:
        """Make the message of an encoded change."""
        number = b"null" if version is None else b"%d" % version
        end = b',"complete":true}' if is_complete else b"}"
        return b"".join([b'{"state":', change, b',"version":', number, end])

    def _dumps(self, value: Any) -> bytes | str:
        try:
            if orjson is not None:
                encoded: bytes = orjson.dumps(value, default=self._plainer)
                return encoded
            return self._encoder.encode(value)
        except (TypeError, ValueError, RecursionError):
            # Keys that are no text, numbers that are none; or an error of the author's function.
            return self._encoder.encode(_in_json(value))

    def _plainer(self, value: Any) -> Any:
        if isinstance(value, bytes | bytearray | memoryview):
            return base64.b64encode(value).decode()
        if self._default is None:
            raise TypeError(f"cannot encode {type(value).__name__}")
        return self._default(value)


def agreed_subprotocol(offered: Sequence[str]) -> str | None:
    """Choose the first of ours that a client offers; it need not offer any."""
    ours = (MessagePack.subprotocol, JSON.subprotocol)
    return next((subprotocol for subprotocol in ours if subprotocol in offered), None)


def _in_json(value: Any) -> Any:
    """Give the same with what JSON has."""
    if isinstance(value, Mapping):
        return {_key(key): _in_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_in_json(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _key(key: Any) -> Any:
    if isinstance(key, bytes):
        return base64.b64encode(key).decode()
    return None if isinstance(key, float) and not math.isfinite(key) else key


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")
