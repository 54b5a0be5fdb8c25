"""Two servers on one room, each with clients of its own that all move."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from hosts.load import WARM_UP

HERE = Path(__file__).resolve().parents[1]
RATE = 30


def measure(url: str, clients: int, seconds: float) -> dict[str, Any]:
    """Give how late clients were told of others, whichever server these are at."""
    from hosts.__main__ import processor_seconds

    servers = [
        subprocess.Popen(
            [
                *(sys.executable, "-m", "change_buffers.server", "--port", "0"),
                *("--redis", url, "--room", "served", "--rate", str(RATE)),
            ],
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    crowds = []
    try:
        for number, server in enumerate(servers):
            assert server.stdout is not None
            address = server.stdout.readline().split()[-1].replace("http", "ws", 1) + "ws"
            crowds.append(
                subprocess.Popen(
                    [
                        *(sys.executable, "-m", "hosts.crowd", address, str(number)),
                        *(str(clients), str(RATE), str(seconds)),
                    ],
                    cwd=HERE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
        time.sleep(WARM_UP)
        before, began = [processor_seconds(server.pid) for server in servers], time.monotonic()
        time.sleep(seconds)
        wall = time.monotonic() - began
        after = [processor_seconds(server.pid) for server in servers]
        results = []
        for crowd in crowds:
            assert crowd.stdout is not None
            results.append(json.loads(crowd.stdout.readline()))
    finally:
        for process in [*crowds, *servers]:
            process.kill()
            process.communicate()
    return {
        "p50": max(result["p50"] for result in results),
        "p99": max(result["p99"] for result in results),
        "cpu": max((late - early) / wall for early, late in zip(before, after, strict=True)),
    }
