"""Memory per view, of 10,000 views of 100 keys.

It includes the context manager that made the view, and that both are kept in a list.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import idle_views
from ratios import Row

LIMIT = 4096
NAMES = {"idle": "that has seen everything", "new": "that has yet to see all keys"}


def bytes_per_view(implementation: str, state: str) -> float:
    child = subprocess.run(
        [sys.executable, idle_views.__file__, implementation, state],
        capture_output=True,
        text=True,
        check=True,
    )
    return float(child.stdout)


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs /proc")
@pytest.mark.parametrize("state", ["idle", "new"])
def test_memory(benchmark: Any, add_row: Callable[[Row], None], section: str, state: str) -> None:
    ours = benchmark.pedantic(bytes_per_view, args=("ours", state))
    model = bytes_per_view("model", state)
    benchmark.extra_info.update(unit="B", ours=ours, model=model)
    add_row(Row(section, NAMES[state], "limit", LIMIT, ours, target=1, unit="B"))
    add_row(Row(section, NAMES[state], "model", model, ours, target=None, unit="B"))
