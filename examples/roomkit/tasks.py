"""The driver that plays a load on one event loop: a task for each track and one for each client."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Coroutine, Iterable
from typing import TypeAlias

from roomkit.implementations import Implementation
from roomkit.load import Load, Track, Visit
from roomkit.measure import Outcome, Status
from roomkit.session import Session

Task: TypeAlias = "asyncio.Task[None]"

TICK = 0.1
"""Seconds between two looks at the run."""

PATIENCE = 0.5
"""Seconds a task may take to notice that the run is to end, while it waits for its time."""


class AsyncioRoom:
    """One run of a load."""

    INTERRUPTIONS = 2
    """Both are looked for: an exception that comes anywhere may leave an event loop waiting for a
    task that it has lost."""

    def __init__(self, load: Load, implementation: Implementation) -> None:
        self._load = load
        self._session = Session(implementation)
        self._stopping = False

    def run(self, interrupted: Callable[[], int], watch: Callable[[Status], None]) -> Outcome:
        """Play the load to its end or until interrupted; call `watch` every now and then.

        `interrupted` says how often: after once the run ends as it should, after twice at once.
        """
        return asyncio.run(self._run(interrupted, watch))

    async def _run(
        self, interrupted: Callable[[], int], watch: Callable[[Status], None]
    ) -> Outcome:
        cut_short = False
        self._session.begin()
        following = started(
            self._guarded(f"client {number}", self._attend(*visits))
            for number, visits in enumerate(self._load.clients)
        )
        publishing = started(
            self._guarded(f"publisher {number}", self._publish(track))
            for number, track in enumerate(self._load.tracks)
        )
        while not all(task.done() for task in publishing):
            await asyncio.wait(publishing, timeout=TICK)
            watch(self._session.status())
            if interrupted():
                cut_short = True
                break
        # The publishers are asked to end, the followers find nothing more to come.
        self._stopping = True
        await over(publishing, interrupted)
        self._session.multi_view.freeze()
        await over(following, interrupted)
        return self._session.outcome(interrupted=cut_short)

    async def _publish(self, track: Track) -> None:
        publisher = self._session.add_publisher()
        for record in track():
            if not await self._wait_until(record.t):
                return
            publisher.publish(record)

    async def _attend(self, *visits: Visit) -> None:
        for visit in visits:
            if not await self._wait_until(visit.joins):
                return
            await self._follow(visit)

    async def _follow(self, visit: Visit) -> None:
        follower = self._session.add_follower(visit)
        async for change in self._session.multi_view.subscribe_changes(visit.interval):
            follower.receive(change)
            if self._session.elapsed() >= visit.leaves:
                follower.left = True
                break
        follower.ended = time.perf_counter()

    async def _wait_until(self, t: float) -> bool:
        """Return true at time `t`, or false soon after the run is to end."""
        left = math.inf
        while left > PATIENCE and not self._stopping:
            left = t - self._session.elapsed()
            # When it is late it still lets everybody else have a turn.
            await asyncio.sleep(min(max(left, 0.0), PATIENCE))
        return not self._stopping

    async def _guarded(self, name: str, work: Coroutine[None, None, None]) -> None:
        try:
            await work
        except Exception as error:
            self._session.failures.append(f"{name}: {type(error).__name__}: {error}")


def started(works: Iterable[Coroutine[None, None, None]]) -> list[Task]:
    """Start a task for each of these."""
    return [asyncio.ensure_future(work) for work in works]


async def over(tasks: Iterable[Task], interrupted: Callable[[], int]) -> None:
    """Wait until all of these are done, unless there is a second Ctrl-C."""
    left = set(tasks)
    while left:
        _, left = await asyncio.wait(left, timeout=TICK)
        if interrupted() > 1:
            raise KeyboardInterrupt
