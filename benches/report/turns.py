"""Lets any number of sides take turns, as `measure.Compare` does with two."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

from measure import FEWEST_ROUNDS, ROUNDS, Side
from report.figures import Line, Series

Sides = Callable[[int], Mapping[str, Side]]
"""Makes the sides to be measured at one point."""


def take_turns(sides: Mapping[str, Side], seconds: float) -> dict[str, list[float]]:
    """Give the rounds of each side."""
    start = time.perf_counter()
    for side in sides.values():
        side.round()
    affordable = int(seconds / (time.perf_counter() - start))
    rounds: dict[str, list[float]] = {name: [] for name in sides}
    order = list(sides)
    for _ in range(max(FEWEST_ROUNDS, min(ROUNDS, affordable))):
        for name in order:
            rounds[name].append(sides[name].round())
        # What a side leaves in the caches must not always hit the same one.
        order.reverse()
    return rounds


def measure(
    points: Sequence[int], sides: Sides, seconds: float, builds: int = 1
) -> Iterator[Series]:
    """Measure point after point, and give what there is so far.

    The sides are built so many times, because where their objects happen to lie in memory can
    make one slower for all its life.
    """
    lines: dict[str, Line] = {}
    for number, point in enumerate(points, 1):
        found: dict[str, list[float]] = {}
        for _ in range(builds):
            for name, rounds in take_turns(sides(point), seconds / builds).items():
                found.setdefault(name, []).extend(rounds)
        for name, rounds in found.items():
            line = lines.setdefault(name, Line([], []))
            line.best.append(min(rounds))
            line.median.append(statistics.median(rounds))
        yield Series(list(points[:number]), lines)
