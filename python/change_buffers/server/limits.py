"""What a client may ask of a server, and the allowance that counts what it does."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a client may ask of a server.

    Whoever goes beyond one is told which it was, and nothing of that message is applied.

    Args:
        clients: How many may be there at a time.
        message_bytes: The largest message from a client.
        depth: How many lists and maps of a value may be in each other.
        keys: How many keys a client may have set.
        state_bytes: The memory that they may take, estimated: the bytes on the wire, and 64 for
            each entry of a list or map.
        updates_per_second: How many keys a client may name in a second, over some time; every 4
            kB of a message count as one more. A client that never heeds it is let go.
        burst_seconds: So many seconds' worth may come at once.
        shortest_interval: Seconds between two messages to a client, at least.
        longest_interval: Seconds a client may ask for at most.
        prefixes: How many prefixes a client may follow, each of 200 characters at most.
        handshake_seconds: A connection that has asked for nothing by then is closed.
        ping_seconds: A client that says nothing is asked so often whether it is still there, and
            has as long again to answer.
        stall_seconds: A client that has not taken a message within this time is let go.
        close_seconds: How long a client may take to say goodbye.

    Raises:
        TypeError: One of them is not a number.
        ValueError: One of them is not above 0.
    """

    clients: int = 1000
    message_bytes: int = 1 << 20
    depth: int = 32
    keys: int = 1000
    state_bytes: int = 8 << 20
    updates_per_second: float = 1000.0
    burst_seconds: float = 5.0
    shortest_interval: float = 1 / 60
    longest_interval: float = 60.0
    prefixes: int = 64
    handshake_seconds: float = 10.0
    ping_seconds: float = 20.0
    stall_seconds: float = 30.0
    close_seconds: float = 3.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            number, kind = ("an integer", int) if field.type == "int" else ("a number", float)
            if isinstance(value, bool) or not isinstance(value, int | kind):
                raise TypeError(f"{field.name} must be {number}, not {type(value).__name__}")
            if not 0 < value < math.inf:
                raise ValueError(f"{field.name} must be above 0, not {value}")


BYTES_PER_UPDATE = 4096
"""A message of so many bytes counts as one update more."""


class Allowance:
    """What a client may still do: it grows with time, up to a burst's worth."""

    __slots__ = ("_burst", "_rate", "_whole_at")

    def __init__(self, limits: Limits, now: float) -> None:
        self._rate = limits.updates_per_second
        self._burst = limits.burst_seconds
        self._whole_at = now  # from then on all of it is there again

    def take(self, amount: float, now: float) -> bool:
        """Take so much of it, and say whether it was there.

        What was refused is taken too: whoever goes on regardless gets ever less.
        """
        whole_at = self._whole_at
        self._whole_at = whole_at = (whole_at if whole_at > now else now) + amount / self._rate
        return whole_at - now <= self._burst

    def is_abused(self, now: float) -> bool:
        """Say whether a whole burst more than allowed was asked for."""
        return self._whole_at - now > 2 * self._burst
