"""Measuring a run.

change published
    one call of `update`.
delivery
    one change handed to one client.
coalescing factor
    changes published x clients present / deliveries: how many updates one delivery stands
    for. Clients present is an average over the run, since clients come and go.
latency
    from the `update` call that set a value to the delivery of that value; of each delivery,
    the value that waited longest. It contains what the call itself takes and the wait for
    the client's own next turn, so that a client served 5 times a second has a latency of up
    to 0.2 s when all is well. A client's first delivery is not counted, nor are those
    without a map or a list in them.
delay
    the part of the latency that is nobody's wish: from the moment the delivery was due (the
    change was there and the client's interval was over) to the delivery.
CPU used
    CPU time of the server alone. In one process, that of all of it, so it contains what is the
    same for every implementation: making the load, keeping replicas, measuring, the display.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from time import perf_counter


class PublishTimes:
    """When each value was published, known by the identity of the value.

    Values travel by reference, so the object that a follower gets is the one that was
    published, and nothing has to be added to the content. An entry is right for as long as
    somebody holds the value, since until then no other object can have its identity; a
    later object with the same identity takes over the entry when it is published. Values
    other than maps and lists have no time: equal ones may be one shared object.
    """

    def __init__(self) -> None:
        self._times: dict[int, float] = {}

    def note(self, updates: Mapping[str, object]) -> None:
        """Note that these values are published now."""
        now = perf_counter()
        for value in updates.values():
            self._times[id(value)] = now if isinstance(value, dict | list) else math.inf

    def oldest(self, updates: Mapping[str, object]) -> float:
        """Return when the value that has waited longest was published, infinity if none has a time.

        Nothing here runs once per value in Python: that would cost more than what is measured.
        """
        return min(map(self._times.__getitem__, map(id, updates.values())), default=math.inf)


@dataclass(frozen=True)
class Status:
    """How a run is doing."""

    elapsed: float
    published: int
    deliveries: int
    worst_delay: float


@dataclass
class Outcome:
    """What a run came to."""

    name: str
    published: int = 0
    deliveries: int = 0
    wall: float = 0.0
    cpu: float = 0.0
    client_seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    delays: list[float] = field(default_factory=list)
    present: int = 0
    unequal: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    interrupted: bool = False

    @property
    def coalescing(self) -> float:
        """How many updates one delivery stands for."""
        offered = self.published * self.client_seconds
        return offered / (self.wall * self.deliveries) if self.deliveries else math.nan

    @property
    def is_right(self) -> bool:
        """Whether everything worked and every replica equals the content."""
        return not self.unequal and not self.failures


def percentile(samples: Sequence[float], percent: float) -> float:
    """Return the smallest sample that `percent` of them do not exceed, NaN if there is none."""
    if not samples:
        return math.nan
    return sorted(samples)[max(0, math.ceil(len(samples) * percent / 100) - 1)]
