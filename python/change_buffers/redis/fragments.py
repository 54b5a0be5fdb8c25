"""What values were in Redis, for those who encode them now."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from change_buffers.codecs import MessagePackCodec

# So many values are remembered at least, so many twice at most.
_REMEMBERED = 4096


class Fragments:
    """The bytes of the values that came last. One thread adds, any looks up."""

    def __init__(self, codec: MessagePackCodec) -> None:
        self._codec = codec
        # By identity. The value is held, so that no other can have the same.
        self._new: dict[int, tuple[Any, bytes]] = {}
        self._old: dict[int, tuple[Any, bytes]] = {}

    def remember(self, value: Any, fragment: bytes) -> None:
        """Note what a value was."""
        self._new[id(value)] = (value, fragment)
        if len(self._new) >= _REMEMBERED:
            self._old, self._new = self._new, {}

    def packb(self, value: Any) -> bytes:
        """Give the bytes of a value."""
        found = self._new.get(id(value)) or self._old.get(id(value))
        return found[1] if found is not None else self._codec.encode_value(value)

    def codec(self, decode: Callable[[bytes], Any]) -> MessagePackCodec:
        """Make a codec that takes the bytes as they came."""
        return MessagePackCodec(self.packb, decode)
