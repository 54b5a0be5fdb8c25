"""`REQUIRE_BROWSER=1` has a test fail that would be skipped here for want of a browser."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator

import pytest
from selenium.webdriver import Chrome

from chromium import chromium
from skips import fail_if_skipped
from static_files import serving_files

IS_REQUIRED = os.environ.get("REQUIRE_BROWSER") == "1"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if IS_REQUIRED:
        fail_if_skipped(report, "REQUIRE_BROWSER=1")
    return report


@pytest.fixture(scope="session")
def chrome() -> Iterator[Chrome]:
    with chromium() as chrome:
        yield chrome


@pytest.fixture(scope="session")
def files() -> Iterator[str]:
    with serving_files() as address:
        yield address
