"""`BROWSER=firefox` has the tests use that instead of Chromium.

`REQUIRE_BROWSER=1` has a test fail that would be skipped here for want of a browser.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator

import pytest

from background import Background, background
from change_buffers import DictionaryChangeMultiView
from chromium import chromium
from firefox import firefox
from room_processes import RoomProcess, serving
from skips import fail_if_skipped
from static_files import serving_files
from tabs import Browser, Tab
from unreliable_line import Line, unreliable_line

BROWSERS = {"chromium": chromium, "firefox": firefox}
IS_REQUIRED = os.environ.get("REQUIRE_BROWSER") == "1"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if IS_REQUIRED:
        fail_if_skipped(report, "REQUIRE_BROWSER=1")
    return report


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with BROWSERS[os.environ.get("BROWSER", "chromium")]() as browser:
        yield browser


@pytest.fixture(scope="session")
def files() -> Iterator[str]:
    with serving_files() as address:
        yield address


@pytest.fixture
def open_tab(browser: Browser) -> Iterator[Callable[[str], Tab]]:
    """Open pages, which are closed after the test."""
    tabs: list[Tab] = []
    browser.console()  # What was logged before is none of this test's.

    def open_tab(address: str) -> Tab:
        tabs.append(Tab(browser, address))
        return tabs[-1]

    yield open_tab
    for tab in tabs:
        tab.close()


@pytest.fixture(scope="module")
def loop() -> Iterator[Background]:
    with background() as loop:
        yield loop


@pytest.fixture
def room() -> DictionaryChangeMultiView:
    """A room of this process, which the tests may change and look into."""
    return DictionaryChangeMultiView(history=1000)


@pytest.fixture
def page(loop: Background, room: DictionaryChangeMultiView) -> Iterator[str]:
    """The address of the page of that room."""
    with serving(loop, room) as url:
        yield url


@pytest.fixture
def line(loop: Background, page: str) -> Iterator[tuple[Line, str]]:
    """A line to that room, and its address at the other end."""
    with unreliable_line(loop, page) as line:
        yield line


@pytest.fixture
def room_process() -> Iterator[RoomProcess]:
    process = RoomProcess()
    yield process
    process.kill()
