"""What users pass, checked before anything is sent."""

from __future__ import annotations

import math
import operator
from collections.abc import Collection, Iterable, Mapping
from typing import Any, SupportsIndex

import redis

from change_buffers import DictionaryChange, ObjectFrozenError
from change_buffers.codecs import MessagePackCodec
from change_buffers.redis.link import BLOCK


def encoded(
    updates: Mapping[str, Any] | None, removals: Iterable[str] | None, codec: MessagePackCodec
) -> tuple[dict[str, bytes], Collection[str]]:
    """Give an update as it is sent, each key of the removals once, in their order if they have one.

    Raises:
        TypeError: As for any multi-view.
        ValueError: A value cannot be encoded; the message names its key.
    """
    change = DictionaryChange(updates, removals)
    encode = codec.encode_value
    fragments: dict[str, bytes] = {}
    for key, value in change.updates.items():
        try:
            fragments[key] = encode(value)
        except ValueError as error:
            raise ValueError(f"updates[{key!r}]: {error}") from error.__cause__
    if type(removals) in (list, tuple) and all(type(key) is str for key in removals or ()):
        return fragments, dict.fromkeys(removals or ())
    return fragments, change.removals


def check_frozen(is_frozen: bool) -> None:
    """Refuse an update of a room that takes none."""
    if is_frozen:
        raise ObjectFrozenError("the room is frozen, or was closed: it takes no more updates")


def version(value: SupportsIndex, argument: str, latest: int) -> int:
    """Give a version, if there has been such a one."""
    try:
        number = operator.index(value)
    except TypeError:
        kind = type(value).__name__
        raise TypeError(f"{argument} must be a version, an int, not {kind}") from None
    if number < 0:
        raise ValueError(f"{argument} must be 0 or more, not {number}")
    if number > latest:
        raise ValueError(f"{argument} must be a version that there has been, not {number}")
    return number


def check(
    url: object,
    codec: object,
    lease: object,
    gather: object,
    stream_length: object,
    timeout: object,
    on_status: Any,
) -> None:
    """Check what a room is made with."""
    if isinstance(url, redis.Redis):
        _check_client(url)
    elif not isinstance(url, str):
        raise TypeError(f"url must be a str or a redis.Redis, not {type(url).__name__}")
    if codec is not None and not isinstance(codec, MessagePackCodec):
        raise TypeError(f"codec must be a MessagePackCodec or None, not {type(codec).__name__}")
    _check_seconds("lease", lease, least=0.3)
    _check_seconds("gather", gather, least=0.0)
    _check_seconds("timeout", timeout, least=0.0)
    if isinstance(stream_length, bool) or not isinstance(stream_length, int):
        kind = type(stream_length).__name__
        raise TypeError(f"stream_length must be a number of updates, an int, not {kind}")
    if stream_length < 1:
        raise ValueError(f"stream_length must be 1 or more, not {stream_length}")
    if on_status is not None and not callable(on_status):
        kind = type(on_status).__name__
        raise TypeError(f"on_status must be a function or None, not {kind}")


def _check_client(client: redis.Redis) -> None:
    settings = client.connection_pool.connection_kwargs
    if settings.get("decode_responses"):
        raise ValueError("url must be a client that does not decode responses: they are binary")
    limit = settings.get("socket_timeout")
    if limit is not None and limit < 2 * BLOCK:
        raise ValueError(
            "url must be a client with a socket_timeout of more than "
            f"{2 * BLOCK} seconds, not {limit}"
        )


def _check_seconds(argument: str, value: object, least: float) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{argument} must be a number of seconds, not {type(value).__name__}")
    if not value >= least or math.isinf(value):
        raise ValueError(f"{argument} must be {least} seconds or more, not {value}")
