"""Runs a server and a load against it, and looks at what the server takes meanwhile."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from sockets.figures import Run

BENCHES = Path(__file__).parents[1]
Progress = Callable[[float], object]


@contextmanager
def child(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Run one of our modules, and end it in any case."""
    process = subprocess.Popen(
        [sys.executable, "-m", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=BENCHES,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def lines_of(process: subprocess.Popen[str]) -> Iterator[dict[str, Any]]:
    assert process.stdout is not None
    for line in process.stdout:
        yield json.loads(line)
    if code := process.wait():
        raise RuntimeError(f"{' '.join(map(str, process.args))} ended with exit code {code}")  # type: ignore[arg-type]


def run(
    server: str,
    side: str,
    clients: int,
    warm_up: float,
    seconds: float,
    progress: Progress,
    more: Sequence[str] = (),
    look: Callable[[str, psutil.Process, dict[str, Any]], object] = lambda *_: None,
) -> Run:
    """Measure one side with so many clients. `server` is the module that serves it.

    `more` are options of the load; `look` is called at the end, with the address and the process of
    the server and what else the load has told.
    """
    options = [f"--clients={clients}", f"--warm-up={warm_up}", f"--seconds={seconds}", *more]
    told: dict[str, Any] = {}
    with child(server, side) as serving:
        url = next(lines_of(serving))["url"]
        process = psutil.Process(serving.pid)
        with child("sockets.load", url, *options) as load:
            cpu = 0.0
            for line in lines_of(load):
                if "measuring" in line:
                    cpu = seconds_of(process)
                elif "done" in line:
                    progress(line["done"])
                elif "clients" in line:
                    taken = seconds_of(process) - cpu
                    look(url, process, told)
                    return Run(side=side, cpu=taken / line["seconds"], **line)
                else:
                    told |= line
    raise RuntimeError("the load has ended without a result")


def seconds_of(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)
