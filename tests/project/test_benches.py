"""The benchmarks are not run by any test; that they can be is seen here."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

for module in ("pytest_benchmark", "orjson", "ormsgpack"):
    pytest.importorskip(module, reason=f"{module} is not installed, or not to be had here")

ROOT = Path(__file__).parents[2]


def test_all_benchmarks_can_be_collected() -> None:
    command = [sys.executable, "-m", "pytest", "benches", "--collect-only", "--quiet"]
    # Else it takes itself for one of several processes that run these tests.
    own = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    collected = subprocess.run(
        [*command, "-p", "no:cacheprovider"],
        cwd=ROOT,
        env=own,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert collected.returncode == 0, collected.stdout
    files = {line.partition("::")[0] for line in collected.stdout.splitlines() if "::" in line}
    assert files == {f"benches/{path.name}" for path in (ROOT / "benches").glob("bench_*.py")}
