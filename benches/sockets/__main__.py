"""Measure NanoVer's own server: on its own module, on ours, encoding once; and one of one's own.

Nothing is written before all is measured.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from report.machine import load_average, machine
from sockets import measure, tables
from sockets.figures import Figures, Run, load
from sockets.nanover_server import SIDES as NANOVER
from sockets.own_server import OWN
from sockets.plot import draw

SIDES = {**dict.fromkeys(NANOVER, "sockets.nanover_server"), OWN: "sockets.own_server"}
"""The modules that serve them."""
CLIENTS = [20, 60, 100, 140]
SECONDS, WARM_UP_SECONDS, ROUNDS = 10.0, 4.0, 3
QUICK_SECONDS, QUICK_WARM_UP_SECONDS = 2.0, 1.0
WIDTH_OF_A_FILE = 100
TRIAL = tables.ROOT / ".benchmarks" / "sockets"


def run_all(console: Console, clients: list[int], rounds: int, *, quick: bool) -> list[Run]:
    """Let the sides take turns, the other way round every other time."""
    seconds = QUICK_SECONDS if quick else SECONDS
    warm_up = QUICK_WARM_UP_SECONDS if quick else WARM_UP_SECONDS
    columns = [TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn()]
    runs = []
    with Progress(
        *columns, TimeRemainingColumn(), console=console, disable=not console.is_terminal
    ) as progress:
        task = progress.add_task("", total=len(clients) * rounds * len(SIDES))
        for number in clients:
            for turn in range(rounds):
                for side in list(SIDES)[:: 1 if turn % 2 == 0 else -1]:
                    done = len(runs)
                    what = f"{number} clients, {side}"
                    progress.update(task, description=what)
                    found = measure.run(
                        SIDES[side], side, number, warm_up, seconds,
                        lambda part, done=done: progress.update(task, completed=done + part),
                    )  # fmt: skip
                    runs.append(found)
                    progress.update(task, completed=len(runs))
                    if not console.is_terminal:
                        p99 = tables.milliseconds(found.delay(99))
                        console.print(f"{what}: {found.cpu * 100:.0f} % of a core, p99 {p99}")
    return runs


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench-nanover", description=__doc__)
    parser.add_argument("--clients", type=int, nargs="+", default=CLIENTS, metavar="N")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="default: %(default)s")
    parser.add_argument(
        "--quick", action="store_true", help=f"measure badly, and write to {TRIAL.name}/ only"
    )
    parser.add_argument(
        "--again", action="store_true", help="measure nothing: plot and table of what is there"
    )
    options = parser.parse_args()
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=WIDTH_OF_A_FILE)
    file = TRIAL / tables.FIGURES.name if options.quick else tables.FIGURES
    page = TRIAL / tables.GUIDE.name if options.quick else tables.GUIDE
    file.parent.mkdir(parents=True, exist_ok=True)
    if not options.again:
        before = load_average()
        rounds = 1 if options.quick else options.rounds
        runs = run_all(console, options.clients, rounds, quick=options.quick)
        Figures(options.quick, machine([before, load_average()]), runs).save(file)
    write(file, page)
    figures = load(file)
    console.print(tables.on_terminal(figures))
    console.print(tables.how_late(figures))
    console.print(f"written: {file.relative_to(tables.ROOT)}")


def write(file: Path, page: Path) -> None:
    """Write all that is made of the figures: from the file, as the tests do."""
    figures = load(file)
    draw(figures, file.with_suffix(".svg"))
    text = tables.GUIDE.read_text(encoding="utf-8")
    page.write_text(tables.filled(text, figures), encoding="utf-8")


if __name__ == "__main__":
    main()
