"""How far several processes get on one room through one Redis.

    python -m hosts [--quick] [--part PART]

Each figure stands beside the bar that it has to meet. All is measured in one run, on this machine:
Redis, the processes and the clients share its processors.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hosts import joining, outage, servers
from hosts.local import MissingError, running_redis

HERE = Path(__file__).resolve().parents[1]

TICKS = os.sysconf("SC_CLK_TCK")


def processor_seconds(pid: int) -> float:
    """Say how long a process has computed so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def process_to_process(url: str, pid: int, publishers: int, seconds: float) -> dict[str, Any]:
    """Two processes, publishers at 30 Hz in each."""
    command = [sys.executable, "-m", "hosts.load", url, "two", str(publishers), "30", str(seconds)]
    processes = [
        subprocess.Popen(
            [*command, prefix],
            cwd=HERE,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for prefix in "ab"
    ]
    try:
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        before, began = processor_seconds(pid), time.monotonic()
        results = []
        for process in processes:
            assert process.stdout is not None
            results.append(json.loads(process.stdout.readline()))
        redis = (processor_seconds(pid) - before) / (time.monotonic() - began)
    finally:
        for process in processes:
            process.kill()
            process.communicate()
    return {
        "p50": max(result["p50"] for result in results),
        "p99": max(result["p99"] for result in results),
        "cpu": max(result["cpu"] for result in results),
        "redis": redis,
        "entries": results[0]["entries"],
        "keys": sum(result["changes"] for result in results) / seconds,
        "resyncs": sum(result["resyncs"] for result in results),
    }


def show(what: str, figure: float, unit: str, bar: float | None) -> None:
    """Print one figure, and whether it meets its bar."""
    verdict = ""
    if bar is not None:
        verdict = f"  (at most {bar:g} {unit}: {'yes' if figure <= bar else 'NO'})"
    print(f"  {what:<52} {figure:8.2f} {unit}{verdict}", flush=True)


def pace(url: str, pid: int, quick: bool) -> None:
    """Two processes, 150 publishers at 30 Hz in each, after a tenth of that."""
    print("two processes, 150 publishers at 30 Hz in each")
    seconds = 4.0 if quick else 12.0
    found = process_to_process(url, pid, 15, seconds)
    show("a tenth of that: p50", found["p50"] * 1e3, "ms", None)
    found = process_to_process(url, pid, 150, seconds)
    show("process to process, p50", found["p50"] * 1e3, "ms", 3)
    show("process to process, p99", found["p99"] * 1e3, "ms", 20)
    show("processor of each process", found["cpu"] * 100, "%", 35)
    show("processor of Redis", found["redis"] * 100, "%", None)
    show("entries of the stream", found["entries"], "/s", None)
    show("keys delivered to the two of them", found["keys"], "/s", None)
    show("resyncs", found["resyncs"], "", 0)


def served(url: str, pid: int, quick: bool) -> None:
    """Two servers with clients of their own."""
    clients = 40 if quick else 100
    print(f"two servers, {clients} clients on each, all moving at 30 Hz")
    found = servers.measure(url, clients, 4.0 if quick else 12.0)
    show("client to client, p50", found["p50"] * 1e3, "ms", None)
    show("client to client, p99", found["p99"] * 1e3, "ms", 60)
    show("processor of each server", found["cpu"] * 100, "%", None)


def join(url: str, pid: int, quick: bool) -> None:
    """A large room."""
    keys = 10_000 if quick else 100_000
    print(f"joining a room of {keys:,} keys of 400 bytes")
    found = joining.measure(url, keys)
    show("HGETALL and decoding", found["plain"] * 1e3, "ms", None)
    show("joining", found["join"] * 1e3, "ms", None)
    show("joining, as a ratio", found["join"] / found["plain"], "x", 1.5)


def away(url: str, pid: int, quick: bool) -> None:
    """Redis stands still."""
    seconds = 6.0 if quick else 60.0
    print(f"Redis is away for {seconds:g} seconds, under full load")
    found = outage.measure(seconds)
    show("memory before", found["before"] / 1e6, "MB", None)
    show("most memory meanwhile", found["most"] / 1e6, "MB", None)
    show("growth after the first quarter", found["growth"] / 1e6, "MB", 2)
    show("keys that wait to be sent", found["pending"], "", None)
    show("until all is level again", found["level"] * 1e3, "ms", None)


PARTS: dict[str, Callable[[str, int, bool], None]] = {
    "pace": pace,
    "servers": served,
    "join": join,
    "away": away,
}


def main() -> int:
    """Measure, and print what came out."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="less of everything")
    parser.add_argument("--part", choices=PARTS, action="append", help="only this (default: all)")
    options = parser.parse_args()
    logging.getLogger("change_buffers.redis").setLevel(logging.ERROR)
    print(f"{os.cpu_count()} processors, load before it began {os.getloadavg()[0]:.1f}")
    try:
        with running_redis() as (url, pid):
            for name in options.part or PARTS:
                PARTS[name](url, pid, options.quick)
    except MissingError as error:
        print(error)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
