"""The browser client by itself: its server is a script, so that everything can happen to it."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from static_files import SCRIPTS
from tabs import Browser, Tab

TESTS = [
    pytest.param(path.name, name, id=f"{path.stem}-{name}")
    for path in sorted(SCRIPTS.glob("*.js"))
    for name in re.findall(r"^export const (\w+) = \(\) =>", path.read_text(encoding="utf-8"), re.M)
]


@pytest.fixture(scope="module")
def tab(browser: Browser, files: str) -> Iterator[Tab]:
    tab = Tab(browser, f"{files}/scripts/blank.html")
    yield tab
    tab.close()


@pytest.mark.parametrize(("script", "name"), TESTS)
def test_of_the_client(tab: Tab, script: str, name: str) -> None:
    tab.run("await (await import(`/scripts/${given[0]}`))[given[1]]()", script, name)
    assert tab.console() == []


def test_no_test_is_left_out() -> None:
    # One that is written in another way would go unnoticed.
    exported = sum(
        len(re.findall(r"^export (?!default)", path.read_text(encoding="utf-8"), re.M))
        for path in SCRIPTS.glob("*.js")
        if path.name != "fake_server.js"
    )
    assert len(TESTS) == exported > 20
