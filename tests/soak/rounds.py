"""Round after round, and what is measured when each is over."""

from __future__ import annotations

import faulthandler
import gc
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from change_buffers import DictionaryChangeMultiView
from soak.followers import follow_lasting, follower, stall
from soak.interruptions import Interruptions
from soak.loiterers import loiter
from soak.memory import give_back, resident
from soak.stage import SoakError, Stage, Tally
from soak.tasks import live_in_a_loop
from soak.writers import HUGE_KEYS, HUGE_SIZE, WRITERS, write

STUCK_SECONDS = 90.0
"""A round that takes so much longer than it should is taken to be stuck."""
BASE_KEYS, BASE_SIZE = 2000, 20_000
"""What the lasting multi-view holds from the first to the last moment."""

NOT_OPERATIONS = {"tombstones that were owed", "signals", "collections", "event loops"}
"""What is counted without being a call of ours."""


@dataclass
class Run:
    """A whole run, so far."""

    faults: set[str]
    seed: int
    lasting: DictionaryChangeMultiView = field(default_factory=DictionaryChangeMultiView)
    tally: Tally = field(default_factory=Tally)
    failures: list[str] = field(default_factory=list)
    rounds: int = 0
    seconds: float = 0.0
    samples: list[int] = field(default_factory=list)
    """Resident bytes after each round."""
    blocks: list[int] = field(default_factory=list)
    """Blocks that Python has allocated after each round, which knows of no holes."""
    highest: int = 0
    """Resident bytes at the worst moment seen, in the middle of a round."""

    @property
    def operations(self) -> int:
        """Calls of ours so far."""
        return sum(n for kind, n in self.tally.items() if kind not in NOT_OPERATIONS)


def soak(
    run: Run,
    seconds: float,
    operations: int,
    rounds: int,
    length: float,
    show: Callable[[Run], None],
) -> Run:
    """Go on until there has been enough of everything, or until it goes wrong."""
    run.lasting.update({f"base.{i}": bytes(BASE_SIZE) for i in range(BASE_KEYS)})
    run.lasting.update({key: bytes(HUGE_SIZE) for key in HUGE_KEYS})
    started = time.monotonic()

    def count_collection(phase: str, info: dict[str, int]) -> None:
        run.tally["collections"] += phase == "start"

    gc.callbacks.append(count_collection)
    sys.setswitchinterval(1e-4)
    try:
        while not run.failures and (
            run.seconds < seconds or run.operations < operations or run.rounds < rounds
        ):
            faulthandler.dump_traceback_later(length + STUCK_SECONDS, exit=True)
            try:
                _round(run, length, lambda: show(run))
                check_quiet(run)
            except SoakError as error:
                run.failures.append(str(error))
            run.seconds = time.monotonic() - started
            show(run)
    finally:
        gc.callbacks.remove(count_collection)
        faulthandler.cancel_dump_traceback_later()
    return run


def check_quiet(run: Run) -> None:
    """Check that nobody has left anything behind."""
    for _ in range(3):
        gc.collect()
    stats = run.lasting.stats()
    if stats.views or stats.tombstones or stats.waiting_threads or stats.waiting_tasks:
        raise SoakError(f"somebody left something: {stats}")
    if threading.active_count() > 1:
        raise SoakError(f"threads are left: {threading.enumerate()}")
    run.blocks.append(sys.getallocatedblocks())
    give_back()
    run.samples.append(resident())


def _round(run: Run, length: float, show: Callable[[], None]) -> None:
    stage = Stage(run.lasting, run.seed + run.rounds, run.faults)
    run.rounds += 1
    paces = [(0.0, ""), (0.001, ""), (0.02, ""), (0.0, "avatar."), (0.01, "chat.")]
    following = stage.start(*(follower(*pace) for pace in paces), live_in_a_loop)
    lasting = stage.start(follow_lasting, follow_lasting)
    stalled = stage.start(stall)
    writing = stage.start(*[write] * WRITERS)
    loitering = stage.start(loiter, loiter)

    def look() -> None:
        run.highest = max(run.highest, resident())
        show()

    Interruptions(run.lasting, stage.tally).wait(time.monotonic() + length, look)
    stage.leaving.set()
    stage.end(loitering)
    stage.room.freeze()  # while it is updated
    stage.end(following)
    stage.closing.set()
    stage.end(writing)
    stage.still.set()
    stage.end(lasting)
    gc.collect()  # views that were dropped in a cycle are still fed
    stage.alone.set()
    stage.end(stalled)
    stage.close()
    run.tally.update(stage.tally)
    run.failures += stage.failures
