"""What a process holds while Redis is away and everybody goes on."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from change_buffers.redis import RedisMultiView
from hosts.load import avatar
from hosts.local import running_redis

PAGE = os.sysconf("SC_PAGE_SIZE")
PUBLISHERS = 150
RATE = 30


def memory() -> int:
    """Give the bytes that this process has in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE


def measure(seconds: float) -> dict[str, Any]:
    """Stop a Redis for so long, with 150 publishers at 30 Hz; give what was held meanwhile."""
    with running_redis() as (url, pid), RedisMultiView(url, "outage", timeout=60) as room:
        publishers = [room.create_publisher() for _ in range(PUBLISHERS)]

        def tick() -> None:
            for number, publisher in enumerate(publishers):
                publisher.update({f"avatar.{number}": avatar(number)})
            time.sleep(1 / RATE)

        for _ in range(RATE):
            tick()
        before = memory()
        os.kill(pid, 19)  # SIGSTOP
        samples = []
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            tick()
            samples.append(memory())
        pending = room.stats().pending_keys
        os.kill(pid, 18)  # SIGCONT
        began = time.monotonic()
        room.update_and_wait({"end": 1}, timeout=60)
        level = time.monotonic() - began
        settled = samples[len(samples) // 4 :]
        return {
            "before": before,
            "most": max(samples),
            "growth": settled[-1] - settled[0],
            "pending": pending,
            "level": level,
        }
