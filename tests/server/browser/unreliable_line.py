"""A line to a server that is cut, stays dead, or carries nothing without saying so."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

from background import Background


class Line:
    """Forwards TCP connections, as long as it is up.

    Attributes:
        requests: The first line of what each connection has asked for.
    """

    def __init__(self, loop: Background, target: str) -> None:
        address = urlsplit(target)
        self._loop = loop
        self._target = (address.hostname, address.port)
        self._writers: set[asyncio.StreamWriter] = set()
        self._carriers: set[asyncio.Task[None]] = set()
        self._is_up = True
        self.requests: list[str] = []

    async def start(self) -> str:
        self._server = await asyncio.start_server(self._attend, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        return f"http://127.0.0.1:{port}/"

    async def stop(self) -> None:
        self._server.close()
        await self._cut()

    def cut(self) -> None:
        """End all connections at once; the next ones work."""
        self._loop.run(self._cut())

    def take_down(self) -> None:
        """End all connections at once, and all new ones until it is up again."""
        self._is_up = False
        self.cut()

    def bring_up(self) -> None:
        self._is_up = True

    def silence(self) -> None:
        """Carry nothing any more for those who are there, as a network that is gone."""
        self._loop.run(self._silence())

    async def _cut(self) -> None:
        for writer in list(self._writers):
            writer.transport.abort()

    async def _silence(self) -> None:
        for task in list(self._carriers):
            task.cancel()

    async def _attend(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self._is_up:
            writer.transport.abort()
            return
        first = await reader.readline()
        self.requests.append(first.decode().strip())
        there_reader, there = await asyncio.open_connection(*self._target)
        there.write(first)
        ends = {writer, there}
        self._writers |= ends
        carriers = {
            asyncio.ensure_future(self._carry(reader, there)),
            asyncio.ensure_future(self._carry(there_reader, writer)),
        }
        self._carriers |= carriers
        await asyncio.wait(carriers)
        self._carriers -= carriers
        if not any(carrier.cancelled() for carrier in carriers):
            for end in ends:
                end.close()
            self._writers -= ends

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
            writer.close()


@contextmanager
def unreliable_line(loop: Background, target: str) -> Iterator[tuple[Line, str]]:
    """Give a line to a server, and the address at this end of it."""
    line = Line(loop, target)
    address = loop.run(line.start())
    try:
        yield line, address
    finally:
        loop.run(line.stop())
