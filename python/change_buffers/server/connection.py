"""One WebSocket, on the sans-I/O layer of `websockets`.

A frame is made once for all who are sent the message. One that is large is written piece by piece,
so that the line of a client who does not read never holds more than a piece, and so that others
have their turn. As long as the line is not free, the session is not asked for more.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast

from websockets.datastructures import Headers, MultipleValuesError
from websockets.frames import Frame, Opcode
from websockets.http11 import Request as HTTPRequest
from websockets.http11 import Response
from websockets.protocol import State
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from change_buffers.server.access import Permission, Request, parse_query
from change_buffers.server.formats import agreed_subprotocol
from change_buffers.server.frames import FragmentsError, FrameReader
from change_buffers.server.incoming import Refusal
from change_buffers.server.messages import Message, shortened
from change_buffers.server.pages import Page, page_of
from change_buffers.server.session import INTERNAL, POLICY, TRY_LATER, Session, new_session_id

if TYPE_CHECKING:
    from change_buffers.server.serving import Server

log = logging.getLogger("change_buffers.server")

WHOLE = 1 << 18
"""A frame of more bytes is written in pieces."""
PIECE = 1 << 17
"""Bytes that are written at a time: then others have their turn."""
KEPT_AT_FIRST, KEPT_AT_MOST = 1 << 16, 1 << 19
"""Bytes on their way: by itself a system keeps megabytes for who does not read. For who does, it is
twice as much each time the line was full and is free again."""
INVALID_DATA = 1007


def _pick(protocol: ServerProtocol, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    return cast("Subprotocol | None", agreed_subprotocol(offered))


class Connection(asyncio.BufferedProtocol):
    """One TCP connection: a WebSocket once it has asked for that, else a page."""

    def __init__(self, server: Server) -> None:
        # What every message needs is set first: so it is in one place, and not in a cache by then.
        self._is_open = self._is_paused = self._is_deaf = False
        # What is being sent: the rest of a frame, and what has to wait for the end of it.
        self._rest: memoryview | None = None
        self._transport = cast("asyncio.Transport", None)  # until there is somebody
        self._server = server
        self._frames: FrameReader | None = None
        self._session: Session | None = None
        self._heard = time.monotonic()
        self._pinged: float | None = None
        self._protocol = ServerProtocol(
            select_subprotocol=_pick,
            max_size=server.room.limits.message_bytes,
            logger=logging.getLogger("change_buffers.server.websockets"),
        )
        self._admission: asyncio.Task[None] | None = None
        self._controls: list[bytes] = []
        self._begun = self._heard
        self._blocked: float | None = None
        self._closing: float | None = None

    # What the transport calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """There is somebody."""
        # Those of uvloop have all that a transport has, but say they are none.
        self._transport = cast("asyncio.Transport", transport)
        # It says so as soon as it keeps anything back, and when that has gone.
        self._transport.set_write_buffer_limits(high=1, low=0)
        self._keep(KEPT_AT_FIRST)
        if not self._server.took_in(self):
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """They have gone."""
        self._server.lost(self)
        if self._admission is not None:
            self._admission.cancel()
        if self._session is not None:
            self._session.close()
        self._rest = None
        self._controls.clear()

    def get_buffer(self, sizehint: int) -> memoryview:
        """Say where what arrives is to go."""
        return self._server.scratch

    def buffer_updated(self, nbytes: int) -> None:
        """Something has arrived."""
        self._heard = time.monotonic()
        self._pinged = None
        data = bytes(self._server.scratch[:nbytes])
        if self._frames is not None:
            message = self._frames.whole(data)
            if message is None or not self._is_open:
                self._receive(self._frames, data)
            elif self._session is not None:
                self._hand_on(self._session, *message)
            return
        protocol = self._protocol
        protocol.receive_data(data)
        events = protocol.events_received()
        if events and isinstance(events[0], HTTPRequest):
            is_all = len(events) == 1 and not protocol.reader.buffer and not protocol.parser_exc
            self._answer(events[0], is_all)
        self._flush_protocol()

    def eof_received(self) -> bool:
        """They will say nothing more."""
        self._protocol.receive_eof()
        self._flush_protocol()
        return False

    def pause_writing(self) -> None:
        """The line takes no more."""
        self._is_paused = True
        if self._blocked is None:
            self._blocked = time.monotonic()

    def resume_writing(self) -> None:
        """The line is free."""
        self._is_paused = False
        # An encrypted line may say so in the middle of a write.
        asyncio.get_running_loop().call_soon(self._go_on)
        if self._rest is None:
            self._blocked = time.monotonic()  # all of that has been taken
        if self._kept < KEPT_AT_MOST:
            self._keep(self._kept * 2)

    def _keep(self, size: int) -> None:
        """Have the system keep so much of what is on its way."""
        self._kept = size
        line = self._transport.get_extra_info("socket")
        if line is not None:
            with suppress(OSError):  # it may be broken by now
                line.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, size)

    # From the client.

    def _receive(self, frames: FrameReader, data: bytes) -> None:
        try:
            for is_text, message in frames.read(data):
                if self._session is not None:
                    self._hand_on(self._session, is_text, message)
        except FragmentsError as error:
            self._fail(POLICY, str(error))
        if self._session is not None and self._protocol.close_rcvd is not None:
            self._session.close()  # they have gone, whatever becomes of the line
        self._flush_protocol()

    def _hand_on(self, session: Session, is_text: bool, message: bytes) -> None:
        if not is_text:
            session.receive(message)
            return
        try:
            text = message.decode()
        except UnicodeDecodeError as error:
            self._fail(INVALID_DATA, f"{error.reason} at position {error.start}")
            return
        session.receive(text)

    def _fail(self, code: int, reason: str) -> None:
        self._protocol.fail(code, reason)
        self._flush_protocol()

    # The beginning.

    def _answer(self, request: HTTPRequest, is_all: bool) -> None:
        path, _, query = request.path.partition("?")
        if "Upgrade" not in request.headers:
            # Older versions of websockets take nothing but GET.
            method: str = getattr(request, "method", "GET")
            self._respond(page_of(self._server.room, method, path), method)
            return
        try:
            origin, host = request.headers.get("Origin"), request.headers.get("Host")
            asked = Request(
                new_session_id(), path, parse_query(query),
                {name.lower(): value for name, value in request.headers.raw_items()},
                _remote(self._transport),
            )  # fmt: skip
        except (MultipleValuesError, ValueError) as error:
            self._respond(Page(400, f"{error}\n".encode()))
            return
        if not self._server.room.is_welcome(origin, host):
            log.warning("%s: refused a page from %s", asked.remote, origin)
            text = f"pages from {origin} may not connect: see --origin\n"
            self._respond(Page(403, text.encode()))
            return
        response = self._protocol.accept(request)
        if response.status_code != 101:
            self._protocol.send_response(response)
            return
        if not is_all:
            log.warning("%s: spoke before it was answered", asked.remote)
            self._transport.abort()
            return
        self._frames = FrameReader(self._protocol, self._server.room.limits.message_bytes)
        # Until it is known what they may do, nothing is read.
        self._transport.pause_reading()
        self._admission = asyncio.get_running_loop().create_task(self._admit(asked, response))

    def _respond(self, page: Page, method: str = "GET") -> None:
        response = self._protocol.reject(page.status, "")
        headers = Headers({**page.headers, "Connection": "close"})
        body = b"" if method == "HEAD" else page.body
        self._protocol.send_response(
            Response(response.status_code, response.reason_phrase, headers, body)
        )

    async def _admit(self, asked: Request, response: Response) -> None:
        permission = await self._server.room.admit(asked)
        self._admission = None
        if self._transport.is_closing():
            return
        self._protocol.send_response(response)
        self._transport.resume_reading()
        self._flush_protocol()
        if permission is None:
            self._close(POLICY, "you may not enter")
        else:
            self._enter(asked, permission)

    def _enter(self, asked: Request, permission: Permission) -> None:
        try:
            session = Session(
                self._server.room,
                asked,
                permission,
                subprotocol=self._protocol.subprotocol,
                wake=self._go_on,
                send=self._send,
            )
        except Refusal as refusal:
            code = TRY_LATER if refusal.kind == "full" else POLICY
            self._close(code, f"{refusal.where}: {refusal}")
            return
        except Exception:
            log.exception("%s cannot be served", asked.remote)
            self._close(INTERNAL, "the server has failed")
            return
        self._session = session
        self._go_on()

    # To the client.

    def _go_on(self) -> None:
        """Send on, as far as the line takes it."""
        if self._is_paused or self._transport.is_closing():
            return
        if self._rest is not None and not self._write_rest():
            return
        if self._is_deaf:
            self._is_deaf = False
            self._transport.resume_reading()
        session = self._session
        if session is None:
            return
        if self._blocked is not None:
            self._blocked = None
            session.taken()
        while self._is_open and (message := session.take()) is not None:
            frame = message.frame or self._framed(message)
            if len(frame) > WHOLE:
                self._rest = memoryview(frame)
                if not self._write_rest():
                    return
            else:
                self._transport.write(frame)
            if self._is_paused:
                return
            session.taken()
        if session.closing is not None:
            self._close(*session.closing)

    def _send(self, message: Message) -> bool:
        """Send a message if nothing else is on its way: what `_go_on` does, but quicker."""
        if self._is_paused or self._rest is not None or not self._is_open:
            return False
        frame = message.frame or self._framed(message)
        if len(frame) > WHOLE:
            return False
        self._transport.write(frame)
        return True

    def _framed(self, message: Message) -> bytes:
        # Without extensions a frame is the same for everybody.
        opcode = Opcode.TEXT if message.is_text else Opcode.BINARY
        message.frame = Frame(opcode, message.data).serialize(mask=False)
        return message.frame

    def _write_rest(self) -> bool:
        """Write a piece of a large frame; give whether that was all and the line is free."""
        if self._blocked is None:
            self._blocked = time.monotonic()
        rest = self._rest
        assert rest is not None
        self._transport.write(rest[:PIECE])
        if len(rest) <= PIECE:
            self._rest = None
            self._write_all(self._controls)
            self._controls = []
            return not self._is_paused
        self._rest = rest[PIECE:]
        if not self._is_paused:
            asyncio.get_running_loop().call_soon(self._go_on)
        return False

    def _flush_protocol(self) -> None:
        """Send what the protocol has to say, pongs and goodbyes."""
        self._is_open = self._protocol.state is State.OPEN
        data = self._protocol.data_to_send()
        if not data:
            return
        if self._rest is None:
            self._write_all(data)
        else:
            self._controls += data
        # Who does not read pongs is not asked for more pings.
        if (self._is_paused or self._controls) and not self._transport.is_closing():
            self._is_deaf = True
            self._transport.pause_reading()

    def _write_all(self, pieces: list[bytes]) -> None:
        for piece in pieces:
            if piece:
                self._transport.write(piece)
            elif self._transport.can_write_eof():
                self._transport.write_eof()
            else:
                self._transport.close()
        if self._closing is None and self._protocol.close_expected():
            self._closing = time.monotonic()

    def _close(self, code: int, reason: str) -> None:
        if self._protocol.state is not State.OPEN:
            return
        self._protocol.send_close(code, shortened(reason))
        self._flush_protocol()

    # From the server.

    def go_away(self, code: int, reason: str) -> None:
        """Say goodbye, when what is being sent has been."""
        if self._session is not None:
            self._session.end(code, reason)
        elif self._protocol.state is State.OPEN:
            self._close(code, reason)
        else:
            self._transport.close()

    def abort(self) -> None:
        """Cut the line."""
        self._transport.abort()

    def look_after(self, now: float) -> None:
        """See whether it has to be let go; called every now and then."""
        limits = self._server.room.limits
        session = self._session
        if self._closing is not None:
            if now - self._closing > limits.close_seconds:
                self.abort()
        elif session is None:
            if now - self._begun > limits.handshake_seconds:
                self.abort()
        elif self._blocked is not None and now - self._blocked > limits.stall_seconds:
            log.info("session %s does not read: it is let go", session.id)
            self.abort()
        elif self._pinged is not None:
            if now - self._pinged > limits.ping_seconds:
                log.info("session %s does not answer: it is let go", session.id)
                self.abort()
        elif now - self._heard > limits.ping_seconds and not self._is_deaf:
            self._pinged = now
            self._protocol.send_ping(b"")
            self._flush_protocol()


def _remote(transport: asyncio.Transport) -> str:
    peer: Any = transport.get_extra_info("peername")
    return str(peer[0]) if isinstance(peer, tuple) and peer else ""
