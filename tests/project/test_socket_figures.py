"""The guide for NanoVer's users and its plot say what was measured over sockets."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[2] / "benches"))
from sockets import tables
from sockets.figures import Figures, Run, load


@pytest.fixture(scope="module")
def figures() -> Figures:
    return load(tables.FIGURES)


@pytest.fixture(scope="module")
def guide() -> str:
    return tables.GUIDE.read_text(encoding="utf-8")


def test_the_guide_has_the_table_that_the_figures_give(guide: str, figures: Figures) -> None:
    assert len(tables.BLOCK.findall(guide)) == 1
    assert tables.filled(guide, figures) == guide
    for side in figures.sides:
        assert f"| {side} |" in guide


def test_the_guide_names_the_version_that_was_measured(guide: str, figures: Figures) -> None:
    assert f"`nanover-server` {figures.machine.versions['nanover-server']}" in guide


def test_the_plot_is_of_these_figures_and_in_the_guide(guide: str, figures: Figures) -> None:
    plot = tables.FIGURES.with_suffix(".svg")
    assert figures.digest() in plot.read_text(encoding="utf-8")
    assert f"](../performance/sockets/{plot.name})" in guide


def test_figures_that_are_committed_were_measured_in_earnest(figures: Figures) -> None:
    assert not figures.quick
    assert len(figures.clients) > 1
    for side in figures.sides:
        for clients in figures.clients:
            assert figures.median(side, clients, lambda run: run.seconds) > 5


def test_figures_survive_being_saved(figures: Figures, tmp_path: Path) -> None:
    figures.save(tmp_path / "figures.json")
    assert load(tmp_path / "figures.json") == figures


def test_a_figure_is_that_of_the_run_in_the_middle(figures: Figures) -> None:
    def run(cpu: float, delays: dict[str, float]) -> Run:
        return Run("a", 1, 1.0, cpu, 30.0, 1.0, delays, len(delays), 0.0, 0.0)

    runs = [run(0.3, {}), run(0.1, {"50": 0.01}), run(0.2, {"50": 0.02})]
    some = Figures(quick=True, machine=figures.machine, runs=runs)
    assert some.median("a", 1, lambda run: run.cpu) == 0.2
    assert tables.milliseconds(some.median("a", 1, lambda run: run.delay(50))) == "20 ms"
    assert tables.row(some, "a", 1)[-1] == "never"  # no run has a p99
