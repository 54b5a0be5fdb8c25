"""The driver that plays a load with threads: one for each track and one for each client."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Thread

from roomkit.implementations import Implementation
from roomkit.load import Load, Track, Visit
from roomkit.measure import Outcome, Status
from roomkit.session import Session

TICK = 0.1
"""Seconds between two looks at the run: of the main thread, and of a waiting one at its end."""


class TooManyThreadsError(Exception):
    """The system does not allow as many threads as the load needs."""


class ThreadedRoom:
    """One run of a load."""

    INTERRUPTIONS = 1
    """The second one is an exception."""

    def __init__(self, load: Load, implementation: Implementation) -> None:
        self._session = Session(implementation)
        self._stopping = False
        self._publishing = [
            self._thread(f"publisher {number}", self._publish, track)
            for number, track in enumerate(load.tracks)
        ]
        self._following = [
            self._thread(f"client {number}", self._attend, *visits)
            for number, visits in enumerate(load.clients)
        ]

    def run(self, interrupted: Callable[[], int], watch: Callable[[Status], None]) -> Outcome:
        """Play the load to its end or until interrupted; call `watch` every now and then."""
        cut_short = False
        self._session.begin()
        try:
            self._start_threads()
            while alive := [thread for thread in self._publishing if thread.is_alive()]:
                alive[0].join(TICK)
                watch(self._session.status())
                if interrupted():
                    cut_short = True
                    break
        finally:
            self._end()
        return self._session.outcome(interrupted=cut_short)

    def _start_threads(self) -> None:
        threads = self._following + self._publishing
        for number, thread in enumerate(threads):
            try:
                thread.start()
            except RuntimeError as error:
                why = f"only {number} of {len(threads)} threads could be started ({error})"
                raise TooManyThreadsError(why) from None

    def _end(self) -> None:
        """End every thread: the publishers are asked, the followers find nothing more to come."""
        self._stopping = True
        self._join(self._publishing)
        self._session.multi_view.freeze()
        self._join(self._following)

    @staticmethod
    def _join(threads: list[Thread]) -> None:
        for thread in threads:
            # One that was never started, because the system allows no more, has no identity.
            if thread.ident is not None:
                thread.join()

    def _publish(self, track: Track) -> None:
        publisher = self._session.add_publisher()
        for record in track():
            if not self._wait_until(record.t):
                return
            publisher.publish(record)

    def _attend(self, *visits: Visit) -> None:
        for visit in visits:
            if not self._wait_until(visit.joins):
                return
            self._follow(visit)

    def _follow(self, visit: Visit) -> None:
        follower = self._session.add_follower(visit)
        for change in self._session.multi_view.subscribe_changes(visit.interval):
            follower.receive(change)
            if self._session.elapsed() >= visit.leaves:
                follower.left = True
                break
        follower.ended = time.perf_counter()

    def _wait_until(self, t: float) -> bool:
        """Return true at time `t`, or false as soon as the run is to end."""
        # Sleeping by instalments is far cheaper than `threading.Event.wait`, which builds a lock
        # for each wait: with that, the waiting would outweigh everything there is to measure.
        while not self._stopping and (left := t - self._session.elapsed()) > 0:
            time.sleep(min(left, TICK))
        return not self._stopping

    def _thread(self, name: str, work: Callable[..., None], *args: object) -> Thread:
        def guarded() -> None:
            try:
                work(*args)
            except Exception as error:
                self._session.failures.append(f"{name}: {type(error).__name__}: {error}")

        return Thread(target=guarded, name=name)
