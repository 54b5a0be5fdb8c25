"""What a client sends, in messages.

Most messages are one frame each: those are read here. All other frames, such as fragments, pings
and what is wrong, are left to `websockets`, which is given one at a time, as far as it is there.
"""

from __future__ import annotations

from collections.abc import Iterator

from websockets.frames import Frame, Opcode
from websockets.frames import apply_mask as unmask  # type: ignore[attr-defined]
from websockets.protocol import State
from websockets.server import ServerProtocol

MOST_FRAGMENTS = 1000
LAST, MASKED, LENGTH, OPCODE = 0x80, 0x80, 0x7F, 0x0F
UNMASKED = -1
WHOLE = {LAST | Opcode.TEXT: True, LAST | Opcode.BINARY: False}
"""The first byte of a frame that is a message of its own, and whether that is text."""
DATA = {Opcode.TEXT, Opcode.BINARY, Opcode.CONT}

Message = tuple[bool, bytes]
"""Whether it is text, and what is in it."""


class FragmentsError(ValueError):
    """The pieces of a message may be empty, but not be without end."""


class FrameReader:
    """Reads what a client sends once it has a WebSocket.

    Args:
        protocol: That of the connection, which has taken the request, and nothing else yet.
        most: The bytes that a message may have.
    """

    def __init__(self, protocol: ServerProtocol, most: int) -> None:
        self._protocol = protocol
        self._most = most
        self._waiting = bytearray()
        self._fragments: list[bytes] = []
        self._is_text = self._is_fragmented = self._is_over = False
        # So many bytes more are of a frame that the protocol has the beginning of.
        self._rest = 0
        self._is_between = True  # nothing has begun that is not complete

    def whole(self, data: bytes) -> Message | None:
        """Give the message if this is just one, which nearly everything is; else `read` it."""
        if not self._is_between or len(data) < 6:
            return None
        is_text, length, body = WHOLE.get(data[0]), data[1] - MASKED, 6
        if length == 126:
            length, body = int.from_bytes(data[2:4], "big"), 8
        elif length == 127:
            return None
        if is_text is None or body + length != len(data) or not 0 <= length <= self._most:
            return None
        return is_text, unmask(data[body:], data[body - 4 : body])

    def read(self, data: bytes | bytearray) -> Iterator[Message]:
        """Give the messages that are complete with this, and none once the line is being closed.

        Raises:
            FragmentsError: A message has too many fragments.
        """
        self._is_between = False
        if self._is_over:
            yield from self._pass_on(data)
            return
        waiting = self._waiting
        if waiting:
            waiting += data
            data = waiting
        begin, size = min(self._rest, len(data)), len(data)
        if begin:
            self._rest -= begin
            yield from self._pass_on(data[:begin])
        while size - begin >= 2:
            first, second = data[begin], data[begin + 1]
            length, body = second & LENGTH if second & MASKED else UNMASKED, begin + 6
            if length > 125:
                wide = 2 if length == 126 else 8
                body += wide
                if size < body:
                    break
                length = int.from_bytes(data[begin + 2 : begin + 2 + wide], "big")
            if not 0 <= length <= self._most:
                # This is the end, and the protocol knows how to say so.
                self._is_over = True
                yield from self._pass_on(data[begin:])
                begin = size
                break
            end = body + length
            is_text = WHOLE.get(first)
            if is_text is None or self._is_fragmented:
                # What is wrong with it may be seen before all of it is there.
                if first & OPCODE in DATA:
                    self._is_fragmented = not first & LAST
                self._rest = max(0, end - size)
                end = min(end, size)
                yield from self._pass_on(data[begin:end])
            elif size < end:
                break
            elif self._protocol.state is State.OPEN:
                yield is_text, unmask(data[body:end], data[body - 4 : body])
            begin = end
        if waiting:
            del waiting[:begin]
        elif begin < size:
            waiting += data[begin:]
        self._is_between = not (waiting or self._rest or self._is_fragmented or self._is_over)

    def _pass_on(self, data: bytes | bytearray) -> Iterator[Message]:
        self._protocol.receive_data(data)
        for frame in self._protocol.events_received():
            if not isinstance(frame, Frame) or frame.opcode not in DATA:
                continue
            if frame.opcode is not Opcode.CONT:
                self._is_text = frame.opcode is Opcode.TEXT
            self._fragments.append(bytes(frame.data))
            if len(self._fragments) > MOST_FRAGMENTS:
                self._fragments.clear()
                raise FragmentsError(f"a message has at most {MOST_FRAGMENTS} fragments")
            if frame.fin:
                message = b"".join(self._fragments)
                self._fragments.clear()
                if self._protocol.state is State.OPEN:
                    yield self._is_text, message
