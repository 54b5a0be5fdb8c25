"""The state of a run, shared by whatever drives it."""

from __future__ import annotations

import time

from roomkit.clients import Follower, Publisher, difference
from roomkit.implementations import Implementation
from roomkit.load import Visit
from roomkit.measure import Outcome, PublishTimes, Status


class Session:
    """A multi-view with its publishers and followers, and the clock of their run."""

    def __init__(self, implementation: Implementation) -> None:
        self.multi_view = implementation.make_multi_view()
        self.failures: list[str] = []
        self._name = implementation.name
        self._times = PublishTimes()
        self._publishers: list[Publisher] = []
        self._followers: list[Follower] = []
        self._start = self._cpu = 0.0

    def begin(self) -> None:
        """Start the clock."""
        self._start, self._cpu = time.perf_counter(), time.process_time()

    def elapsed(self) -> float:
        """Return the seconds since the run began."""
        return time.perf_counter() - self._start

    def add_publisher(self) -> Publisher:
        """Return somebody new who publishes."""
        publisher = Publisher(self.multi_view, self._times)
        self._publishers.append(publisher)
        return publisher

    def add_follower(self, visit: Visit) -> Follower:
        """Return somebody new who follows."""
        follower = Follower(visit, self._times)
        self._followers.append(follower)
        return follower

    def status(self) -> Status:
        """Return how the run is doing."""
        # Clients are added meanwhile.
        publishers, followers = list(self._publishers), list(self._followers)
        return Status(
            elapsed=self.elapsed(),
            published=sum(publisher.published for publisher in publishers),
            deliveries=sum(follower.deliveries for follower in followers),
            worst_delay=max((f.delays[-1] for f in followers if f.delays), default=0.0),
        )

    def outcome(self, *, interrupted: bool) -> Outcome:
        """Stop the clock, compare the replicas and add everything up."""
        outcome = Outcome(self._name, interrupted=interrupted, failures=self.failures)
        outcome.wall = self.elapsed()
        outcome.cpu = time.process_time() - self._cpu
        outcome.published = sum(publisher.published for publisher in self._publishers)
        content = self.multi_view.copy_content()
        for follower in self._followers:
            outcome.deliveries += follower.deliveries
            outcome.latencies.extend(follower.latencies)
            outcome.delays.extend(follower.delays)
            if follower.ended is None:
                continue  # it failed, which is reported as such
            outcome.client_seconds += follower.ended - follower.joined
            if not follower.left:
                outcome.present += 1
                if unequal := difference(follower.replica, content):
                    outcome.unequal.append(f"client {follower.visit.client}: {unequal}")
        return outcome
