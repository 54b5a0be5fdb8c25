"""The benchmarks that are programs of their own: pytest-benchmark's and criterion's."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from ratios import Row

ROOT = Path(__file__).parents[2]
PERCENT = re.compile(r"\[ *(\d+)%\]")
JOURNAL = ["cargo", "bench", "--quiet", "--locked"]
JOURNAL += ["--package", "change-buffers-core", "--bench", "journal"]

Progress = Callable[[float], None]
"""Is told which part is done, from 0 to 1."""


def comparisons(progress: Progress, json_file: Path, seconds_each: float | None) -> list[Row]:
    """Run `make bench`'s comparisons."""
    command = [sys.executable, "-m", "pytest", "benches", "--benchmark-only", "--benchmark-quiet"]
    command += ["--verbose", f"--benchmark-json={json_file}"]
    if seconds_each is not None:
        command.append(f"--seconds-each={seconds_each}")

    def read(line: str) -> None:
        for percent in PERCENT.findall(line):
            progress(int(percent) / 100)

    run(command, read)
    rows = json.loads(json_file.read_text(encoding="utf-8"))["ratios"]
    derived = {"ratio", "reached"}
    return [
        Row(**{name: value for name, value in row.items() if name not in derived}) for row in rows
    ]


def build_journal() -> None:
    """Compile in advance: that is no time to measure in."""
    run([*JOURNAL, "--no-run"])


def journal(folder: Path, *, quick: bool) -> dict[str, float]:
    """Run criterion and read the medians that it leaves in files."""
    options = ["--quick"] if quick else []
    run([*JOURNAL, "--", "--quiet", *options], environment={"CRITERION_HOME": str(folder)})
    medians: dict[str, float] = {}
    for file in sorted(folder.glob("**/new/estimates.json")):
        name = json.loads(file.with_name("benchmark.json").read_text(encoding="utf-8"))["full_id"]
        estimates = json.loads(file.read_text(encoding="utf-8"))
        medians[name] = estimates["median"]["point_estimate"] * 1e-9
    if not medians:
        raise RuntimeError(f"criterion left no estimates in {folder}")
    return medians


def run(
    command: Sequence[str],
    read: Callable[[str], object] = len,
    environment: dict[str, str] | None = None,
) -> None:
    """Run a program and hand on its lines; show them all if it fails."""
    child = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=ROOT,
        env={**os.environ, **(environment or {})},
    )
    assert child.stdout is not None
    lines = []
    for line in child.stdout:
        lines.append(line)
        read(line)
    if child.wait():
        raise RuntimeError(f"{' '.join(map(str, command))} failed:\n{''.join(lines)}")
