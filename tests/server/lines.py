"""WebSockets by hand: for what no well-behaved client would send."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import struct
from base64 import b64encode
from typing import Any

from sites import SOON, Site

TEXT, BINARY, CONT, CLOSE, PING, PONG = 1, 2, 0, 8, 9, 10


def request(path: str = "/ws", **headers: str) -> bytes:
    lines = {
        "Host": "127.0.0.1",
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": b64encode(os.urandom(16)).decode(),
        "Sec-WebSocket-Version": "13",
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    text = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"GET {path} HTTP/1.1\r\n{text}\r\n".encode()


def frame(payload: bytes, opcode: int = BINARY, *, fin: bool = True, size: int | None = None,
          is_masked: bool = True, reserved: int = 0) -> bytes:  # fmt: skip
    """Make a frame; `size` is what it says of itself."""
    size = len(payload) if size is None else size
    head = bytes([(0x80 if fin else 0) | reserved << 4 | opcode])
    mark = 0x80 if is_masked else 0
    if size < 126:
        head += bytes([mark | size])
    elif size < 1 << 16:
        head += struct.pack("!BH", mark | 126, size)
    else:
        head += struct.pack("!BQ", mark | 127, size)
    return head + (b"\0\0\0\0" if is_masked else b"") + payload


def text(message: Any) -> bytes:
    return frame(json.dumps(message).encode(), TEXT)


class Line:
    """A connection on which anything can be sent."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def frame(self) -> tuple[int, bytes]:
        """Read the next frame: its opcode and payload."""
        first, second = await self._exactly(2)
        size = second & 0x7F
        if size == 126:
            [size] = struct.unpack("!H", await self._exactly(2))
        elif size == 127:
            [size] = struct.unpack("!Q", await self._exactly(8))
        return first & 0xF, await self._exactly(size)

    async def _exactly(self, size: int) -> bytes:
        return await asyncio.wait_for(self.reader.readexactly(size), SOON)

    async def close_code(self) -> int | None:
        """Read to the end; give the code with which it was closed, `None` if it was cut."""
        try:
            while True:
                opcode, payload = await self.frame()
                if opcode == CLOSE:
                    return int.from_bytes(payload[:2], "big")
        except (asyncio.IncompleteReadError, ConnectionError):
            return None

    async def status(self) -> int:
        """Read the status of the answer to the request."""
        head = await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), SOON)
        return int(head.split()[1])

    def cut(self) -> None:
        self.writer.transport.abort()


async def sleeper(port: int) -> Line:
    """A client that never reads, and has told its system to keep next to nothing."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.connect(("127.0.0.1", port))
    sock.setblocking(False)
    reader = asyncio.StreamReader(limit=1)
    protocol = asyncio.StreamReaderProtocol(reader)
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_connection(lambda: protocol, sock=sock)
    transport.pause_reading()
    line = Line(reader, asyncio.StreamWriter(transport, protocol, reader, loop))
    line.send(request())
    return line


async def dial(site: Site, **options: Any) -> Line:
    """Connect, and send nothing."""
    line = Line(*await asyncio.open_connection("127.0.0.1", site.server.port, **options))
    site.cuts.append(line.cut)
    return line


async def open_line(site: Site, path: str = "/ws", *, is_json: bool = True) -> Line:
    """Connect and take the greeting."""
    line = await dial(site)
    more = {"Sec_WebSocket_Protocol": "change-buffers.json"} if is_json else {}
    line.send(request(path, **more))
    assert await line.status() == 101
    for _ in range(2):
        await line.frame()
    return line
