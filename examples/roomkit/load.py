"""What a run consists of, independent of how it is driven and measured.

A load is a number of *tracks* to publish and a number of *clients* that follow. A track is
what one publisher does: records in order of time. A client makes one or more *visits*; each
starts from nothing, as somebody who has just connected does. All times are seconds since
the start of the run.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile

PACES_HZ = (5, 10, 20, 30, 60)
"""How often clients ask for changes, dealt out in turn, unless all have the same rate."""


@dataclass(frozen=True, slots=True)
class Record:
    """One call of `update` and its time."""

    t: float
    updates: dict[str, object]
    removals: list[str]


Track = Callable[[], Iterator[Record]]
"""Gives the same records from the start each time it is called, so that a load can be repeated."""


@dataclass(frozen=True, slots=True)
class Visit:
    """A client's stay in the room."""

    client: int
    interval: float
    joins: float = 0.0
    leaves: float = math.inf


@dataclass(frozen=True, slots=True)
class Load:
    """Everything that happens in one run."""

    title: str
    seconds: float
    tracks: Sequence[Track]
    clients: Sequence[Sequence[Visit]]


def interval_of(client: int, rate: float | None) -> float:
    """Return the seconds between two deliveries to this client."""
    return 1 / (rate or PACES_HZ[client % len(PACES_HZ)])


def replay(
    records: Sequence[Record],
    *,
    clients: int,
    rate: float | None = None,
    speed: float,
    limit: float | None,
    title: str,
) -> Load:
    """Return the load in which one publisher replays `records` and `clients` follow.

    The first record is published at once, whatever its time.
    """
    first = records[0].t
    seconds = (records[-1].t - first) / speed
    end = seconds if limit is None else min(seconds, limit)

    def track() -> Iterator[Record]:
        replayed: Iterable[Record] = (
            Record((record.t - first) / speed, record.updates, record.removals)
            for record in records
        )
        return takewhile(lambda record: record.t <= end, replayed)

    visits = [[Visit(client, interval_of(client, rate))] for client in range(clients)]
    return Load(title, end, [track], visits)
