"""What the tests of encoding share: libraries, encoders that count, and what a message must be."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from importlib import import_module
from typing import Any, NamedTuple

import msgpack
import pytest
from hypothesis import strategies as st

from change_buffers import DictionaryChange
from change_buffers.codecs import Codec, JSONCodec, MessagePackCodec
from helpers import run_child


class Library(NamedTuple):
    """A library that writes one of the formats, and a codec that uses it for the values."""

    pack: Callable[[Any], bytes]
    unpack: Callable[[bytes], Any]
    codec: Codec


_dumps = partial(json.dumps, separators=(",", ":"), ensure_ascii=False)

MSGPACK = Library(msgpack.packb, msgpack.unpackb, MessagePackCodec(msgpack.packb, msgpack.unpackb))
JSON = Library(lambda value: _dumps(value).encode(), json.loads, JSONCodec(_dumps, json.loads))

LIBRARIES = {"msgpack": MSGPACK, "json": JSON}
MISSING = []
"""Not every library is to be had for every interpreter. The first lines of a run name these."""

try:
    ormsgpack = import_module("ormsgpack")
except ImportError:
    MISSING.append("ormsgpack")
else:
    packb, unpackb = ormsgpack.packb, ormsgpack.unpackb
    LIBRARIES["ormsgpack"] = Library(packb, unpackb, MessagePackCodec(packb, unpackb))
try:
    orjson = import_module("orjson")
except ImportError:
    MISSING.append("orjson")
else:
    dumps, loads = orjson.dumps, orjson.loads
    LIBRARIES["orjson"] = Library(dumps, loads, JSONCodec(dumps, loads))

ORMSGPACK = LIBRARIES.get("ormsgpack", MSGPACK)
ORJSON = LIBRARIES.get("orjson", JSON)

every_library = pytest.mark.parametrize("library", LIBRARIES.values(), ids=LIBRARIES.keys())

ENVELOPES = [None, "state"]


# What hypothesis draws

KEYS = st.text(max_size=40)
REMOVALS = st.lists(KEYS, max_size=5, unique=True)

_LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
)


def _nested(leaves: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    def extend(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        return st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4)

    return st.recursive(leaves, extend, max_leaves=8)


VALUES = _nested(_LEAVES)
BINARY_VALUES = _nested(_LEAVES | st.binary(max_size=20) | st.floats(allow_nan=False))
UPDATES = st.dictionaries(KEYS, VALUES, max_size=5)
BINARY_UPDATES = st.dictionaries(KEYS, BINARY_VALUES, max_size=5)


# What a message must be


def assert_encodes(
    change: DictionaryChange,
    updates: Mapping[str, Any],
    removals: Iterable[str],
    libraries: Iterable[Library] = LIBRARIES.values(),
    envelopes: Iterable[str | None] = ENVELOPES,
) -> None:
    """Assert that the messages of a change are those that plain libraries make, and come back."""
    orders = []
    for library in libraries:
        for envelope in envelopes:
            message = change.encode(library.codec, envelope)
            assert type(message) is bytes
            decoded = library.codec.decode(message, envelope)
            assert type(decoded) is DictionaryChange
            assert (decoded.updates, decoded.removals) == (dict(updates), set(removals))
            body = library.unpack(message)
            if envelope is not None:
                body = body[envelope]
            assert sorted(body["removals"]) == sorted(removals)
            plain = {
                "updates": {key: updates[key] for key in body["updates"]},
                "removals": body["removals"],
            }
            assert message == library.pack(plain if envelope is None else {envelope: plain})
            assert change.encode(library.codec, envelope) == message
            orders.append(list(body["updates"]))
    keys = [str.__str__(key) for key in change.updates]
    assert all(order == keys for order in orders)


def decoded(change: DictionaryChange, codec: Codec) -> tuple[dict[str, Any], set[str]]:
    """Give what somebody gets who receives a change."""
    updates, removals = codec.decode(change.encode(codec))
    return updates, removals


# Encoders that count


class CountingEncoder:
    """A function for values that lists what it was called with.

    It keeps what the values were on the wire, not the values: those may have to die.
    """

    def __init__(self, pack: Callable[[Any], bytes] = msgpack.packb) -> None:
        self._pack = pack
        self.calls: list[bytes] = []

    def __call__(self, value: Any) -> bytes:
        packed = self._pack(value)
        self.calls.append(packed)
        return packed

    def counts(self) -> Counter[Any]:
        """Give how often it was called for each value, and forget it."""
        calls, self.calls = self.calls, []
        return Counter(self._named(packed) for packed in calls)

    def _named(self, packed: bytes) -> Any:
        value = msgpack.unpackb(packed)
        return value if isinstance(value, str | int | None) else str(value)


def counting_codec() -> tuple[MessagePackCodec, CountingEncoder]:
    """Make a codec whose function counts."""
    encoder = CountingEncoder()
    return MessagePackCodec(encoder, msgpack.unpackb), encoder


def once(*values: Any) -> Counter[Any]:
    """Give what the counts are when each of these was encoded once."""
    return Counter(values)


# Children

_PRELUDE = """
    import gc, sys, threading, weakref
    import msgpack
    from change_buffers import *
    from change_buffers.codecs import *

    mv = DictionaryChangeMultiView()
    first = mv.create_view().__enter__()
    second = mv.create_view().__enter__()

    def codec_of(function):
        return MessagePackCodec(function, msgpack.unpackb)

    def decoded(change, codec):
        updates, removals = codec.decode(change.encode(codec))
        return updates, removals
"""


def run_encoding_child(code: str) -> str:
    """Run a script in a fresh interpreter, with a multi-view `mv` and its views there."""
    return run_child(_PRELUDE + code)
