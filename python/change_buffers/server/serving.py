"""A room on a port."""

from __future__ import annotations

import asyncio
import logging
import ssl as tls
import time
from collections.abc import Generator, Iterable
from contextlib import suppress
from types import TracebackType
from typing import Any

from change_buffers.server.access import Authorize
from change_buffers.server.connection import Connection
from change_buffers.server.limits import Limits
from change_buffers.server.room import INTERVAL, AnyRoom, Room, paced, room_of

log = logging.getLogger("change_buffers.server")

LOOKING_SECONDS = 0.5
"""Between two looks at all connections."""
MORE_CONNECTIONS = 100
"""Besides the clients: pages that are fetched, and those who have not said yet what they want."""
GOING_AWAY = 1001
LAST_SECONDS = 0.5


class Server:
    """A room that listens on a port. Made by `serve()`.

    Attributes:
        room: The `Room` that is served.
    """

    def __init__(self, room: Room, host: str | None, port: int, **options: Any) -> None:
        self.room = room
        self._host, self._port, self._options = host, port, options
        # Where everything arrives: it is taken from there before anything else can.
        self.scratch = memoryview(bytearray(1 << 16))
        self._connections: set[Connection] = set()
        self._server: asyncio.Server | None = None
        self._looking: asyncio.Task[None] | None = None
        self._closed: asyncio.Future[None] | None = None
        self._empty = asyncio.Event()

    async def start(self) -> Server:
        """Listen.

        Raises:
            OSError: The port is in use, or the address is none of this machine.
        """
        loop = asyncio.get_running_loop()
        if self.room.starts is None:
            self.room.starts = paced
        self._server = await loop.create_server(
            lambda: Connection(self), self._host, self._port, **self._options
        )
        self._host, self._port = self._server.sockets[0].getsockname()[:2]
        self._looking = loop.create_task(self._look_after_all())
        log.info("listening at %s", self.url)
        return self

    @property
    def port(self) -> int:
        """The port it listens on: the one that was found, if it was asked for 0."""
        return self._port

    @property
    def url(self) -> str:
        """The address of the page."""
        host = str(self._host)
        scheme = "https" if self._options.get("ssl") else "http"
        return f"{scheme}://{f'[{host}]' if ':' in host else host}:{self.port}/"

    async def close(self) -> None:
        """Take nobody any more, say goodbye to everybody and wait until they have gone.

        Whoever has not by `close_seconds` of the limits is cut off.
        """
        if self._closed is not None:
            await asyncio.shield(self._closed)
            return
        loop = asyncio.get_running_loop()
        self._closed = loop.create_future()
        try:
            assert self._server is not None
            self._server.close()
            for connection in list(self._connections):
                connection.go_away(GOING_AWAY, "the server goes away")
            await self._wait_until_empty(self.room.limits.close_seconds)
            for connection in list(self._connections):
                connection.abort()
            await self._wait_until_empty(LAST_SECONDS)
        finally:
            if self._looking is not None:
                self._looking.cancel()
            self._closed.set_result(None)

    async def _wait_until_empty(self, seconds: float) -> None:
        if self._connections:
            self._empty.clear()
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._empty.wait(), seconds)

    def took_in(self, connection: Connection) -> bool:
        """Count a connection; give whether there is room for it."""
        if self._closed is not None:
            return False
        if len(self._connections) >= self.room.limits.clients + MORE_CONNECTIONS:
            log.warning("too many connections: one more is refused")
            return False
        self._connections.add(connection)
        return True

    def lost(self, connection: Connection) -> None:
        """Forget a connection."""
        self._connections.discard(connection)
        if not self._connections:
            self._empty.set()

    async def _look_after_all(self) -> None:
        while True:
            await asyncio.sleep(LOOKING_SECONDS)
            now = time.monotonic()
            for connection in list(self._connections):
                try:
                    connection.look_after(now)
                except Exception:
                    log.exception("a connection is cut off")
                    connection.abort()

    async def __aenter__(self) -> Server:
        return await self.start()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    def __await__(self) -> Generator[Any, None, Server]:
        return self.start().__await__()


def serve(
    room: AnyRoom,
    host: str | None = "127.0.0.1",
    port: int = 38801,
    *,
    interval: float = INTERVAL,
    limits: Limits | None = None,
    authorize: Authorize | None = None,
    origins: Iterable[str] = (),
    ssl: tls.SSLContext | None = None,
    **options: Any,
) -> Server:
    """Serve a room to whoever connects: WebSockets, and a page that shows it.

    To be used as `async with serve(room) as server:`, or awaited and closed later.

    Args:
        room: A multi-view, or a `Room` of your own: then without `interval`, `limits`, `authorize`
            and `origins`, which are the room's.
        host: The address to listen on. Nobody but this machine can reach the default; an empty
            text or `None` stands for all addresses.
        port: The port, or 0 for one that is free.
        interval: Seconds between two messages to a client that asks for no other interval.
        limits: What clients may ask for.
        authorize: Who may do what: see `Room`.
        origins: Where pages may come from: see `Room`.
        ssl: For connections that are encrypted.
        options: What else `loop.create_server()` takes, such as `sock` or `reuse_port`.

    Returns:
        A `Server`.
    """
    return Server(
        room_of(room, interval=interval, limits=limits, authorize=authorize, origins=origins),
        host,
        port,
        ssl=ssl,
        **options,
    )
