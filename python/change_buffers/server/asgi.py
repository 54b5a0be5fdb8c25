"""A room as an ASGI application: for uvicorn and others, alone or within FastAPI and the like."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, TypeAlias

from change_buffers.server.access import Authorize, Request, parse_query
from change_buffers.server.formats import agreed_subprotocol
from change_buffers.server.incoming import Refusal
from change_buffers.server.limits import Limits
from change_buffers.server.messages import shortened
from change_buffers.server.pages import page_of
from change_buffers.server.room import INTERVAL, AnyRoom, Room, paced, room_of
from change_buffers.server.session import POLICY, TRY_LATER, Session, new_session_id

log = logging.getLogger("change_buffers.server")

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]


def asgi_app(
    room: AnyRoom,
    *,
    interval: float = INTERVAL,
    limits: Limits | None = None,
    authorize: Authorize | None = None,
    origins: Iterable[str] = (),
) -> Application:
    """Make an ASGI application of a room: WebSockets at any path, and the page.

    It can be mounted below a path. It runs in one event loop: a server with several processes has a
    room in each. `message_bytes` of the limits ends a session, but the server takes the message
    first: have it take no larger ones, either.

    Args:
        room: A multi-view, or a `Room` of your own: then without the rest, which is the room's.
        interval: Seconds between two messages to a client that asks for no other interval.
        limits: What clients may ask for.
        authorize: Who may do what: see `Room`.
        origins: Where pages may come from: see `Room`.

    Returns:
        The application: a function of `scope`, `receive` and `send`.
    """
    served = room_of(room, interval=interval, limits=limits, authorize=authorize, origins=origins)

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        kind = scope["type"]
        if kind == "websocket":
            if served.starts is None:
                served.starts = paced
            await _Visit(served, receive, send).run(scope)
        elif kind == "http":
            await _page(served, scope, send)
        elif kind == "lifespan":
            await _lifespan(receive, send)
        else:
            raise ValueError(f"this serves http and websocket, not {kind}")

    return application


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


async def _page(room: Room, scope: Scope, send: Send) -> None:
    path = scope["path"].removeprefix(scope.get("root_path", "").rstrip("/"))
    page = page_of(room, scope["method"], path or "/")
    headers = [(name.lower().encode(), value.encode()) for name, value in page.headers.items()]
    await send({"type": "http.response.start", "status": page.status, "headers": headers})
    body = b"" if scope["method"] == "HEAD" else page.body
    await send({"type": "http.response.body", "body": body})


class _Visit:
    """One WebSocket: a task that receives, and one that sends."""

    def __init__(self, room: Room, receive: Receive, send: Send) -> None:
        self._room = room
        self._receive = receive
        self._send = send
        self._news = asyncio.Event()

    async def run(self, scope: Scope) -> None:
        await self._receive()  # "websocket.connect"
        headers = {name.decode("latin1").lower(): value.decode("latin1")
                   for name, value in scope["headers"]}  # fmt: skip
        if not self._room.is_welcome(headers.get("origin"), headers.get("host")):
            log.warning("refused a page from %s", headers.get("origin"))
            await self._close(POLICY, "pages from there may not connect")
            return
        subprotocol = agreed_subprotocol(scope.get("subprotocols") or ())
        remote = (scope.get("client") or ("",))[0]
        try:
            query = parse_query(scope.get("query_string", b"").decode("latin1"))
            asked = Request(new_session_id(), scope["path"], query, headers, remote)
            permission = await self._room.admit(asked)
            await self._send({"type": "websocket.accept", "subprotocol": subprotocol})
            if permission is None:
                raise Refusal("not_allowed", "you may not enter")
            session = Session(
                self._room, asked, permission, subprotocol=subprotocol, wake=self._news.set
            )
        except (Refusal, ValueError) as error:
            is_full = isinstance(error, Refusal) and error.kind == "full"
            await self._close(TRY_LATER if is_full else POLICY, str(error))
            return
        try:
            await self._serve(session)
        finally:
            session.close()

    async def _serve(self, session: Session) -> None:
        self._news.set()
        tasks = [
            asyncio.ensure_future(self._listen(session)),
            asyncio.ensure_future(self._talk(session)),
        ]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            for outcome in await asyncio.gather(*tasks, return_exceptions=True):
                # A server says in its own way that the line is broken.
                if isinstance(outcome, Exception):
                    log.info("session %s has ended: %r", session.id, outcome)

    async def _listen(self, session: Session) -> None:
        while (message := await self._receive())["type"] == "websocket.receive":
            text = message.get("text")
            session.receive(message.get("bytes") or b"" if text is None else text)

    async def _talk(self, session: Session) -> None:
        patience = self._room.limits.stall_seconds
        while True:
            await self._news.wait()
            self._news.clear()
            while (message := session.take()) is not None:
                data: str | bytes = message.data.decode() if message.is_text else message.data
                part = "text" if message.is_text else "bytes"
                await asyncio.wait_for(self._send({"type": "websocket.send", part: data}), patience)
                session.taken()
            if session.closing is not None:
                await self._close(*session.closing)
                return

    async def _close(self, code: int, reason: str) -> None:
        await self._send({"type": "websocket.close", "code": code, "reason": shortened(reason)})
