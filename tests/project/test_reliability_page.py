"""The table of hazards and the tests speak of the same things."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reliability.md"
ROW = re.compile(r"^\| (H\d+) \|(.*)\|$", re.MULTILINE)
CITED = re.compile(r"\bH\d+\b")


def rows() -> dict[str, list[str]]:
    """Give what each row names as a test."""
    found = {}
    for number, cells in ROW.findall(PAGE.read_text(encoding="utf-8")):
        assert number not in found, f"{number} stands there twice"
        found[number] = re.findall(r"`([^`]+)`", cells.split("|")[-1])
    return found


def sources() -> list[Path]:
    here = Path(__file__)
    tests = [path for path in (ROOT / "tests").rglob("*.py") if path != here]
    return [*tests, *(ROOT / "rust").rglob("*.rs")]


def is_there(test: str, texts: list[str]) -> bool:
    if test.startswith("make "):
        makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
        return f"\n{test.removeprefix('make ')}:" in makefile
    if "/" in test:
        return (ROOT / test).is_file()
    definition = re.compile(rf"^\s*(?:async )?(?:def|fn) {re.escape(test)}\(", re.MULTILINE)
    return any(definition.search(text) for text in texts)


def test_every_hazard_names_tests_that_exist() -> None:
    texts = [path.read_text(encoding="utf-8") for path in sources()]
    table = rows()
    assert len(table) >= 30
    assert [number for number, tests in table.items() if not tests] == []
    missing = [test for tests in table.values() for test in tests if not is_there(test, texts)]
    assert missing == []


def test_every_hazard_that_is_cited_exists() -> None:
    cited = {
        (path.name, number)
        for path in sources()
        if "docs/reliability.md" in (text := path.read_text(encoding="utf-8"))
        for number in CITED.findall(text)
    }
    assert cited
    assert {(name, number) for name, number in cited if number not in rows()} == set()
