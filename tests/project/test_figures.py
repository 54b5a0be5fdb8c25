"""The performance page, the README and the plots say what the measured figures say."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[2] / "benches"))
from report import beside, pages, tables
from report.figures import Figures, load
from report.numbers import digits, quantities, times

PLOT = re.compile(r"!\[[^]]+\]\((performance/[a-z-]+\.svg)\)")


@pytest.fixture(scope="module")
def figures() -> Figures:
    return load(pages.FIGURES)


@pytest.mark.parametrize("page", pages.PAGES, ids=lambda page: str(page.name))
def test_a_page_has_the_tables_that_its_figures_give(page: Path, figures: Figures) -> None:
    text = page.read_text(encoding="utf-8")
    assert pages.names_of_blocks(text)
    assert pages.filled(text, figures) == text


@pytest.mark.parametrize("page", pages.PAGES, ids=lambda page: str(page.name))
def test_marks_are_in_pairs(page: Path) -> None:
    # One that is misspelt would leave its table as it was.
    text = page.read_text(encoding="utf-8")
    blocks = len(pages.names_of_blocks(text))
    assert text.count("figures: begin") == text.count("figures: end") == blocks


def test_every_table_is_on_the_page() -> None:
    page = (pages.ROOT / "docs" / "performance.md").read_text(encoding="utf-8")
    assert sorted(pages.names_of_blocks(page)) == sorted(tables.BLOCKS)


def test_every_plot_is_of_these_figures_and_on_the_page(figures: Figures) -> None:
    page = pages.ROOT / "docs" / "performance.md"
    shown = {page.parent / name for name in PLOT.findall(page.read_text(encoding="utf-8"))}
    assert shown == set(pages.PLOTS.glob("*.svg"))
    assert all(figures.digest() in plot.read_text(encoding="utf-8") for plot in shown)


def test_figures_that_are_committed_were_measured_in_earnest(figures: Figures) -> None:
    assert not figures.quick


def test_figures_survive_being_saved(figures: Figures, tmp_path: Path) -> None:
    figures.save(tmp_path / "figures.json")
    assert load(tmp_path / "figures.json") == figures


def test_other_interpreters_stand_beside(figures: Figures) -> None:
    others = beside.load_all()
    assert not any(other.quick for other in others)
    columns = beside.columns(figures, others)
    assert len(columns) == len(others) + 1
    text = tables.interpreters(figures)
    for name, ratios in columns.items():
        assert name in text
        assert any(times(ratio) in text for ratio in ratios.values())


def test_a_comparison_that_is_gone_is_noticed(figures: Figures) -> None:
    with pytest.raises(LookupError, match="0 comparisons"):
        figures.find("One update", "1 key, 1 view", "nobody")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (0.000064, "0.000064"),
        (0.0672, "0.067"),
        (0.0996, "0.10"),
        (0.5, "0.50"),
        (0.999, "1.00"),
        (1.084, "1.08"),
        (20.71, "20.7"),
        (654.4, "654"),
        (12345.6, "12,346"),
    ],
)
def test_digits(value: float, text: str) -> None:
    assert digits(value) == text


@pytest.mark.parametrize(
    ("ratio", "text"),
    [(0.084, "0.08"), (0.936, "0.94"), (1.04, "1.0"), (9.96, "10"), (16.2, "16"), (9871, "9,900")],
)
def test_times(ratio: float, text: str) -> None:
    assert times(ratio) == text


@pytest.mark.parametrize(
    ("values", "unit", "texts"),
    [
        ([0.32e-6, 0.067e-6], "s", ["0.32 us", "0.067 us"]),
        ([14.5e-3, 0.05e-3], "s", ["14.5 ms", "0.050 ms"]),
        ([654e-6, 0.066e-6], "s", ["654 us", "0.066 us"]),
        ([4096, 653], "B", ["4.10 KB", "0.65 KB"]),
        ([95, 248], "B", ["95.0 B", "248 B"]),
    ],
)
def test_the_quantities_of_a_row_have_one_unit(
    values: list[float], unit: str, texts: list[str]
) -> None:
    assert quantities(values, unit) == texts


PHONE = 328
"""Pixels that a page leaves for a picture on a small phone."""


@pytest.mark.parametrize("plot", sorted(pages.PLOTS.rglob("*.svg")), ids=lambda path: path.stem)
def test_the_text_of_a_plot_can_be_read_on_a_phone(plot: Path) -> None:
    text = plot.read_text(encoding="utf-8")
    width = float(re.search(r'<svg [^>]*width="([0-9.]+)pt"', text, re.DOTALL)[1])
    sizes = {float(size) for size in re.findall(r"font-size: ([0-9.]+)px", text)}
    assert sizes
    assert min(sizes) * PHONE / width >= 7
