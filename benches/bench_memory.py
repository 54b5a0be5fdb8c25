"""Memory: per view, of 10,000 views of 100 keys; per key, of 20,000 keys whose bytes are 400.

A view includes the context manager that made it, and that both are kept in a list.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import idle_views
import kept_bytes
from contenders import RIVAL_NAME
from ratios import Row

LIMIT = 4096
NAMES = {
    "idle": "a view that has seen everything",
    "new": "a view that has yet to see all keys",
}
KEPT = {
    "ready": "a key, the codecs imported",
    "encoded": "a key whose value has been encoded",
    "again": "the same after twenty times",
}


def printed_by(script: str, *arguments: str) -> float:
    child = subprocess.run(
        [sys.executable, script, *arguments],
        capture_output=True,
        text=True,
        check=True,
    )
    return float(child.stdout)


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs /proc")
@pytest.mark.parametrize("state", ["idle", "new"])
def test_memory(benchmark: Any, add_row: Callable[[Row], None], section: str, state: str) -> None:
    ours = benchmark.pedantic(printed_by, args=(idle_views.__file__, "ours", state))
    theirs = printed_by(idle_views.__file__, RIVAL_NAME, state)
    benchmark.extra_info.update(unit="B", ours=ours, theirs=theirs)
    add_row(Row(section, NAMES[state], "limit", LIMIT, ours, target=1, unit="B"))
    add_row(Row(section, NAMES[state], RIVAL_NAME, theirs, ours, target=None, unit="B"))


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs /proc")
@pytest.mark.parametrize("state", KEPT)
def test_memory_of_versions(
    benchmark: Any, add_row: Callable[[Row], None], section: str, state: str
) -> None:
    ours = benchmark.pedantic(printed_by, args=(kept_bytes.__file__, state))
    plain = printed_by(kept_bytes.__file__, "plain")
    benchmark.extra_info.update(unit="B", ours=ours, plain=plain)
    add_row(Row(section, KEPT[state], "ours, no encoding", plain, ours, target=None, unit="B"))
