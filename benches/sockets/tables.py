"""What was measured over sockets, as tables: on the terminal and in the guide."""

from __future__ import annotations

import math
import re
from pathlib import Path

from rich import box
from rich.table import Table

from report.tables import short_machine, table
from sockets.figures import Figures

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs" / "guide" / "nanover.md"
FIGURES = ROOT / "docs" / "performance" / "sockets" / "nanover.json"
BLOCK = re.compile(
    r"(?P<begin><!-- sockets: begin -->\n).*?(?P<end><!-- sockets: end -->\n)", re.DOTALL
)
HEADS = ["clients", "server", "CPU of a core", "messages/s to each", "p50", "p99"]


def rows(figures: Figures) -> list[list[str]]:
    """One for each number of clients and side."""
    return [row(figures, side, number) for number in figures.clients for side in figures.sides]


def row(figures: Figures, side: str, clients: int) -> list[str]:
    cpu = figures.median(side, clients, lambda run: run.cpu)
    messages = figures.median(side, clients, lambda run: run.messages)
    p50 = figures.median(side, clients, lambda run: run.delay(50))
    p99 = figures.median(side, clients, lambda run: run.delay(99))
    return [
        f"{clients}",
        side,
        f"{cpu * 100:.0f} %",
        f"{messages:.1f}",
        milliseconds(p50),
        milliseconds(p99),
    ]


def milliseconds(seconds: float) -> str:
    return "never" if math.isinf(seconds) else f"{seconds * 1e3:,.0f} ms"


def on_terminal(figures: Figures) -> Table:
    shown = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for head in HEADS:
        shown.add_column(head, justify="left" if head == "server" else "right")
    for number, cells in enumerate(rows(figures)):
        if number and number % len(figures.sides) == 0:
            shown.add_section()
        shown.add_row(*cells)
    return shown


def in_markdown(figures: Figures) -> str:
    """What stands between the marks of the guide."""
    versions = figures.machine.versions
    return (
        f"nanover-server {versions['nanover-server']}, {short_machine(figures.machine)} "
        f"{how_late(figures)}\n\n{table(HEADS, rows(figures))}"
    )


def how_late(figures: Figures) -> str:
    """Say whether it was the clients that were slow."""
    late = max(
        figures.median(side, clients, lambda run: run.late)
        for side in figures.sides
        for clients in figures.clients
    )
    return f"The clients themselves were late by {milliseconds(late)} at most (p99)."


def filled(page: str, figures: Figures) -> str:
    """Give the guide with what the figures say now."""
    return BLOCK.sub(lambda match: f"{match['begin']}{in_markdown(figures)}\n{match['end']}", page)
