from __future__ import annotations

from encoding import MISSING


def pytest_report_header() -> list[str]:
    return [f"tried without {library}, which is not installed" for library in MISSING]
