"""One process of a measured room: publishers at a pace, and a view that looks how late changes are.

    python -m hosts.load URL ROOM PUBLISHERS RATE SECONDS PREFIX

It says `ready`, begins when it gets a line, and prints one line of JSON at the end.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import time
from typing import Any

from change_buffers.redis import RedisMultiView, RedisPublisher

WARM_UP = 2.0


def avatar(number: int) -> dict[str, Any]:
    """A value of some 370 bytes, as a VR client of NanoVer sends it, and when it was made."""
    part = {
        "position": [0.1 * number, 1.5, -0.25],
        "rotation": [0.0, 0.7071, 0.0, 0.7071],
    }
    return {
        "playerid": f"player-{number:04}",
        "components": [{"name": name, **part} for name in ("headset", "hand.left", "hand.right")],
        "name": f"player {number}",
        "color": [0.3, 0.6, 0.9, 1.0],
        "at": time.monotonic(),
    }


SLOTS = 10


async def publish(publishers: list[RedisPublisher], prefix: str, rate: float) -> None:
    """Set an avatar through each of them, `rate` times a second, not all at the same moment."""
    loop = asyncio.get_running_loop()
    due = loop.time()
    turn = 0
    while True:
        await asyncio.sleep(due - loop.time())
        for number in range(turn % SLOTS, len(publishers), SLOTS):
            publishers[number].update({f"{prefix}.{number}": avatar(number)})
        turn += 1
        due = max(due + 1 / rate / SLOTS, loop.time() - 1)


async def measure(
    url: str, name: str, publishers: int, rate: float, seconds: float, prefix: str
) -> dict[str, Any]:
    """Do both, and give what was seen of the others' changes."""
    async with RedisMultiView(url, name, timeout=30) as room:
        owners = [room.create_publisher() for _ in range(publishers)]
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        task = asyncio.create_task(publish(owners, prefix, rate))
        late: list[float] = []
        begin = time.monotonic() + WARM_UP
        end = begin + seconds
        started: tuple[float, float, Any] | None = None
        async for change in room.subscribe_changes():
            now = time.monotonic()
            if now >= end:
                break
            if now < begin:
                continue
            if started is None:
                started = now, time.process_time(), room.stats()
            late += [
                now - value["at"]
                for key, value in change.updates.items()
                if not key.startswith(prefix)
            ]
        assert started is not None, "nothing came"
        since, cpu, before = started
        wall = time.monotonic() - since
        stats = room.stats()
        late.sort()
        result = {
            "changes": len(late),
            "p50": late[len(late) // 2] if late else None,
            "p99": late[int(len(late) * 0.99)] if late else None,
            "cpu": (time.process_time() - cpu) / wall,
            "entries": (stats.entries - before.entries) / wall,
            "batches": (stats.batches - before.batches) / wall,
            "resyncs": stats.resyncs,
            "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
        }
        task.cancel()
        return result


def main() -> None:
    """Measure what the arguments say."""
    url, name, publishers, rate, seconds, prefix = sys.argv[1:]
    result = asyncio.run(measure(url, name, int(publishers), float(rate), float(seconds), prefix))
    print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
