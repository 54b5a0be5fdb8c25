"""Puts the tables between the marks in the pages, and leaves the rest alone."""

from __future__ import annotations

import re
from pathlib import Path

from report.figures import Figures
from report.tables import BLOCKS

ROOT = Path(__file__).parents[2]
FIGURES = ROOT / "docs" / "performance" / "figures.json"
PLOTS = FIGURES.parent
PAGES = [ROOT / "README.md", ROOT / "docs" / "performance.md"]
BLOCK = re.compile(
    r"(?P<begin><!-- figures: begin (?P<name>[a-z ]+) -->\n).*?(?P<end><!-- figures: end -->\n)",
    re.DOTALL,
)


def filled(text: str, figures: Figures) -> str:
    """Give a page with what the figures say now between its marks."""

    def fill(match: re.Match[str]) -> str:
        return f"{match['begin']}{BLOCKS[match['name']](figures)}\n{match['end']}"

    return BLOCK.sub(fill, text)


def names_of_blocks(text: str) -> list[str]:
    return [match["name"] for match in BLOCK.finditer(text)]
