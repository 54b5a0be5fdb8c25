"""Every code block in README and docs does what it says."""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from doc_blocks import FENCE, ROOT, Block, blocks_of
from helpers import run_child

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
DOCSTRINGS = [ROOT / "python" / "change_buffers" / name for name in ("_core.pyi", "codecs.py")]
LINK = re.compile(r"(?:\]\(|^\[[^\]]+\]: )([^)#\s]+)", re.MULTILINE)
WITH_NANOVER = bool(os.environ.get("CHANGE_BUFFERS_TESTS_NEED_NANOVER"))
REDIS = "redis://127.0.0.1:6379/0"
TREE = "https://github.com/change-buffers/change-buffers/blob/main/"
"""Where the files of this tree are shown."""


BLOCKS = [block for page in PAGES for block in blocks_of(page)]


def blocks_in(*languages: str) -> list[Block]:
    return [block for block in BLOCKS if block.language in languages]


def test_every_block_is_of_a_kind_that_is_tested() -> None:
    # Plain text shows diagrams and output; there is nothing to run in it. JavaScript is run in a
    # browser, by tests/server/browser.
    kinds = ("python", "sh", "diff", "text", "js")
    assert not [str(block) for block in BLOCKS if block.language not in kinds]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_block_is_found(page: Path) -> None:
    # One with a title or with other marks around it would go untested.
    marks = re.findall(r"^[ \t>*+-]*(?:```|~~~)", page.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(marks) == 2 * len(blocks_of(page))


def links_of(page: Path) -> list[str]:
    return LINK.findall(FENCE.sub("", page.read_text(encoding="utf-8")))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files_that_exist(page: Path) -> None:
    targets = links_of(page)
    local = [page.parent / target for target in targets if "://" not in target]
    local += [ROOT / target.removeprefix(TREE) for target in targets if target.startswith(TREE)]
    assert all(target.exists() for target in local), local


def test_links_of_the_readme_work_where_there_is_no_tree() -> None:
    readme = ROOT / "README.md"
    assert all(target.startswith("https://") for target in links_of(readme))
    text = re.sub(r"`[^`]*`", "", FENCE.sub("", readme.read_text(encoding="utf-8")))
    named = re.findall(r"^\[([^\]]+)\]: ", text, re.MULTILINE)
    used = re.findall(r"\[([^\]]+)\](?![:(])", text)
    assert sorted(named) == sorted(set(used))


IDIOMS = re.compile(
    r"\bowe[ds]?\b|\bmerely\b|\bsave (?:for|what|by)\b|all the same\b|\bbe it\b|\bhears? of\b"
    r"|\bsits on\b|\bin the midst\b|\bnought\b|\bto be had\b|\bas they are\b|\byet to be\b"
)
"""Words that are hard for those whose first language is another."""


@pytest.mark.parametrize(
    "page", [*PAGES, *DOCSTRINGS], ids=lambda page: str(page.relative_to(ROOT))
)
def test_the_words_are_plain(page: Path) -> None:
    assert IDIOMS.findall(page.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("block", blocks_in("python"), ids=str)
def test_a_python_block_runs(block: Block) -> None:
    if "import numpy" in block.text:
        pytest.importorskip("numpy", reason="shows how NumPy's values are sent")
    is_for_nanover = re.search(r"^from nanover\.utilities\.packing", block.text, re.M)
    if is_for_nanover and not WITH_NANOVER and importlib.util.find_spec("nanover") is None:
        pytest.skip("this needs NanoVer, or what comes with it: make test-nanover")
    with a_redis_for(block.text) as text:
        run_child(text)


@contextmanager
def a_redis_for(text: str) -> Iterator[str]:
    """Have the code find a server, if it takes one to be at the usual address."""
    if REDIS not in text:
        yield text
        return
    if os.environ.get("REQUIRE_WORKS_WITH") != "1":
        pytest.importorskip("redis", reason="shows how a room is shared through Redis")
    sys.path.append(str(ROOT / "tests" / "shared_rooms"))
    from servers import PROGRAMS, Server

    if not PROGRAMS:
        pytest.skip("this needs a Redis server")
    with TemporaryDirectory() as folder, Server(Path(folder)) as server:
        yield text.replace(REDIS, server.url)


def test_the_first_change_is_one_that_the_tests_notice() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    change = re.search(r"the words `(.*)` in `(.*\.rs)`.*?-m pytest (\S+\.py)`", text, re.DOTALL)
    assert change is not None
    words, source, tests = change.groups()
    for path in (source, tests):
        assert words in (ROOT / path).read_text(encoding="utf-8")


@pytest.mark.parametrize("block", blocks_in("diff"), ids=str)
def test_both_sides_of_a_change_of_imports_work(block: Block) -> None:
    sides = {"-": "import change_buffers; change_buffers.install()", "+": ""}
    for sign, before in sides.items():
        side = "".join(line[1:].lstrip() for line in block.text.splitlines(True) if line[0] == sign)
        assert side
        run_child(f"{before}\n{side}")


@pytest.mark.parametrize("block", blocks_in("sh"), ids=str)
def test_a_shell_block_names_things_that_exist(block: Block) -> None:
    """The commands build, test or install everything: here only whether they could be run."""
    for line in block.text.splitlines():
        program, *arguments = shlex.split(line, comments=True)
        if program == "make" and shutil.which("make") is None:
            pytest.skip("there is no make here")
        elif program == "make":
            subprocess.run(["make", "--dry-run", *arguments], cwd=ROOT, check=True, timeout=60)
        elif program in {"python", ".venv/bin/python"}:
            check_python_command(arguments)
        else:
            assert [program, *arguments] in (
                ["pip", "install", "change-buffers"],
                ["pip", "install", "."],
                ["pip", "install", ".[server]"],
                ["pip", "install", ".[server,uvloop]"],
                ["pip", "install", ".[redis]"],
            ), line


def check_python_command(arguments: list[str]) -> None:
    if arguments[0] == "-m":
        run_child(f"import importlib.util; assert importlib.util.find_spec({arguments[1]!r})")
        return
    options = [argument for argument in arguments if argument.startswith("--")]
    text = "\n".join(path.read_text(encoding="utf-8") for path in script_sources(arguments[0]))
    assert all(option in text for option in options), arguments


def script_sources(script: str) -> list[Path]:
    path = ROOT / script
    assert path.is_file(), script
    return [path, *path.parent.rglob("*.py")]
