"""The functions for values that codecs use when they are given none.

What can be encoded does not depend on which library is installed, as far as the libraries allow it:
with `ormsgpack` it is what `msgpack` packs, with `orjson` what `json` writes. The guide lists the
rest. Regular values never leave the library; only what it refuses is made plain here.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

Encode = Callable[[Any], Any]
Decode = Callable[[Any], Any]


def message_pack() -> Encode:
    """Give a function that packs a value."""
    library = _installed("ormsgpack")
    # Older ones than 1.9 cannot be kept from packing what `msgpack` refuses.
    if library is not None and hasattr(library, "OPT_PASSTHROUGH_ENUM"):
        return _ormsgpack(library)
    return _library("msgpack").packb  # type: ignore[no-any-return]


def message_unpack() -> Decode:
    """Give a function that unpacks a value."""
    return _library("msgpack", "ormsgpack").unpackb  # type: ignore[no-any-return]


def json_dumps() -> Encode:
    """Give a function that writes JSON."""
    library = _installed("orjson")
    if library is not None:
        return _orjson(library)
    # NaN is not JSON: browsers would refuse all of a message that has one.
    return json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode


def json_loads() -> Decode:
    """Give a function that reads JSON."""
    library = _installed("orjson")
    if library is not None:
        return library.loads  # type: ignore[no-any-return]
    return partial(json.loads, parse_constant=_no_constant)


def _ormsgpack(library: Any) -> Encode:
    pack = library.packb
    option = (
        library.OPT_NON_STR_KEYS
        | library.OPT_PASSTHROUGH_DATACLASS
        | library.OPT_PASSTHROUGH_DATETIME
        | library.OPT_PASSTHROUGH_ENUM
        | library.OPT_PASSTHROUGH_UUID
    )

    def plain(value: object) -> object:
        extension = getattr(sys.modules.get("msgpack"), "ExtType", ())
        if isinstance(value, extension):
            return library.Ext(value.code, value.data)
        return _plain(value)

    # A partial of the library's function takes five times as long to be called.
    def packb(value: object) -> Any:
        return pack(value, plain, option)

    return packb


def _orjson(library: Any) -> Encode:
    write = library.dumps
    option = library.OPT_PASSTHROUGH_DATACLASS | library.OPT_PASSTHROUGH_DATETIME
    any_keys = option | library.OPT_NON_STR_KEYS

    def dumps(value: object) -> Any:
        try:
            return write(value, _plain_json, option)
        except TypeError:
            # That option makes it slower, for the sake of keys that hardly anybody has.
            return write(value, _plain_json, any_keys)

    return dumps


def _plain(value: object) -> object:
    """Give what an instance of a subclass is on the wire: what its base class is."""
    match value:
        case float():
            return float.__float__(value)
        case int():
            return int.__int__(value)
        case str():
            return str.__str__(value)
        case bytes() | bytearray() | memoryview():
            return memoryview(value).tobytes()
        case tuple() | list():
            return list(value)
        case dict():
            return dict(value)
    raise TypeError(f"cannot encode {type(value).__name__}")


def _plain_json(value: object) -> object:
    if isinstance(value, bytes | bytearray | memoryview):
        raise TypeError(f"JSON has no {type(value).__name__}")
    return _plain(value)


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _library(*names: str) -> Any:
    for name in names:
        library = _installed(name)
        if library is not None:
            return library
    raise ImportError(
        "MessagePackCodec needs a library for the values: install msgpack or ormsgpack 1.9, or "
        "pass packb and unpackb",
        name=names[0],
    )


def _ormsgpack_library() -> Any:
    import ormsgpack

    return ormsgpack


def _msgpack_library() -> Any:
    import msgpack

    return msgpack


def _orjson_library() -> Any:
    import orjson

    return orjson


# By statements, since who collects the modules of a program, to freeze it, looks for these.
_LIBRARIES = {
    "ormsgpack": _ormsgpack_library,
    "msgpack": _msgpack_library,
    "orjson": _orjson_library,
}


def _installed(name: str) -> Any:
    try:
        return _LIBRARIES[name]()
    except ImportError:
        return None
