"""What a publisher and a follower do with one change; when they do it is up to a driver."""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from time import perf_counter
from typing import Protocol

from roomkit.implementations import Change, MultiView
from roomkit.load import Record, Visit
from roomkit.measure import PublishTimes


class Publisher:
    """Publishes records, and notes when."""

    def __init__(self, multi_view: MultiView, times: PublishTimes) -> None:
        self._multi_view = multi_view
        self._times = times
        self.published = 0

    def publish(self, record: Record) -> None:
        """Make the one `update` call of this record."""
        self._times.note(record.updates)
        self._multi_view.update(record.updates, record.removals)
        self.published += 1


class Times(Protocol):
    """What knows when values were published."""

    def oldest(self, updates: Mapping[str, object]) -> float:
        """Return when the value that has waited longest was published, infinity if none has."""


class Follower:
    """Keeps a replica of the shared content during one visit, and notes how late it learns."""

    def __init__(self, visit: Visit, times: Times) -> None:
        self.visit = visit
        self.replica: dict[str, object] = {}
        self.deliveries = 0
        self.latencies = array("d")
        self.delays = array("d")
        self.joined = perf_counter()
        self.ended: float | None = None
        self.left = False
        self._times = times
        self._last_delivery = self.joined

    def receive(self, change: Change) -> None:
        """Take a delivery: measure it, then bring the replica up to date."""
        now = perf_counter()
        # The first delivery is the content, which may have been there for any length of time.
        if self.deliveries and (published := self._times.oldest(change.updates)) < now:
            due = max(published, self._last_delivery + self.visit.interval)
            self.latencies.append(now - published)
            self.delays.append(max(0.0, now - due))
        self._last_delivery = now
        self.deliveries += 1
        apply(self.replica, change)


def apply(replica: dict[str, object], change: Change) -> None:
    """Bring a replica up to date; a key that is in both parts of a change ends removed."""
    replica.update(change.updates)
    for key in change.removals:
        replica.pop(key, None)


def difference(replica: Mapping[str, object], content: Mapping[str, object]) -> str | None:
    """Say in what a replica is unlike the content, `None` if they are equal."""
    if replica == content:
        return None
    missing = sorted(content.keys() - replica.keys())
    extra = sorted(replica.keys() - content.keys())
    stale = sorted(key for key in content.keys() & replica.keys() if replica[key] != content[key])
    counts = {"missing": missing, "that should be gone": extra, "stale": stale}
    return ", ".join(
        f"{len(keys)} {what} (such as {keys[0]!a})" for what, keys in counts.items() if keys
    )
