"""Shows all ratios in one table at the end.

A benchmark never fails because of what it measures: the table says which targets were missed.
`--benchmark-json=FILE` writes the table too, with all the rounds behind it.
"""

from __future__ import annotations

import os
import sysconfig
from collections.abc import Callable
from typing import Any

import pytest
from rich.console import Console

import change_buffers
from measure import BUDGET_SECONDS, Clock, Compare
from ratios import Row, report

ROWS = pytest.StashKey[list[Row]]()
CLOCK = Clock()
WIDTH_OF_A_FILE = 120


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--seconds-each",
        type=float,
        default=BUDGET_SECONDS,
        help="what one comparison may take (default: %(default)s)",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("python_files", "bench_*.py")
    config.stash[ROWS] = []


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "compare" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.benchmark(timer=CLOCK.read))


@pytest.fixture
def add_row(request: pytest.FixtureRequest) -> Callable[[Row], None]:
    return request.config.stash[ROWS].append


@pytest.fixture
def section(request: pytest.FixtureRequest) -> str:
    """The headline of the file that the benchmark is in."""
    return str(request.module.__doc__).splitlines()[0].rstrip(".")


@pytest.fixture
def compare(
    request: pytest.FixtureRequest,
    benchmark: Any,
    section: str,
    add_row: Callable[[Row], None],
) -> Compare:
    seconds: float = request.config.getoption("--seconds-each")
    return Compare(benchmark, CLOCK, section, add_row, seconds)


def pytest_benchmark_update_json(config: pytest.Config, output_json: dict[str, Any]) -> None:
    output_json["ratios"] = [row.as_json() for row in config.stash[ROWS]]


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    rows = config.stash[ROWS]
    if not rows or config.getoption("benchmark_disable"):
        return
    console = Console(width=None if terminalreporter.isatty else WIDTH_OF_A_FILE, highlight=False)
    with console.capture() as shown:
        console.print(report(rows, machine(config)))
    terminalreporter.section("ratios")
    terminalreporter.write(shown.get())


def machine(config: pytest.Config) -> str:
    info = config.hook.pytest_benchmark_generate_machine_info(config=config)
    parts = [
        f"change-buffers {change_buffers.__version__}",
        f"{info['python_implementation']} {info['python_version']}",
        info["system"],
        info["cpu"].get("brand_raw", info["machine"]),
        f"{os.cpu_count()} CPUs",
    ]
    if sysconfig.get_config_var("Py_GIL_DISABLED"):
        parts[1] += " free-threaded"
    if hasattr(os, "getloadavg"):
        parts.append(f"load average {os.getloadavg()[0]:.1f}")
    return ", ".join(parts)
