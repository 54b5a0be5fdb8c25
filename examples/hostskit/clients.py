"""Clients that move, follow everybody, and go to another server when theirs is gone."""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from typing import Any

import msgpack
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from hostskit.servers import ServerProcess


class Delays:
    """How late the changes of others were, in seconds: those of the last few seconds."""

    def __init__(self) -> None:
        self.latest: deque[float] = deque(maxlen=20_000)

    def part(self, fraction: float) -> float | None:
        """Give the delay that this fraction of the changes did not exceed."""
        ordered = sorted(self.latest)
        return ordered[int(fraction * (len(ordered) - 1))] if ordered else None


class Client:
    """One client, whatever server it is at."""

    def __init__(self, number: int, servers: list[ServerProcess], rate: float) -> None:
        self.number = number
        self.rate = rate
        self.replica: dict[str, Any] = {}
        self.server: ServerProcess | None = None
        self.moves = 0
        self.is_moving = True
        self.reconnects = 0
        self.resumed = 0
        self._servers = servers
        self._wanted: ServerProcess | None = None
        self._connection: Any = None
        self._token = ""
        self._epoch = ""

    @property
    def key(self) -> str:
        """Where it is."""
        return f"avatar.{self.number}"

    async def run(self, delays: Delays) -> None:
        """Be there until cancelled."""
        turn = self.number
        while True:
            alive = [server for server in self._servers if server.is_alive]
            server = self._wanted or alive[turn % len(alive)]
            self._wanted = None
            turn += 1
            try:
                query = f"?interval={1 / self.rate:.4f}"
                query += f"&resume={self._token}" if self._token else ""
                async with connect(
                    server.address + query, max_size=None, compression=None, ping_interval=None
                ) as connection:
                    self.server, self._connection = server, connection
                    move = asyncio.create_task(self._move(connection))
                    try:
                        async for message in connection:
                            self._take(msgpack.unpackb(message), delays)
                    finally:
                        move.cancel()
            except (OSError, ConnectionClosed):
                pass
            self.server = None
            self.reconnects += 1
            await asyncio.sleep(random.uniform(0.05, 0.3))

    def move_to(self, server: ServerProcess) -> None:
        """Go to another server."""
        self._wanted = server
        if self._connection is not None:
            self._connection.transport.abort()

    async def _move(self, connection: Any) -> None:
        await asyncio.sleep(random.uniform(0, 1 / self.rate))
        while True:
            if self.is_moving:
                self.moves += 1
                where = {"at": time.monotonic(), "x": random.random(), "moves": self.moves}
                await connection.send(msgpack.packb({"state": {"updates": {self.key: where}}}))
            await asyncio.sleep(1 / self.rate)

    def _take(self, message: dict[str, Any], delays: Delays) -> None:
        now = time.monotonic()
        if "welcome" in message:
            self._epoch = message["welcome"]["epoch"]
            self.resumed += message["welcome"]["resumed"]
        if "state" not in message:
            return
        state = message["state"]
        if message.get("complete"):
            self.replica.clear()
        elif self.is_moving:
            for key, value in state["updates"].items():
                if key != self.key and isinstance(value, dict) and "at" in value:
                    delays.latest.append(now - value["at"])
        self.replica.update(state["updates"])
        for key in state["removals"]:
            self.replica.pop(key, None)
        self._token = f"{self._epoch}.{message['version']}"
