"""The report: how the measurements compare with each other and with the targets."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text


@dataclass(frozen=True)
class Row:
    """One comparison. Less is better, in seconds or bytes."""

    section: str
    what: str
    rival_name: str
    rival: float
    ours: float
    target: float | None
    """The ratio to reach; none for what is only reported."""
    unit: str = "s"
    estimate: str = "minimum"
    """How `rival` and `ours` were made of the rounds."""
    rounds: int = 1
    rival_median: float | None = None
    our_median: float | None = None
    """Far above the minimum on a machine that was busy."""

    @property
    def ratio(self) -> float:
        return self.rival / self.ours

    @property
    def reached(self) -> bool | None:
        return None if self.target is None else self.ratio > self.target

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "ratio": self.ratio, "reached": self.reached}


def report(rows: Iterable[Row], heading: str) -> RenderableType:
    """Render the table and, below it, the verdict if there are targets."""
    rows = list(rows)
    has_targets = any(row.target is not None for row in rows)
    columns = ("against", "theirs", "ours", "ratio", "target", "reached")
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("what")
    for column in columns if has_targets else columns[:4]:
        table.add_column(column, justify="left" if column == "against" else "right", no_wrap=True)
    section = None
    for row in rows:
        if row.section != section:
            if section is not None:
                table.add_section()
            section = row.section
            table.add_row(Text(section, style="bold"))
        cells = [
            row.rival_name,
            quantity(row.rival, row.unit),
            quantity(row.ours, row.unit),
            times(row.ratio),
            "" if row.target is None else f"> {times(row.target)}",
            {True: "[green]yes", False: "[bold red]no", None: "[dim]-"}[row.reached],
        ]
        table.add_row(Text(f"  {row.what}"), *cells[: len(table.columns) - 1])
    return Group(
        Text(heading),
        Text("ratio = theirs / ours: above 1, ours is faster or smaller"),
        table,
        *([verdict(rows)] if has_targets else []),
        *([behind(rows)] if any(map(asks_who_is_faster, rows)) else []),
    )


FLOORS = {"b''.join"}
"""What can't be beaten, and is there to see how much is left."""


def asks_who_is_faster(row: Row) -> bool:
    """Or else what something adds, how it grows, or whether a limit is kept."""
    name = row.rival_name
    return not (name.startswith("ours") or name == "limit" or name.isdigit())


def is_behind(row: Row) -> bool:
    """Whether somebody else is faster or smaller, as far as the table shows."""
    is_floor = row.rival_name in FLOORS
    return asks_who_is_faster(row) and not is_floor and round(row.ratio, 2) < 1


def behind(rows: Iterable[Row]) -> Text:
    """List everything under 1.0, the worst first."""
    slower = sorted(filter(is_behind, rows), key=lambda row: row.ratio)
    if not slower:
        return Text("nothing is under 1.0x")
    text = Text(f"under 1.0x: {len(slower)}")
    for row in slower:
        text.append(f"\n{times(row.ratio)}: {row.section}: {row.what}, against {row.rival_name}")
    return text


def verdict(rows: Iterable[Row]) -> Text:
    targeted = [row for row in rows if row.target is not None]
    missed = [row for row in targeted if not row.reached]
    text = Text(f"{len(targeted) - len(missed)} of {len(targeted)} targets reached")
    for row in missed:
        missing = f"{times(row.ratio)} against {row.rival_name}, target > {times(row.target or 0)}"
        text.append(f"\nmissed: {row.section}: {row.what}: {missing}", style="red")
    return text


def quantity(value: float, unit: str) -> str:
    if unit == "B":
        return f"{value:,.0f} B"
    for scale, prefix in ((1e9, "n"), (1e6, "u")):
        if value * scale < 1000:
            return f"{short(value * scale)} {prefix}s"
    return f"{short(value * 1e3)} ms"


def times(ratio: float) -> str:
    return f"{short(ratio)}x"


def short(value: float) -> str:
    decimals = 2 if value < 10 else 1 if value < 100 else 0
    return f"{value:,.{decimals}f}"
