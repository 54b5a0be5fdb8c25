"""Whatever a client sends, however it is cut: read as `websockets` alone reads it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.frames import Close, Frame, Opcode
from websockets.protocol import State
from websockets.server import ServerProtocol

from change_buffers.server.frames import MOST_FRAGMENTS, FragmentsError, FrameReader

MOST = 70_000
REQUEST = (
    b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
SIZES = st.sampled_from([0, 1, 5, 124, 125, 126, 127, 300, 0xFFFF, 0x10000, MOST, MOST + 1])


def opened() -> ServerProtocol:
    """Make a protocol that has taken a request."""
    protocol = ServerProtocol(max_size=MOST)
    protocol.receive_data(REQUEST)
    [request] = protocol.events_received()
    protocol.send_response(protocol.accept(request))
    protocol.data_to_send()
    return protocol


def frame(opcode: Opcode, data: bytes, fin: bool = True, mask: bool = True) -> bytes:
    return Frame(opcode, data, fin).serialize(mask=mask)


@st.composite
def a_message(draw: st.DrawFn) -> bytes:
    opcode = draw(st.sampled_from([Opcode.TEXT, Opcode.BINARY]))
    parts = [bytes(draw(SIZES)) for _ in range(draw(st.sampled_from([1, 1, 1, 2, 3])))]
    frames = []
    for number, part in enumerate(parts):
        if number:
            frames += draw(st.lists(st.just(frame(Opcode.PING, b"?")), max_size=1))
        kind = Opcode.CONT if number else opcode
        frames.append(frame(kind, part, fin=number == len(parts) - 1))
    return b"".join(frames)


IN_ORDER = st.one_of(
    a_message(), a_message(), a_message(),
    st.sampled_from([frame(Opcode.PING, b"?"), frame(Opcode.PONG, b"")]),
)  # fmt: skip
WRONG = st.sampled_from(
    [
        b"",
        frame(Opcode.BINARY, b"x", mask=False),
        frame(Opcode.BINARY, bytes(300), mask=False),
        frame(Opcode.CONT, b"x"),
        frame(Opcode.TEXT, b"x", fin=False) + frame(Opcode.TEXT, b"y"),
        b"\xc2" + frame(Opcode.BINARY, b"x")[1:],
        b"\x83" + frame(Opcode.BINARY, b"x")[1:],
        b"\x82\xff" + b"\xff" * 12,
        b"\x89\xfe\x01\x00" + bytes(260),
        frame(Opcode.CLOSE, Close(1000, "").serialize()),
    ]
)


def alone(stream: bytes) -> tuple[list[tuple[bool, bytes]], bytes, State]:
    """Read it with `websockets` alone."""
    protocol = opened()
    protocol.receive_data(stream)
    messages: list[tuple[bool, bytes]] = []
    parts: list[bytes] = []
    is_text = False
    for each in protocol.events_received():
        assert isinstance(each, Frame)
        if each.opcode in (Opcode.TEXT, Opcode.BINARY):
            is_text = each.opcode is Opcode.TEXT
        elif each.opcode is not Opcode.CONT:
            continue
        parts.append(bytes(each.data))
        if each.fin:
            messages.append((is_text, b"".join(parts)))
            parts.clear()
    return messages, b"".join(protocol.data_to_send()), protocol.state


@given(
    st.lists(IN_ORDER, max_size=5),
    WRONG,
    st.lists(IN_ORDER, max_size=1),
    st.sampled_from(["in drips", "anywhere", "between"]),
    st.randoms(),
)
@settings(deadline=None)
def test_it_is_read_as_websockets_alone_reads_it(messages, wrong, more, where_cut, cuts):
    pieces = [*messages, wrong, *more]
    protocol = opened()
    reader = FrameReader(protocol, MOST)
    found = []
    for data in pieces if where_cut == "between" else cut(b"".join(pieces), where_cut, cuts):
        message = reader.whole(data)
        if message is None or protocol.state is not State.OPEN:
            found += reader.read(data)
        else:
            found.append(message)
    answers = b"".join(protocol.data_to_send())
    assert (found, answers, protocol.state) == alone(b"".join(pieces))


def cut(stream, where, cuts):
    begin = 0
    while begin < len(stream):
        in_drips = where == "in drips" and begin < 500
        end = begin + (cuts.choice([1, 2, 3]) if in_drips else cuts.randrange(1, 1 << 16))
        yield stream[begin:end]
        begin = end


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 300, 0xFFFF])
@pytest.mark.parametrize("opcode", [Opcode.TEXT, Opcode.BINARY])
def test_one_message_that_is_there_is_seen_at_once(opcode, size):
    reader = FrameReader(opened(), MOST)
    one = frame(opcode, bytes(size))
    expected = (opcode is Opcode.TEXT, bytes(size))
    for _ in range(2):
        assert reader.whole(one) == expected
        # Not while something is waiting for its end.
        assert list(reader.read(one[:5])) == []
        assert reader.whole(one) is None
        assert list(reader.read(one[5:])) == [expected]
    assert list(reader.read(frame(opcode, b"a", fin=False))) == []
    assert reader.whole(one) is None
    assert FrameReader(opened(), size - 1).whole(one) is None
    assert reader.whole(one + one) is None


def test_what_is_wrong_is_seen_before_all_of_it_is_there():
    """Else a client could have two messages of the largest size kept at a time."""
    protocol = opened()
    reader = FrameReader(protocol, MOST)
    assert list(reader.read(frame(Opcode.TEXT, bytes(MOST), fin=False))) == []
    beginning = frame(Opcode.CONT, bytes(MOST))[:20]
    assert list(reader.read(beginning)) == []
    assert protocol.state is State.CLOSING
    assert list(reader.read(frame(Opcode.BINARY, b"too late"))) == []


def test_messages_before_one_of_too_many_fragments_are_there():
    reader = FrameReader(opened(), MOST)
    sent = [frame(Opcode.BINARY, b"whole"), frame(Opcode.BINARY, b"", fin=False)]
    sent += [frame(Opcode.CONT, b"", fin=False)] * MOST_FRAGMENTS
    found = reader.read(b"".join(sent))
    assert next(found) == (False, b"whole")
    with pytest.raises(FragmentsError, match="at most 1000 fragments"):
        next(found)
