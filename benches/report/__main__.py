"""Measure everything, and write the figures, the plots and the tables from it.

Nothing is written before all is measured.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from report import latency, pages, programs, turns
from report.beside import FOLDER, Beside
from report.figures import Figures, Series, Spread, load
from report.machine import load_average, machine
from report.plots import draw
from report.series import PLANS

QUICK_SECONDS = 0.1
TRIAL = pages.ROOT / ".benchmarks" / "report"


class Display:
    """One bar for each part, or one line where there is no terminal."""

    def __init__(self, console: Console) -> None:
        self._console = console
        columns = [TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn()]
        self._progress = Progress(*columns, console=console, disable=not console.is_terminal)

    def __enter__(self) -> Display:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    @contextmanager
    def part(self, name: str) -> Iterator[programs.Progress]:
        task = self._progress.add_task(name, total=1)
        start = time.monotonic()
        yield lambda done: self._progress.update(task, completed=done)
        self._progress.update(task, completed=1)
        if not self._console.is_terminal:
            self._console.print(f"{name}: {time.monotonic() - start:.0f} s")


def measure(display: Display, *, quick: bool) -> Figures:
    with display.part("compiling the journal's benchmarks"):
        programs.build_journal()
    before = load_average()
    with tempfile.TemporaryDirectory() as folder:
        with display.part("comparisons") as progress:
            seconds_each = QUICK_SECONDS if quick else None
            rows = programs.comparisons(progress, Path(folder, "rounds.json"), seconds_each)
        with display.part("the journal alone"):
            journal = programs.journal(Path(folder, "criterion"), quick=quick)
    series: dict[str, Series] = {}
    for name, plan in PLANS.items():
        seconds = min(plan.seconds, QUICK_SECONDS) if quick else plan.seconds
        with display.part(name.replace("_", " ")) as progress:
            for series[name] in turns.measure(plan.points, plan.sides, seconds, plan.builds):
                progress(len(series[name].points) / len(plan.points))
    wake_ups: dict[str, dict[str, Spread]] = {}
    for name, sides in (("threads", latency.THREADS), ("tasks", latency.TASKS)):
        rounds = 3 if quick else latency.TURNS
        with display.part(f"wake-ups of {name}") as progress:
            for number, wake_ups[name] in enumerate(latency.measure(sides, rounds), 1):
                progress(number / rounds)
    return Figures(
        quick=quick,
        machine=machine([before, load_average()]),
        comparisons=rows,
        series=series,
        thread_wake_ups=wake_ups["threads"],
        task_wake_ups=wake_ups["tasks"],
        journal=journal,
    )


def measure_beside(display: Display, *, quick: bool) -> Beside:
    before = load_average()
    with tempfile.TemporaryDirectory() as folder, display.part("comparisons") as progress:
        seconds_each = QUICK_SECONDS if quick else None
        rows = programs.comparisons(progress, Path(folder, "rounds.json"), seconds_each)
    return Beside(quick, machine([before, load_average()]), rows)


def write(figures_file: Path, page_files: dict[Path, Path]) -> None:
    """Write all that is made of the figures: from the file, as the tests do."""
    figures = load(figures_file)
    draw(figures, figures_file.parent)
    for page, target in page_files.items():
        target.write_text(pages.filled(page.read_text(encoding="utf-8"), figures), encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench-report", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help=f"measure badly, and write to {TRIAL.name}/ only"
    )
    parser.add_argument(
        "--again",
        action="store_true",
        help="measure nothing: make plots and tables of the figures that are there",
    )
    parser.add_argument(
        "--beside",
        action="store_true",
        help="measure the comparisons only, to stand beside those of another interpreter",
    )
    options = parser.parse_args()
    folder = TRIAL if options.quick else pages.PLOTS
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / pages.FIGURES.name
    console = Console(highlight=False)
    if not options.again:
        start = time.monotonic()
        with Display(console) as display:
            if options.beside:
                beside = measure_beside(display, quick=options.quick)
                target = folder if options.quick else FOLDER
                target.mkdir(exist_ok=True)
                beside.save(target / beside.file_name)
            else:
                measure(display, quick=options.quick).save(file)
        console.print(f"measured in {(time.monotonic() - start) / 60:.1f} minutes")
        if options.beside and options.quick:
            return
    write(file, {page: folder / page.name if options.quick else page for page in pages.PAGES})
    console.print(f"written: {folder.relative_to(pages.ROOT)}/")


if __name__ == "__main__":
    main()
