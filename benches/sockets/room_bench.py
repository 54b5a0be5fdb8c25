"""Measure the server of this package: what it is to reach, and what it does, in one run.

Everybody publishes 370 bytes 30 times a second and follows everybody, unless it says otherwise.
"""

from __future__ import annotations

import argparse
import json
import urllib.request
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psutil
from rich import box
from rich.console import Console
from rich.table import Table

from report.figures import Machine, shortened
from report.machine import load_average, machine
from report.tables import short_machine, table
from sockets import measure, sleepers
from sockets.figures import Run
from sockets.nanover_server import ALONE
from sockets.room_server import FULL, KEYS, ROOM, UVLOOP
from sockets.tables import ROOT

GUIDE = ROOT / "docs" / "guide" / "server.md"
FIGURES = ROOT / "docs" / "performance" / "sockets" / "server.json"
TRIAL = ROOT / ".benchmarks" / "sockets"
BEGIN, END = "<!-- server: begin -->\n", "<!-- server: end -->\n"
HEADS = ["what", "to reach", "measured"]
SERVER, FLOOR, NANOVER = "sockets.room_server", "sockets.floor_server", "sockets.nanover_server"
WIDTH = 110
SECONDS, WARM_UP = 10.0, 4.0
QUICK_SECONDS, QUICK_WARM_UP = 2.0, 1.5


@dataclass(frozen=True)
class Finding:
    """One figure, and what it is to be."""

    what: str
    bar: str
    found: str
    is_reached: bool


@dataclass
class Bench:
    """One run of all of it."""

    quick: bool
    console: Console
    findings: list[Finding] = field(default_factory=list)

    def note(self, what: str, value: float, most: float, show: Callable[[float], str]) -> None:
        """Note a figure that is to be at most so much."""
        finding = Finding(what, f"{show(most)} at most", show(value), value <= most)
        self.findings.append(finding)
        self.console.print(f"{what}: {finding.found}, {finding.bar}")

    def run(self, module: str, side: str, clients: int, *more: str) -> tuple[Run, dict[str, Any]]:
        """Measure one server with so many clients; give what was seen in the end, too."""
        seen: dict[str, Any] = {}

        def look(url: str, process: psutil.Process, told: dict[str, Any]) -> None:
            seen.update(told, memory=process.memory_info().rss)
            if module == SERVER:
                with urllib.request.urlopen(url.replace("ws", "http", 1) + "stats") as response:
                    seen["stats"] = json.load(response)

        seconds = QUICK_SECONDS if self.quick else SECONDS
        warm_up = QUICK_WARM_UP if self.quick else WARM_UP
        run = measure.run(module, side, clients, warm_up, seconds, lambda part: None, more, look)
        return run, seen

    def against_nanover(self) -> None:
        """60 clients, as NanoVer's own server has them."""
        theirs, _ = self.run(NANOVER, ALONE, 60)
        ours, _ = self.run(SERVER, ROOM, 60)
        what = f"60 clients: CPU, of that of NanoVer's own server ({percent(theirs.cpu)} of a core)"
        self.note(what, ours.cpu / theirs.cpu, 1 / 5, ratio)

    def everybody(self) -> None:
        """300 clients, and the floor with the same bytes."""
        ours, seen = self.run(SERVER, ROOM, 300, "--readers=3")
        self.note("300 clients: CPU of a core", ours.cpu, 0.6, percent)
        self.note("300 clients: until another client has it, p99", ours.delay(99), 0.05, ms)
        self.note("300 clients: memory of the server", seen["memory"], 100e6, megabytes)
        what = "300 clients: messages that whoever is behind most was not sent"
        self.note(what, 1 - seen["fewest"], 0.05, percent)
        floor = self.floor(ours)
        self.against_floor("300 clients", ours, floor)
        other, _ = self.run(SERVER, UVLOOP, 300, "--readers=3")
        self.note("300 clients, with uvloop: CPU of a core", other.cpu, 0.6, percent)
        self.note("300 clients, with uvloop: p99", other.delay(99), 0.05, ms)
        self.against_floor("300 clients, with uvloop", other, floor)

    def floor(self, ours: Run) -> float:
        """Measure a loop that only sends the same; give the seconds that a message takes."""
        size = round(ours.bytes_per_second / ours.messages / ours.clients)
        side = f"{ours.clients}x{size}"
        floor, _ = self.run(FLOOR, side, ours.clients, "--publishers=0", "--readers=0")
        return floor.cpu / floor.messages / floor.clients

    def against_floor(self, what: str, ours: Run, floor: float) -> None:
        """Compare with a loop that only sends."""
        own = ours.cpu / ours.messages / ours.clients
        what = f"{what}: CPU for each message, of a loop of `socket.send` ({floor * 1e6:.1f} us)"
        self.note(what, own / floor, 2, ratio)

    def followers(self) -> None:
        """900 of whom 20 publish."""
        ours, _ = self.run(SERVER, ROOM, 900, "--readers=3", "--publishers=20")
        self.note("900 followers of 20: CPU of a core", ours.cpu, 0.5, percent)
        self.note("900 followers of 20: p99", ours.delay(99), 0.06, ms)
        self.against_floor("900 followers of 20", ours, self.floor(ours))

    def joining(self) -> None:
        """300 at once, into a room that is full of keys."""
        ours, seen = self.run(SERVER, FULL, 20, "--joiners=300", "--readers=3")
        what = f"300 join a room of {KEYS:,} keys at once: until all have them"
        self.note(what, seen["joined"], 2, lambda value: f"{value:.2f} s")
        self.note("20 who are inside meanwhile: p99", ours.delay(99), 0.1, ms)

    def sleeping(self) -> None:
        """Those who never read, for a minute."""
        seconds = 5.0 if self.quick else 60.0
        found = sleepers.measure(1000, seconds)
        what = f"1,000 clients that never read, for {seconds:.0f} s: memory more than before"
        self.note(what, found.grown, 100e6, megabytes)
        self.note("one who reads meanwhile: p99", found.delay, 0.1, ms)


