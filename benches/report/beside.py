"""The comparisons on other interpreters, beside those that the page is about.

Each measures its own, and leaves a file of its own: only ratios of one run can be compared.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path

from ratios import Row
from report.figures import Figures, Machine, shortened
from report.programs import ROOT

FOLDER = ROOT / "docs" / "performance" / "beside"
RIVALS = {"NanoVer", "model"}


@dataclass(frozen=True)
class Beside:
    quick: bool
    machine: Machine
    comparisons: list[Row]

    @property
    def name(self) -> str:
        """The series alone, as `CPython 3.11`."""
        return series(self.machine)

    @property
    def file_name(self) -> str:
        return f"{self.name.lower().replace(' ', '-')}.json"

    def save(self, path: Path) -> None:
        path.write_text(json.dumps(shortened(asdict(self)), indent=1) + "\n", encoding="utf-8")


def load(path: Path) -> Beside:
    read = json.loads(path.read_text(encoding="utf-8"))
    rows = [Row(**row) for row in read["comparisons"]]
    return Beside(read["quick"], Machine(**read["machine"]), rows)


def load_all(folder: Path = FOLDER) -> list[Beside]:
    """The newest series first."""

    def numbers(one: Beside) -> list[int]:
        return [int(number) for number in re.findall(r"\d+", one.name)]

    return sorted(map(load, folder.glob("*.json")), key=numbers, reverse=True)


def series(machine: Machine) -> str:
    """`CPython 3.11`, of a longer text."""
    found = re.match(r"\S+ \d+\.\d+", machine.python)
    assert found
    return found[0] + (" free-threaded" if "free-threaded" in machine.python else "")


def ratios(rows: list[Row]) -> dict[tuple[str, str], float]:
    """Of what is compared with NanoVer's module or the model of it."""
    return {(row.section, row.what): row.ratio for row in rows if row.rival_name in RIVALS}


def columns(figures: Figures, others: list[Beside]) -> dict[str, dict[tuple[str, str], float]]:
    """The ratios by interpreter, that of the page first."""
    return {
        series(figures.machine): ratios(figures.comparisons),
        **{one.name: ratios(one.comparisons) for one in others},
    }


def rival(rows: list[Row]) -> str:
    """What it was compared with; NanoVer's module can't be had for each interpreter."""
    names = {row.rival_name for row in rows} & RIVALS
    return "NanoVer" if "NanoVer" in names else "the model"
