"""What the guide says of the server is what the server has, and what was measured."""

from __future__ import annotations

import re
import sys
from dataclasses import fields
from pathlib import Path

import pytest

pytest.importorskip("websockets")
pytest.importorskip("msgpack")

from change_buffers.server import Limits, RoomStats

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "guide" / "server.md").read_text(encoding="utf-8")


def test_the_page_names_every_limit_with_its_default() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| ([\d./]+) \|", PAGE, re.MULTILINE))
    assert {name: float(eval(value)) for name, value in rows.items()} == {
        field.name: field.default for field in fields(Limits)
    }


def test_the_page_names_every_field_of_the_statistics() -> None:
    section = PAGE.partition("## Statistics")[2].partition("## ")[0]
    named = [
        name
        for row in re.findall(r"^\| (`.*?) \|", section, re.MULTILINE)
        for name in re.findall(r"`(\w+)`", row)
    ]
    assert sorted(named) == sorted(field.name for field in fields(RoomStats))


def test_the_page_has_the_table_that_the_figures_give() -> None:
    pytest.importorskip("psutil")
    pytest.importorskip("rich")
    sys.path.append(str(ROOT / "benches"))
    from sockets import room_bench

    figures = room_bench.load()
    assert room_bench.filled(PAGE, figures) == PAGE
    assert not (figures or {}).get("quick")
    # What is not reached is not passed over.
    for one in (figures or {"findings": []})["findings"]:
        assert f"| {one['what']} | {one['bar']} | {one['found']} |" in PAGE
