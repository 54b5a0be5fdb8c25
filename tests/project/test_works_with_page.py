"""Each row of the page "Works with" is backed by tests that exist, or says that it is not."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "works-with.md"
HEAD = ["with", "version", "works", "does not, and what to do instead", "tests"]


def rows() -> list[list[str]]:
    text = PAGE.read_text(encoding="utf-8")
    found = [line.strip("|\n") for line in text.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)] for line in found]
    return [row for row in cells if row != HEAD and set("".join(row)) != {"-"}]


def test_every_row_has_all_columns() -> None:
    assert len(rows()) >= 25
    assert [row for row in rows() if len(row) != len(HEAD)] == []


def test_every_row_names_tests_that_exist_or_says_that_there_are_none() -> None:
    tests = "\n".join(
        path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py")
    )
    for name, _, works, _, named in rows():
        if named == "not tested":
            # What nobody has tried is not said to work.
            assert not works or "should" in works, name
            continue
        names = re.findall(r"`(\w+)`", named)
        assert names, name
        assert named == ", ".join(f"`{test}`" for test in names), name
        for test in names:
            assert re.search(rf"^(?:async )?def {test}\(", tests, re.MULTILINE), (name, test)


def test_every_package_that_is_installed_for_this_has_a_row() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    [group] = re.findall(r"^works-with = \[\n(.*?)^\]", text, re.MULTILINE | re.DOTALL)
    packages = re.findall(r'^ *"([\w-]+)', group, re.MULTILINE)
    listed = " ".join(row[0] for row in rows()).lower().replace("_", "-")
    assert packages
    assert [package for package in packages if package.lower() not in listed] == []
