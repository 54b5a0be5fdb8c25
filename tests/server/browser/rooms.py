"""Rooms behind real sockets: in a thread of this process, and in a process of their own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from background import Background
from change_buffers import DictionaryChangeMultiView
from change_buffers.server import serve
from helpers import HANG

PROCESS = """
import asyncio, sys
from change_buffers import DictionaryChangeMultiView
from change_buffers.server import serve

async def main():
    async with serve(DictionaryChangeMultiView(), port=int(sys.argv[1])) as server:
        print(server.port, flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


@contextmanager
def serving(
    loop: Background, room: DictionaryChangeMultiView, port: int = 0, **options: Any
) -> Iterator[str]:
    """Serve a room from a thread, and give the address of its page."""

    async def start() -> Any:
        return await serve(room, port=port, **options)

    server = loop.run(start())
    try:
        yield server.url
    finally:
        loop.run(server.close())


class RoomProcess:
    """A server that can be killed, and comes back at the same port."""

    def __init__(self) -> None:
        self.port = 0
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-c", PROCESS, str(self.port)]
        self._child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._child.stdout is not None
        self.port = int(self._child.stdout.readline())

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def kill(self) -> None:
        """End it as `kill -9` does: it can do nothing about it."""
        self._child.kill()
        self._child.wait(HANG)
        assert self._child.stdout is not None
        self._child.stdout.close()
