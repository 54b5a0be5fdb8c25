"""What a room is called in Redis, and how keys and values are written there."""

from __future__ import annotations

from change_buffers.redis.scripts import KEYS


def room_keys(name: str) -> dict[str, str]:
    """Give the names of a room's keys in Redis, all under one hash tag.

    Raises:
        TypeError: `name` is not a `str`.
        ValueError: It is empty, or has a brace, which would end the hash tag.
    """
    if not isinstance(name, str):
        raise TypeError(f"name must be a str, not {type(name).__name__}")
    if not name or "{" in name or "}" in name:
        raise ValueError(f"name must be a text without braces, not {name!r}")
    return {key: f"change-buffers:{{{name}}}:{key}" for key in KEYS}


def to_bytes(key: str) -> bytes:
    """Give a key as it is in Redis. Lone surrogates are kept, though that is no UTF-8 then."""
    return key.encode("utf-8", "surrogatepass")


def to_text(key: bytes) -> str:
    """Give a key that was read from Redis.

    Raises:
        UnicodeDecodeError: Somebody else wrote it.
    """
    return key.decode("utf-8", "surrogatepass")