def percent(value: float) -> str:
    return f"{max(0.0, value) * 100:.0f} %"


def ratio(value: float) -> str:
    return f"{value:.2f}"


def ms(value: float) -> str:
    return f"{value * 1e3:.0f} ms"


def megabytes(value: float) -> str:
    return f"{value / 1e6:.0f} MB"


def in_markdown(figures: dict[str, Any] | None) -> str:
    """What stands between the marks of the guide."""
    if figures is None:
        return "No figures have been taken yet.\n"
    rows = [[one["what"], one["bar"], one["found"]] for one in figures["findings"]]
    return f"{short_machine(Machine(**figures['machine']))}\n\n{table(HEADS, rows)}\n"


def filled(page: str, figures: dict[str, Any] | None) -> str:
    """Give the guide with what the figures say now."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}{in_markdown(figures)}{END}{after}"


def on_terminal(findings: list[Finding]) -> Table:
    shown = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for head in [*HEADS, ""]:
        shown.add_column(head)
    for one in findings:
        shown.add_row(one.what, one.bar, one.found, "" if one.is_reached else "NOT REACHED")
    return shown


PARTS = {
    "nanover": Bench.against_nanover,
    "everybody": Bench.everybody,
    "followers": Bench.followers,
    "joining": Bench.joining,
    "sleeping": Bench.sleeping,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench-server", description=__doc__)
    parser.add_argument(
        "--only", choices=PARTS, action="append", help="measure this, write nothing"
    )
    parser.add_argument(
        "--quick", action="store_true", help=f"measure badly, and write to {TRIAL.name}/ only"
    )
    options = parser.parse_args()
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=WIDTH)
    bench, before = Bench(options.quick, console), load_average()
    for part in options.only or PARTS:
        PARTS[part](bench)
    console.print(on_terminal(bench.findings))
    if options.only:
        return
    figures = {
        "quick": options.quick,
        "machine": asdict(machine([before, load_average()])),
        "findings": [asdict(finding) for finding in bench.findings],
    }
    file = TRIAL / FIGURES.name if options.quick else FIGURES
    page = TRIAL / GUIDE.name if options.quick else GUIDE
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(shortened(figures), indent=1) + "\n", encoding="utf-8")
    page.write_text(filled(GUIDE.read_text(encoding="utf-8"), figures), encoding="utf-8")
    console.print(f"written: {file.relative_to(ROOT)}")


def load(path: Path = FIGURES) -> dict[str, Any] | None:
    """Give what was measured last, if there is such a thing."""
    if not path.exists():
        return None
    read: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return read


if __name__ == "__main__":
    main()
