"""Clients of one server: all of them move, and a few look how late they are told of others.

    python -m hosts.crowd ADDRESS NUMBER CLIENTS RATE SECONDS

The others read what they are sent and throw it away, since the clients share the machine with what
is measured.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Any

import msgpack
from websockets.asyncio.client import connect

from hosts.load import WARM_UP, avatar

LOOKING = 3


async def client(
    address: str, name: str, rate: float, late: list[float] | None, begin: float, end: float
) -> None:
    """Be one client until the end."""
    query = f"?interval={1 / rate:.5f}"
    async with connect(
        address + query, max_size=None, compression=None, ping_interval=None
    ) as connection:
        mover = asyncio.create_task(move(connection, name, rate))
        try:
            while time.monotonic() < end:
                message = await asyncio.wait_for(connection.recv(), 10)
                if late is not None and time.monotonic() > begin:
                    look(message, name, late)
        finally:
            mover.cancel()


def look(message: Any, name: str, late: list[float]) -> None:
    """Note how late everybody else's change is."""
    now = time.monotonic()
    state = msgpack.unpackb(message).get("state", {"updates": {}})
    late += [now - value["at"] for key, value in state["updates"].items() if key != name]


async def move(connection: Any, name: str, rate: float) -> None:
    """Set its own avatar, `rate` times a second."""
    loop = asyncio.get_running_loop()
    due = loop.time() + hash(name) % 1000 / 1000 / rate
    while True:
        await asyncio.sleep(due - loop.time())
        message = {"state": {"updates": {name: avatar(0)}}}
        await connection.send(msgpack.packb(message))
        due = max(due + 1 / rate, loop.time() - 1)


async def run(address: str, crowd: int, clients: int, rate: float, seconds: float) -> None:
    """Be all of them, and say what came out."""
    begin = time.monotonic() + WARM_UP
    late: list[float] = []
    tasks = [
        asyncio.create_task(
            client(
                address,
                f"avatar.{crowd}.{number}",
                rate,
                late if number < LOOKING else None,
                begin,
                begin + seconds,
            )
        )
        for number in range(clients)
    ]
    await asyncio.gather(*tasks)
    late.sort()
    result = {"p50": late[len(late) // 2], "p99": late[int(len(late) * 0.99)]}
    print(json.dumps(result), flush=True)


def main() -> None:
    """Read the arguments."""
    address, crowd, clients, rate, seconds = sys.argv[1:]
    asyncio.run(run(address, int(crowd), int(clients), float(rate), float(seconds)))


if __name__ == "__main__":
    main()
