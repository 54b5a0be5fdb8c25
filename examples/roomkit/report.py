"""Showing a run: live while it goes on, as a table when it is over."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from types import TracebackType

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from roomkit.measure import Outcome, Status, percentile

DRAWING_SECONDS = 0.5
LINE_SECONDS = 5.0

CAPTION = """\
latency: from an update to its delivery, the client's own interval included
delay: the part of it after the delivery was due; --help says more"""

COMPARED = """
ratio: model to module; of times, above 1 the module is faster"""


class LiveDisplay:
    """Shows how a run is doing: drawn in place on a terminal, else as a line at times."""

    def __init__(self, console: Console, title: str, name: str, seconds: float) -> None:
        self._console = console
        self._title = title
        self._name = name
        self._last = Status(0.0, 0, 0, 0.0)
        self._period = DRAWING_SECONDS if console.is_terminal else LINE_SECONDS
        self._next = self._period
        self._progress = Progress(
            TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn()
        )
        self._task = self._progress.add_task(name, total=seconds)
        # Drawn by `show` alone: a thread that draws would be measured along with the run.
        self._live = Live(console=console, auto_refresh=False, transient=True)

    def __enter__(self) -> LiveDisplay:
        print(f"{self._title}, {self._name} ...", file=self._console.file, flush=True)
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._live.stop()

    def show(self, status: Status) -> None:
        """Take the newest figures."""
        if status.elapsed < self._next:
            return
        self._next = status.elapsed + self._period
        rates = self._rates_since_last(status)
        if self._console.is_terminal:
            self._progress.update(self._task, completed=status.elapsed)
            self._live.update(Group(self._progress, Text(rates)), refresh=True)
        else:
            print(f"{status.elapsed:6.1f} s: {rates}", file=self._console.file, flush=True)

    def _rates_since_last(self, status: Status) -> str:
        last, self._last = self._last, status
        seconds = status.elapsed - last.elapsed
        published = (status.published - last.published) / seconds
        deliveries = (status.deliveries - last.deliveries) / seconds
        return (
            f"{published:,.0f} published/s, {deliveries:,.0f} deliveries/s, "
            f"slowest client {status.worst_delay * 1000:.1f} ms late"
        )


def milliseconds(value: float) -> str:
    """Return seconds as text."""
    return "-" if math.isnan(value) else f"{value * 1000:.2f} ms"


def number(value: float) -> str:
    """Return a number as text."""
    return "-" if math.isnan(value) else f"{value:.2f}"


def replicas(outcome: Outcome) -> str:
    """Return how many of the replicas are right."""
    equal = outcome.present - len(outcome.unequal)
    return f"{'yes' if outcome.is_right else 'NO'}, {equal} of {outcome.present}"


def table(outcomes: Sequence[Outcome], title: str) -> Group:
    """Return the outcomes side by side; of two also the first, the model's, over the second."""
    result = Table()
    result.add_column("")
    for outcome in outcomes:
        name = f"{outcome.name} (interrupted)" if outcome.interrupted else outcome.name
        result.add_column(name, justify="right")
    compared = len(outcomes) == 2
    if compared:
        result.add_column("ratio", justify="right")

    def add(label: str, text: Callable[[float], str], value: Callable[[Outcome], float]) -> None:
        values = [value(outcome) for outcome in outcomes]
        ratio = values[0] / values[1] if compared and values[1] else math.nan
        result.add_row(label, *map(text, values), *([number(ratio)] if compared else []))

    add("changes published", "{:,}".format, lambda outcome: outcome.published)
    add("deliveries", "{:,}".format, lambda outcome: outcome.deliveries)
    add("coalescing factor", number, lambda outcome: outcome.coalescing)
    add("latency p50", milliseconds, lambda outcome: percentile(outcome.latencies, 50))
    add("latency p99", milliseconds, lambda outcome: percentile(outcome.latencies, 99))
    add("delay p50", milliseconds, lambda outcome: percentile(outcome.delays, 50))
    add("delay p99", milliseconds, lambda outcome: percentile(outcome.delays, 99))
    add("wall time", "{:.2f} s".format, lambda outcome: outcome.wall)
    add("CPU used", "{:.2f} s".format, lambda outcome: outcome.cpu)
    add("CPU used, of one core", "{:.1%}".format, lambda outcome: outcome.cpu / outcome.wall)
    result.add_row("replicas equal the content", *map(replicas, outcomes))
    caption = CAPTION + COMPARED * compared
    return Group(Text(title, style="bold"), result, Text(caption))


def problems(outcomes: Sequence[Outcome]) -> list[str]:
    """Return a line for everything that went wrong."""
    return [
        f"{outcome.name}: {problem}"
        for outcome in outcomes
        for problem in (*outcome.failures, *outcome.unequal)
    ]
