"""Servers of one room, each in a process of its own."""

from __future__ import annotations

import asyncio
import json
import sys
import urllib.request
from typing import Any


class ServerProcess:
    """One `python -m change_buffers.server`."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.address = ""
        self.is_alive = False
        self._process: asyncio.subprocess.Process | None = None

    async def start(self, url: str, room: str, rate: float) -> None:
        """Start it, and wait until it takes clients."""
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "change_buffers.server"),
            *("--port", "0", "--redis", url, "--room", room, "--rate", f"{rate:g}"),
            stdout=asyncio.subprocess.PIPE,
        )
        assert self._process.stdout is not None
        line = (await self._process.stdout.readline()).decode().split()
        if not line:
            raise RuntimeError(f"server {self.name} has not started")
        self.url = line[-1]
        self.address = self.url.replace("http", "ws", 1) + "ws"
        self.is_alive = True

    async def kill(self) -> None:
        """End it as by a power cut."""
        self.is_alive = False
        if self._process is not None:
            self._process.kill()
            await self._process.wait()

    async def stop(self) -> None:
        """End it tidily."""
        self.is_alive = False
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()
            await self._process.wait()

    async def stats(self) -> dict[str, Any]:
        """Give what it says of itself."""

        def read() -> Any:
            with urllib.request.urlopen(f"{self.url}stats", timeout=2) as reply:
                return json.load(reply)

        try:
            found: dict[str, Any] = await asyncio.to_thread(read)
            return found
        except OSError:
            return {}
