"""WebSocket frames with as little work as can be: the client's side, without extensions.

A client must mask what it sends. It does so with zeros, which leave everything as it is.
"""

from __future__ import annotations

import os
import struct
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass

BINARY, CLOSE, PING, PONG = 2, 8, 9, 10
FINAL = 0x80
NO_MASK = b"\0\0\0\0"
LARGEST_CONTROL = 125


def request(host: str, port: int) -> bytes:
    """Ask for a WebSocket, and for no compression."""
    key = b64encode(os.urandom(16)).decode()
    lines = [
        "GET / HTTP/1.1",
        f"Host: {host}:{port}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {key}",
        "Sec-WebSocket-Version: 13",
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def frame(payload: bytes, opcode: int = BINARY) -> bytes:
    """Put a message into one frame."""
    size = len(payload)
    if size < 126:
        head = struct.pack("!BB", FINAL | opcode, FINAL | size)
    elif size < 1 << 16:
        head = struct.pack("!BBH", FINAL | opcode, FINAL | 126, size)
    else:
        head = struct.pack("!BBQ", FINAL | opcode, FINAL | 127, size)
    return head + NO_MASK + payload


@dataclass(frozen=True)
class Message:
    """A message has arrived, whole; of one that nobody wants to read only the size is known."""

    opcode: int
    size: int
    payload: bytes | None


class Reader:
    """Finds the messages in what arrives, and steps over those that nobody wants to read."""

    def __init__(self, *, is_read: bool) -> None:
        self._is_read = is_read
        self._head = bytearray()
        self._size = self._missing = 0
        self._kept: bytearray | None = None
        self._is_inside = False

    def feed(self, data: memoryview) -> Iterator[Message]:
        """Give the messages that end in this piece."""
        at, end = 0, len(data)
        while at < end or (self._is_inside and not self._missing):
            if not self._is_inside:
                self._head.append(data[at])
                at += 1
                self._begin()
                continue
            step = min(self._missing, end - at)
            if self._kept is not None:
                self._kept += data[at : at + step]
            at += step
            self._missing -= step
            if not self._missing:
                yield self._end()

    def _begin(self) -> None:
        """Begin with the payload if the header is complete."""
        head = self._head
        if len(head) < 2:
            return
        code = head[1]  # a server does not mask
        longer = {126: 2, 127: 8}.get(code, 0)
        if len(head) < 2 + longer:
            return
        self._size = int.from_bytes(head[2:], "big") if longer else code
        self._missing = self._size
        self._is_inside = True
        is_wanted = self._is_read or head[0] & 0xF != BINARY
        self._kept = bytearray() if is_wanted else None

    def _end(self) -> Message:
        first, self._is_inside = self._head[0], False
        self._head.clear()
        if not first & FINAL or first & 0xF not in {BINARY, CLOSE, PING, PONG}:
            raise ValueError(f"a frame that begins with {first:#04x} is not expected here")
        kept, self._kept = self._kept, None
        return Message(first & 0xF, self._size, None if kept is None else bytes(kept))
