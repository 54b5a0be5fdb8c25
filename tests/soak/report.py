"""Showing a soak while it runs, and what it came to."""

from __future__ import annotations

import time
from types import TracebackType

from rich import progress
from rich.console import Console
from rich.table import Table

from soak.memory import TOLERANCE, WARM_UP, judge
from soak.rounds import Run

DRAWING_SECONDS = 0.5
LINE_SECONDS = 30.0
MIB = 2**20


class Progress:
    """A bar on a terminal, else a line at times."""

    def __init__(self, console: Console, seconds: float) -> None:
        self._console = console
        # Drawn by `show` alone, since handlers of signals may raise in a thread that draws.
        self._bar = progress.Progress(
            *progress.Progress.get_default_columns(), console=console, auto_refresh=False
        )
        self._task = self._bar.add_task("soaking", total=seconds)
        self._started = self._shown = time.monotonic()

    def __enter__(self) -> Progress:
        # Before anything is measured, for the first line costs what later ones do not.
        self._console.print("0 s: begun")
        if self._console.is_terminal:
            self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def show(self, run: Run) -> None:
        """Show how far it is."""
        now = time.monotonic()
        period = DRAWING_SECONDS if self._console.is_terminal else LINE_SECONDS
        if now < self._shown + period:
            return
        self._shown = now
        resident = f"{run.samples[-1] / MIB:.1f} MiB" if run.samples else "not measured yet"
        text = f"round {run.rounds}, {run.operations:,} operations, resident {resident}"
        self._bar.update(self._task, completed=now - self._started, description=text)
        if self._console.is_terminal:
            self._bar.refresh()
        else:
            self._console.print(f"{now - self._started:.0f} s: {text}")


def table(run: Run) -> Table:
    """Tell what was done, and what it took."""
    shown = Table("what", "how often", title=f"{run.rounds} rounds in {run.seconds:.0f} s")
    shown.columns[1].justify = "right"
    for kind, number in sorted(run.tally.items()):
        shown.add_row(kind, f"{number:,}")
    shown.add_row("all operations", f"{run.operations:,}", style="bold")
    shown.add_section()
    verdict = judge(run.samples)
    for moment, size in [
        ("after the warm-up", verdict.start),
        ("at the end", verdict.end),
        ("at most, between rounds", verdict.highest),
        ("at most, in a round", run.highest),
    ]:
        shown.add_row(f"resident {moment}", f"{size / MIB:.1f} MiB")
    blocks = judge(run.blocks)
    for what, one in [("resident memory", verdict), ("blocks of Python", blocks)]:
        growth = f"{one.growth:+.2%}" if one.judged else "too few rounds"
        shown.add_row(f"growth of {what}", growth)
    return shown


def problems(run: Run) -> list[str]:
    """Tell what went wrong, if anything."""
    found = list(run.failures)
    for what, samples, unit in [
        ("resident memory", run.samples, MIB),
        ("the number of blocks", run.blocks, 1),
    ]:
        verdict = judge(samples)
        if verdict.judged and not verdict.flat:
            sizes = [f"{x / unit:,.1f}" for x in (verdict.start, verdict.end, verdict.highest)]
            found.append(
                f"{what} is not flat within {TOLERANCE:.0%} after the first {WARM_UP:.0%} of the "
                f"rounds: {sizes[0]}, then {sizes[1]}, {sizes[2]} at most"
            )
    return found
