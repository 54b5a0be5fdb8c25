"""Rooms behind real sockets: in a thread of this process, and in a process of their own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from background import Background
from change_buffers import DictionaryChangeMultiView
from change_buffers.server import serve
from helpers import HANG


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
        command = [sys.executable, "-m", "change_buffers.server", "--port", str(self.port)]
        self._child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._child.stdout is not None
        self.url = self._child.stdout.readline().split()[-1]
        port = urlsplit(self.url).port
        assert port is not None
        self.port = port

    def kill(self) -> None:
        """End it as `kill -9` does: it can do nothing about it."""
        self._child.kill()
        self._child.wait(HANG)
        assert self._child.stdout is not None
        self._child.stdout.close()
