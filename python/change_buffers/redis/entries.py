"""Entries of the stream, as they are read."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgpack

from change_buffers.redis.errors import OutOfStep


class Entry:
    """One update of the room, whoever made it."""

    __slots__ = ("after", "claims", "epoch", "freezes", "removals", "token", "updates", "version")

    def __init__(self, number: bytes, fields: Iterable[bytes]) -> None:
        """Read an entry.

        Raises:
            OutOfStep: It is none of ours.
        """
        try:
            version, _, rest = number.partition(b"-")
            if rest != b"0":
                raise ValueError("an entry of somebody else's")
            items = iter(fields)
            found = dict(zip(items, items, strict=True))
            self.version = int(version)
            self.epoch = found[b"epoch"].decode()
            self.token = found[b"token"].decode()
            self.after = found[b"after"].decode()
            self.updates: list[bytes] = []
            self.removals: list[bytes] = []
            if b"change" in found:
                self.updates, self.removals = _unpacked(found[b"change"])
            if b"left" in found:
                self.removals = [*self.removals, *_unpacked(found[b"left"])]
            claims = _unpacked(found[b"claims"]) if b"claims" in found else []
            self.claims = dict(zip(claims[::2], claims[1::2], strict=True))
            self.freezes = b"freeze" in found
            if len(self.updates) % 2 or not all(
                isinstance(part, bytes) for part in (*self.updates, *self.removals)
            ):
                raise ValueError("an entry of another form")
        except (ValueError, KeyError, TypeError, msgpack.UnpackException) as error:
            raise OutOfStep(f"garbage in the stream: {error}", diverged=True) from error


def entries(reply: Any) -> list[tuple[bytes, list[bytes]]]:
    """Give what `XREAD` of one stream has read: a list, or a map by version of the protocol."""
    if not reply:
        return []
    (_, found) = next(iter(reply.items())) if isinstance(reply, dict) else reply[0]
    return found  # type: ignore[no-any-return]


def _unpacked(data: bytes) -> Any:
    # As bytes, whatever Lua has made of them.
    return msgpack.unpackb(data, raw=True, strict_map_key=False)
