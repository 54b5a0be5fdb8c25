"""`make bench` ends with what somebody else does faster, and with nothing alarming else."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from rich.console import Console

sys.path.append(str(Path(__file__).parents[2] / "benches"))
from ratios import Row, report


def row(rival_name: str, ratio: float, what: str = "a call", target: float | None = None) -> Row:
    return Row("A section", what, rival_name, rival=ratio, ours=1, target=target)


def shown(*rows: Row) -> str:
    console = Console(width=200, color_system="standard", force_terminal=True)
    with console.capture() as captured:
        console.print(report(rows, "a machine"))
    return captured.get()


def test_what_is_slower_comes_last_and_the_worst_of_it_first() -> None:
    text = shown(row("NanoVer", 0.9, "slower"), row("NanoVer", 2), row("model", 0.5, "slowest"))
    last = text.splitlines()[-3:]
    assert "under 1.0x: 2" in last[0]
    assert "0.50x: A section: slowest, against model" in last[1]
    assert "0.90x: A section: slower, against NanoVer" in last[2]


@pytest.mark.parametrize("rival", ["ours, 1 view", "limit", "10", "b''.join"])
def test_what_asks_something_else_is_not_slower(rival: str) -> None:
    text = shown(row(rival, 0.5), row("NanoVer", 0.996))
    assert text.splitlines()[-1] == "nothing is under 1.0x"


def test_nothing_is_red_where_nothing_is_missed() -> None:
    assert "\x1b[31m" not in shown(row("NanoVer", 2, target=1))
    assert "\x1b[31m" in shown(row("NanoVer", 2, target=3))
