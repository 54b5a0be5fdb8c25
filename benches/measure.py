"""Lets two sides take turns, in short rounds.

What else the machine is doing then disturbs both alike. It only ever adds time, so a side counts
as fast as its fastest round, unless said otherwise.
"""

from __future__ import annotations

import statistics
import time
import timeit
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from contenders import RIVAL_NAME
from ratios import Row

ROUND_SECONDS = 0.001
ROUNDS = 400
FEWEST_ROUNDS = 3
BUDGET_SECONDS = 3.0
"""What one comparison may take if not told otherwise: a slow machine gets fewer rounds."""


class Side(Protocol):
    """One of the two that are compared."""

    def round(self) -> float:
        """Measure for a moment and return the seconds per call."""


class Timed:
    """A statement, run in a loop that `timeit` compiles: nothing else is measured."""

    def __init__(self, statement: str, names: Mapping[str, Any]) -> None:
        self._timer = timeit.Timer(statement, globals=dict(names))
        self._calls = 1
        while self._timer.timeit(self._calls) < ROUND_SECONDS:
            self._calls *= 2

    def round(self) -> float:
        return self._timer.timeit(self._calls) / self._calls


class Clock:
    """The time that our calls took: what pytest-benchmark is given for a timer.

    It sees whole rounds only, and would add the cost of its own loop to every call.
    """

    def __init__(self) -> None:
        self._now = 0.0

    def advance(self, seconds: float) -> None:
        self._now += seconds

    def read(self) -> float:
        return self._now


class Compare:
    """Measures two sides and reports their ratio; ours also to pytest-benchmark."""

    def __init__(
        self,
        benchmark: Any,
        clock: Clock,
        section: str,
        add_row: Callable[[Row], None],
        budget_seconds: float = BUDGET_SECONDS,
    ) -> None:
        self._benchmark = benchmark
        self._budget_seconds = budget_seconds
        self._clock = clock
        self._section = section
        self._add_row = add_row

    def __call__(
        self,
        what: str,
        *,
        rival: Side,
        ours: Side,
        against: str = RIVAL_NAME,
        target: float | None = None,
        estimate: Callable[[Sequence[float]], float] = min,
    ) -> None:
        their_rounds: list[float] = []
        our_rounds: list[float] = []

        def their_turn() -> None:
            their_rounds.append(rival.round())

        def our_turn() -> None:
            our_rounds.append(ours.round())
            self._clock.advance(our_rounds[-1])

        start = time.perf_counter()
        rival.round()
        ours.round()
        affordable = int(self._budget_seconds / (time.perf_counter() - start))
        rounds = max(FEWEST_ROUNDS, min(ROUNDS, affordable))
        self._benchmark.pedantic(our_turn, setup=their_turn, rounds=rounds)
        self._benchmark.extra_info.update({"against": against, "its rounds": their_rounds})
        self._add_row(
            Row(
                self._section,
                what,
                against,
                estimate(their_rounds),
                estimate(our_rounds),
                target,
                estimate="median" if estimate is statistics.median else "minimum",
                rounds=rounds,
                rival_median=statistics.median(their_rounds),
                our_median=statistics.median(our_rounds),
            )
        )
