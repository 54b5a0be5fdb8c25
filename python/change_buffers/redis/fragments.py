"""What values were in Redis, for those who encode them now."""

from __future__ import annotations

from typing import Any

from change_buffers.codecs import MessagePackCodec

# So many values are remembered at least, twice as many at most.
_REMEMBERED = 2048


class Fragments:
    """The bytes of the values that came last. One thread adds, any looks up."""

    def __init__(self, codec: MessagePackCodec) -> None:
        self._codec = codec
        self._shared = MessagePackCodec(self.packb, codec.decode_value)
        self._is_wanted = False
        # By identity. The value is held, so that no other can have the same.
        self._new: dict[int, tuple[Any, bytes]] = {}
        self._old: dict[int, tuple[Any, bytes]] = {}

    def remember(self, values: list[Any], fragments: list[bytes]) -> None:
        """Note what values were, if anybody has asked for the codec."""
        if not self._is_wanted:
            return
        for value, fragment in zip(values, fragments, strict=True):
            self._new[id(value)] = (value, fragment)
        if len(self._new) >= _REMEMBERED:
            self._old, self._new = self._new, {}

    def packb(self, value: Any) -> bytes:
        """Give the bytes of a value."""
        found = self._new.get(id(value)) or self._old.get(id(value))
        return found[1] if found is not None else self._codec.encode_value(value)

    @property
    def codec(self) -> MessagePackCodec:
        """A codec that takes the bytes as they came."""
        self._is_wanted = True
        return self._shared
