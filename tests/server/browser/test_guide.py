"""Every block of JavaScript in the documentation does what it says, in a page of a real room."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from doc_blocks import ROOT, Block, blocks_of
from tabs import Tab

IMPORT = re.compile(r"^import (\{.*?\}) from (.*?);$", re.MULTILINE)
BLOCKS = [
    block
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    for block in blocks_of(page)
    if block.language == "js"
]


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_a_block_runs(open_tab: Callable[[str], Tab], page: str, block: Block) -> None:
    tab = open_tab(page + "icon.svg")
    # Modules import in another way than functions, as which it can be run here.
    script = IMPORT.sub(r"const \1 = await import(\2);", block.text)
    assert script.count("await import(") == 1
    tab.run(script)
    assert tab.console() == []


def test_a_block_that_is_wrong_is_noticed(open_tab: Callable[[str], Tab], page: str) -> None:
    tab = open_tab(page + "icon.svg")
    tab.run("console.assert(1 === 2)")
    assert len(tab.console()) == 1
