"""The code blocks of README and docs."""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    page: Path
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks_of(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    return [
        Block(page, text.count("\n", 0, m.start()) + 1, m[2], textwrap.dedent(m[3]))
        for m in FENCE.finditer(text)
    ]


def block_with(page: str, words: str) -> Block:
    """Give the one Python block of a page in which these words stand."""
    [block] = [
        block
        for block in blocks_of(ROOT / page)
        if block.language == "python" and words in block.text
    ]
    return block
