"""Rooms on ports, and clients that keep a replica: for tests over real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from functools import wraps
from typing import Any, TypeVar

import msgpack
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from change_buffers import DictionaryChangeMultiView
from change_buffers.server import Server, serve
from helpers import PATIENCE

SOON = 10.0 * PATIENCE
"""Seconds within which something happens, unless something is wrong."""
JSON, MESSAGE_PACK = Subprotocol("change-buffers.json"), Subprotocol("change-buffers.msgpack")

T = TypeVar("T")
Content = dict[str, Any]


def in_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Make a test of a coroutine function: it has half a minute, on a usual machine."""

    @wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        asyncio.run(asyncio.wait_for(test(*args, **kwargs), 30 * PATIENCE))

    return run


async def until(condition: Callable[[], object], seconds: float = SOON) -> None:
    deadline = asyncio.get_running_loop().time() + seconds
    while not condition():
        if asyncio.get_running_loop().time() > deadline:
            raise TimeoutError
        await asyncio.sleep(0.002)


class Client:
    """A connection that keeps a replica of what it is told."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.is_json = connection.subprotocol == JSON
        self.welcome: Content = {}
        self.replica: Content = {}
        self.messages: list[Content] = []
        self.errors: list[Content] = []
        self.done: list[Any] = []
        self.completes = 0
        self.version: int | None = None
        self._listening = asyncio.ensure_future(self._listen())

    async def _listen(self) -> None:
        with contextlib.suppress(ConnectionClosed):
            async for data in self.connection:
                assert isinstance(data, str) == self.is_json
                self.take(json.loads(data) if self.is_json else msgpack.unpackb(data))

    def take(self, message: Content) -> None:
        self.messages.append(message)
        self.welcome = message.get("welcome", self.welcome)
        if "error" in message:
            self.errors.append({**message["error"], "id": message.get("id")})
        if "done" in message:
            self.done.append(message["done"])
        if "state" not in message:
            return
        if message.get("complete"):
            self.completes += 1
            self.replica.clear()
        if message["version"] is not None:
            assert self.version is None or message["version"] >= self.version
            self.version = message["version"]
        self.replica.update(message["state"]["updates"])
        for key in message["state"]["removals"]:
            self.replica.pop(key, None)

    async def send(self, message: Any) -> None:
        await self.connection.send(json.dumps(message) if self.is_json else msgpack.packb(message))

    async def update(
        self, updates: Content | None = None, removals: list[str] | None = None, **more: Any
    ) -> None:
        await self.send({"state": {"updates": updates or {}, "removals": removals or []}, **more})

    async def has(self, content: Content) -> None:
        try:
            await until(lambda: self.replica == content)
        except TimeoutError:
            raise AssertionError(f"{self.replica} is not {content}") from None

    async def complete(self) -> None:
        """Wait for the first message about the state."""
        await until(self.state_messages)

    async def error(self) -> Content:
        """Wait for the next error, and give it."""
        await until(lambda: self.errors)
        return self.errors.pop(0)

    async def closed(self) -> tuple[int, str]:
        """Wait for the end, and give the code and the reason of the server."""
        await asyncio.wait_for(self._listening, SOON)
        frame = self.connection.protocol.close_rcvd
        return (1006, "") if frame is None else (frame.code, frame.reason)

    def state_messages(self) -> list[Content]:
        return [message for message in self.messages if "state" in message]

    @property
    def token(self) -> str:
        return f"{self.welcome['epoch']}.{self.version}"


class Site:
    """A room on a port."""

    def __init__(self, room: DictionaryChangeMultiView, server: Server) -> None:
        self.room = room
        self.server = server
        self.address = server.url.replace("http", "ws", 1) + "ws"
        self.cuts: list[Callable[[], None]] = []
        """What ends the lines that a test has left open."""

    @asynccontextmanager
    async def client(
        self, query: str = "", subprotocol: Subprotocol | None = None, **options: Any
    ) -> AsyncIterator[Client]:
        """Connect, wait for the first state, and in the end disconnect."""
        async with self.raw(query, subprotocol, **options) as connection:
            client = Client(connection)
            await client.complete()
            yield client

    @asynccontextmanager
    async def raw(
        self, query: str = "", subprotocol: Subprotocol | None = None, **options: Any
    ) -> AsyncIterator[ClientConnection]:
        """Connect only."""
        subprotocols = None if subprotocol is None else [subprotocol]
        options = {"compression": None, "max_size": None, "close_timeout": 1, **options}
        async with connect(self.address + query, subprotocols=subprotocols, **options) as connected:
            yield connected

    async def is_well(self) -> None:
        """See that the room serves whoever comes now."""
        async with self.client() as ada, self.client("", JSON) as bob:
            await ada.update({"is it well?": [1, 2]})
            await until(lambda: bob.replica.get("is it well?") == [1, 2])
            await ada.has(self.room.copy_content())
        await until(lambda: "is it well?" not in self.room)

    async def is_well_alone(self) -> None:
        """See that the room serves one who comes now."""
        await until(lambda: not self.server._connections)
        async with self.client() as ada:
            await ada.update({"is it well?": 1})
            await ada.has({"is it well?": 1})


@asynccontextmanager
async def site(
    room: DictionaryChangeMultiView | None = None, **options: Any
) -> AsyncIterator[Site]:
    """Serve a room, of its own or that one, on a port that is free."""
    if room is None:
        room = DictionaryChangeMultiView(history=1000)
    async with serve(room, port=0, **options) as server:
        where = Site(room, server)
        try:
            yield where
        finally:
            for cut in where.cuts:
                cut()
