"""Messages to clients."""

from __future__ import annotations

import time

LONGEST_REASON = 120


class Message:
    """One message, shared by all whom it is sent to.

    Attributes:
        data: What stands on the wire.
        is_text: Whether it is text in UTF-8.
        made: When, on the clock of `time.perf_counter()`.
        frame: What a transport has made of it, kept so that it does so once.
    """

    __slots__ = ("data", "frame", "is_text", "made")

    def __init__(self, data: bytes, is_text: bool) -> None:
        self.data = data
        self.is_text = is_text
        self.made = time.perf_counter()
        self.frame: bytes | None = None


def shortened(reason: str) -> str:
    """Give as much of a reason as there is room for in a goodbye: that is counted in bytes."""
    return reason.encode(errors="replace")[:LONGEST_REASON].decode(errors="ignore")
