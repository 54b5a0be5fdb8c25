"""What is measured against a number of something, and how one round of it goes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from types import ModuleType

import idle_views
import whole_path
from bench_fanout import room_tick
from bench_flush import update_and_flush
from bench_update import update
from contenders import BY_NAME, OURS, Room, numbered
from measure import ROUND_SECONDS, Side, Timed
from report.turns import Sides

VIEWS = 100


@dataclass(frozen=True)
class Plan:
    points: Sequence[int]
    sides: Sides
    seconds: float
    """For each point."""
    builds: int = 3


class Flushes:
    """After an update of so many keys each view flushes: the seconds for one flush.

    Each flush is timed for itself, which costs all sides alike two looks at the clock. `apart`
    puts each view at a position of its own, with one key more, so that none can use what was
    made for another.
    """

    def __init__(self, implementation: ModuleType, keys: int, *, apart: bool = False) -> None:
        self._room = Room(implementation, keys=keys, views=VIEWS)
        self._flushes = [view.flush_changed_blocking for view in self._room.views]
        self._updates = numbered(keys)
        self._apart = apart

    def round(self) -> float:
        update, updates, apart = self._room.multi_view.update, self._updates, self._apart
        seconds, flushed = 0.0, 0
        while seconds < ROUND_SECONDS:
            update(updates)
            for number, flush in enumerate(self._flushes):
                if apart:
                    update({"clock": number})
                start = perf_counter()
                flush().updates  # noqa: B018 (looking at it may be what builds it)
                seconds += perf_counter() - start
            flushed += VIEWS
        return seconds / flushed


def flushes_apart(implementation: ModuleType, keys: int) -> Timed:
    """The whole of it: all updates and all flushes, no two of which give the same."""
    room = Room(implementation, keys=keys, views=VIEWS)
    return Timed(
        """
update(updates)
for flush in flushes:
    update(clock)
    flush().updates
""",
        {
            "update": room.multi_view.update,
            "updates": numbered(keys),
            "clock": {"clock": 1},
            "flushes": [view.flush_changed_blocking for view in room.views],
            "room": room,
        },
    )


class GrowthOfProcess:
    """The bytes by which a process grows for so many views."""

    def __init__(self, implementation: str, state: str, views: int) -> None:
        self._arguments = [implementation, state, str(views)]
        self._views = views

    def round(self) -> float:
        command = [sys.executable, str(idle_views.__file__), *self._arguments]
        child = subprocess.run(command, capture_output=True, text=True, check=True)
        return float(child.stdout) * self._views


def updates(views: int) -> Mapping[str, Side]:
    floor = Timed("update(updates)", {"update": numbered(1).update, "updates": numbered(1)})
    return {
        **{name: update(module, 1, views) for name, module in BY_NAME.items()},
        "dict.update": floor,
    }


def large_updates(keys: int) -> Mapping[str, Side]:
    names = {"update": numbered(keys).update, "updates": numbered(keys)}
    return {
        **{name: update(module, keys, 0) for name, module in BY_NAME.items()},
        "dict.update": Timed("update(updates)", names),
    }


def buffer_flushes(keys: int) -> Mapping[str, Side]:
    return {
        **{name: update_and_flush(module, keys) for name, module in BY_NAME.items()},
        "dict.update": Timed("{}.update(updates)", {"updates": numbered(keys)}),
    }


def view_flushes(keys: int) -> Mapping[str, Side]:
    return {
        **{name: Flushes(module, keys) for name, module in BY_NAME.items()},
        "ours, views apart": Flushes(OURS, keys, apart=True),
    }


def whole_flushes_apart(keys: int) -> Mapping[str, Side]:
    return {name: flushes_apart(module, keys) for name, module in BY_NAME.items()}


def room_ticks(clients: int) -> Mapping[str, Side]:
    return {name: room_tick(module, clients) for name, module in BY_NAME.items()}


def memory(views: int) -> Mapping[str, Side]:
    return {
        **{f"{name}, all seen": GrowthOfProcess(name, "idle", views) for name in BY_NAME},
        **{f"{name}, all to be seen": GrowthOfProcess(name, "new", views) for name in BY_NAME},
    }


class StageOfTheWholePath:
    """The seconds of one stage of a tick, in a process of its own."""

    def __init__(self, stage: str, pace: str, clients: int) -> None:
        self._arguments = [stage, pace, str(clients)]

    def round(self) -> float:
        command = [sys.executable, str(whole_path.__file__), *self._arguments]
        child = subprocess.run(command, capture_output=True, text=True, check=True)
        return float(child.stdout)


def whole_paths(clients: int) -> Mapping[str, Side]:
    return {
        f"{pace}, {stage}": StageOfTheWholePath(stage, pace, clients)
        for pace in whole_path.PACES
        for stage in whole_path.STAGES
    }


PLANS = {
    "update": Plan([1, 3, 10, 30, 100, 300, 1000], updates, 3),
    "large_update": Plan([1, 3, 10, 30, 100, 300, 1000, 10_000], large_updates, 2),
    "buffer_flush": Plan([1, 3, 10, 30, 100, 300, 1000, 10_000], buffer_flushes, 2),
    "view_flush": Plan([1, 3, 10, 30, 100, 300, 1000], view_flushes, 4),
    "views_apart": Plan([1, 3, 10, 30, 100, 300, 1000], whole_flushes_apart, 3),
    "room": Plan([10, 20, 50, 100, 200, 500], room_ticks, 5),
    "whole_path": Plan([100, 300], whole_paths, 0, builds=1),
    # A process grows by pages, and the same way each time.
    "memory": Plan([1000, 2000, 5000, 10_000], memory, 0, builds=1),
}
