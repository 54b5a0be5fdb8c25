"""What was measured, as it is kept in the repository: the one source of all tables and plots."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ratios import Row

DIGITS = 4
"""More would be noise."""


@dataclass(frozen=True)
class Machine:
    """Where, and how busy it was: the load average before and after."""

    cpu: str
    cores: int
    virtual: bool
    memory_gib: float
    system: str
    python: str
    versions: dict[str, str]
    load: list[float]


@dataclass(frozen=True)
class Line:
    """What one contender needed at each point. Less is better, in seconds or bytes."""

    best: list[float]
    median: list[float]


@dataclass(frozen=True)
class Series:
    points: list[int]
    lines: dict[str, Line]


@dataclass(frozen=True)
class Spread:
    """How one-way latencies are distributed, in seconds at the levels of `latency.LEVELS`."""

    samples: int
    seconds: dict[str, float]


@dataclass(frozen=True)
class Figures:
    quick: bool
    machine: Machine
    comparisons: list[Row]
    series: dict[str, Series]
    thread_wake_ups: dict[str, Spread]
    task_wake_ups: dict[str, Spread]
    journal: dict[str, float]
    """Median seconds in Rust alone, by the names that criterion gives."""

    @property
    def rival(self) -> str:
        """What the sides that can be exchanged are called: NanoVer, or the model of it."""
        names = {row.rival_name for row in self.comparisons}
        return "NanoVer" if "NanoVer" in names else "model"

    def find(self, section: str, what: str, against: str) -> Row:
        """Give the one comparison; `{rival}` stands for the name of the rival."""
        against = against.replace("{rival}", self.rival)
        rows = [
            row
            for row in self.comparisons
            if (row.section, row.what, row.rival_name) == (section, what, against)
        ]
        if len(rows) != 1:
            raise LookupError(f"{len(rows)} comparisons are {section!r}: {what!r}, {against!r}")
        return rows[0]

    def save(self, path: Path) -> None:
        path.write_text(json.dumps(shortened(asdict(self)), indent=1) + "\n", encoding="utf-8")

    def digest(self) -> str:
        """What plots bear to tell that they belong to these figures."""
        return digest_of(asdict(self))


def load(path: Path) -> Figures:
    read: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return Figures(
        quick=read["quick"],
        machine=Machine(**read["machine"]),
        comparisons=[Row(**row) for row in read["comparisons"]],
        series={
            name: Series(
                series["points"], {label: Line(**line) for label, line in series["lines"].items()}
            )
            for name, series in read["series"].items()
        },
        thread_wake_ups=spreads(read["thread_wake_ups"]),
        task_wake_ups=spreads(read["task_wake_ups"]),
        journal=read["journal"],
    )


def digest_of(value: Any) -> str:
    text = json.dumps(shortened(value), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def spreads(read: dict[str, Any]) -> dict[str, Spread]:
    return {name: Spread(**spread) for name, spread in read.items()}


def shortened(value: Any) -> Any:
    """Round all numbers, so that the file tells no more than is known."""
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}")
    if isinstance(value, dict):
        return {key: shortened(item) for key, item in value.items()}
    if isinstance(value, list):
        return [shortened(item) for item in value]
    return value
