"""Actors that follow to the end, quick or slow, and whose replica must have converged then."""

from __future__ import annotations

import random
from functools import partial, update_wrapper

from soak.stage import Actor, Replica, SoakError, Stage, Tally


def _follow(
    stage: Stage, tally: Tally, chance: random.Random, interval: float, prefix: str
) -> None:
    """Follow the multi-view of the round until it is frozen and drained."""
    replica = Replica(f"a subscription at {interval} s to {prefix!r}", prefix)
    tally["views opened"] += 1
    for change in stage.room.subscribe_changes(interval, prefix or None):
        if not (prefix == "" and "lose" in stage.faults and chance.random() < 0.5):
            replica.apply(change)
        tally["deliveries to threads"] += 1
    replica.compare(stage.room)


def follower(interval: float, prefix: str = "") -> Actor:
    """Make an actor that follows at a pace."""
    return update_wrapper(partial(_follow, interval=interval, prefix=prefix), _follow)


def stall(stage: Stage, tally: Tally, chance: random.Random) -> None:
    """Look rarely, so that a good deal is owed; in the end everything that is kept is for it."""
    with stage.lasting.create_view() as view:
        tally["views opened"] += 1
        replica = Replica("a view that stalls")
        while not stage.leaving.wait(chance.uniform(0.05, 0.5)):
            change = view.flush_changed_nowait()
            if change is not None:
                replica.apply(change)
                tally["flushes after a stall"] += 1
        stage.alone.wait()
        kept = stage.lasting.stats().tombstones
        change = view.flush_changed_nowait()
        owed = 0 if change is None else len(change.removals)
        if kept > owed:
            raise SoakError(f"{kept} tombstones for {owed} removals")
        tally["tombstones that were owed"] += kept
        if change is not None:
            replica.apply(change)
        replica.compare(stage.lasting)
    if "die" in stage.faults:
        raise RuntimeError("as told to")


def follow_lasting(stage: Stage, tally: Tally, chance: random.Random) -> None:
    """Follow the multi-view that is not frozen, and take what is left when all is still."""
    with stage.lasting.create_view() as view:
        tally["views opened"] += 1
        replica = Replica("a view of the lasting multi-view")
        while not stage.still.is_set():
            try:
                replica.apply(view.flush_changed_blocking(timeout=0.01))
                tally["flushes with a timeout"] += 1
            except TimeoutError:
                tally["timeouts"] += 1
        stage.still.wait()
        while (change := view.flush_changed_nowait()) is not None:
            replica.apply(change)
        replica.compare(stage.lasting)
