"""`REQUIRE_WORKS_WITH=1` has a test fail that would be skipped here.

So continuous integration notices when a package is missing, instead of testing nothing. What is
not to be had for an interpreter is ruled out for it in the dependency group `works-with`.
"""

from __future__ import annotations

import os
from collections.abc import Generator

import pytest

from packages import INTERPRETER_LACKS, not_to_be_had
from skips import fail_if_skipped

IS_REQUIRED = os.environ.get("REQUIRE_WORKS_WITH") == "1"


def must_run(report: pytest.TestReport | pytest.CollectReport) -> None:
    """Make a failure of a skip, unless nothing could be done about its reason."""
    if IS_REQUIRED:
        excuses = [INTERPRETER_LACKS, *(f"'{package}'" for package in not_to_be_had())]
        fail_if_skipped(report, "REQUIRE_WORKS_WITH=1", excuses)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    must_run(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    must_run(report)
    return report
