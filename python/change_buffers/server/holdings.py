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

    def check(self, incoming: Incoming) -> int:
        """Refuse a message after which there would be too many keys or bytes; give how many bytes.

        Raises:
            Refusal: There would be.
        """
        limits = self._limits
        keys, total = self._with(incoming)
        if keys > limits.keys or total > limits.state_bytes:
            # Others may have removed some.
            for key in [key for key in self._sizes if key not in self._content]:
                self._bytes -= self._sizes.pop(key)
            keys, total = self._with(incoming)
        if keys > limits.keys:
            raise Refusal("too_many_keys", f"a client has at most {limits.keys} keys")
        if total > limits.state_bytes:
            most = limits.state_bytes
            raise Refusal("too_large", f"the keys of a client take at most {most} bytes")
        return total

    def take(self, incoming: Incoming, total: int) -> None:
        """Count a message that has been applied, after which there are so many bytes."""
        self._bytes = total
        self._sizes.update(incoming.sizes)
        for key in incoming.removals:
            self._sizes.pop(key, None)

    def _with(self, incoming: Incoming) -> tuple[int, int]:
        known, total, keys = self._sizes, self._bytes, len(self._sizes)
        removals = frozenset(incoming.removals) if incoming.removals else ()
        for key, size in incoming.sizes.items():
            if key not in removals:
                before = known.get(key)
                if before is None:
                    keys += 1
                    total += size
                else:
                    total += size - before
        for key in removals:
            if key in known:
                keys -= 1
                total -= known[key]
        return keys, total
