"""What a client has set, as far as that is known: how many keys, and how much memory."""

from __future__ import annotations

from change_buffers import DictionaryChangeMultiView
from change_buffers.server.incoming import Incoming, Refusal
from change_buffers.server.limits import Limits


class Holdings:
    """The keys that a client has set and has not removed, with their sizes.

    A key counts until somebody removes it, also if another has set it since.
    """

    def __init__(self, content: DictionaryChangeMultiView, limits: Limits) -> None:
        self._content = content
        self._limits = limits
        self._sizes: dict[str, int] = {}
        self._bytes = 0

    def check(self, incoming: Incoming) -> None:
        """Refuse a message after which there would be too many keys or bytes."""
        keys, total = self._with(incoming)
        if self._is_within(keys, total):
            return
        # Others may have removed some.
        for key in [key for key in self._sizes if key not in self._content]:
            self._bytes -= self._sizes.pop(key)
        keys, total = self._with(incoming)
        if self._is_within(keys, total):
            return
        if keys > self._limits.keys:
            raise Refusal("too_many_keys", f"a client has at most {self._limits.keys} keys")
        most = self._limits.state_bytes
        raise Refusal("too_large", f"the keys of a client take at most {most} bytes")

    def take(self, incoming: Incoming) -> None:
        """Count a message that has been applied."""
        _, self._bytes = self._with(incoming)
        self._sizes.update(incoming.sizes)
        for key in incoming.removals:
            self._sizes.pop(key, None)

    def _is_within(self, keys: int, total: int) -> bool:
        return keys <= self._limits.keys and total <= self._limits.state_bytes

    def _with(self, incoming: Incoming) -> tuple[int, int]:
        known, total, keys = self._sizes, self._bytes, len(self._sizes)
        removals = set(incoming.removals)
        for key, size in incoming.sizes.items():
            if key not in removals:
                keys += key not in known
                total += size - known.get(key, 0)
        for key in removals:
            if key in known:
                keys -= 1
                total -= known[key]
        return keys, total
