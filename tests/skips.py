"""Tests that must not be skipped: continuous integration says which, by environment variables."""

from __future__ import annotations

from collections.abc import Iterable

import pytest


def fail_if_skipped(
    report: pytest.TestReport | pytest.CollectReport, rule: str, excuses: Iterable[str] = ()
) -> None:
    """Make a failure of a skip, unless its reason names one of the excuses."""
    if not report.skipped or hasattr(report, "wasxfail"):
        return
    reason = str(report.longrepr)
    named = reason.lower().replace("_", "-")
    if not any(excuse in named for excuse in excuses):
        report.outcome = "failed"
        report.longrepr = f"{rule}, but it was skipped: {reason}"
