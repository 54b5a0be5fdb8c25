"""The clients that servers are measured with: what they count is what a server has sent."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

msgpack = pytest.importorskip("msgpack")
websockets = pytest.importorskip("websockets")

from websockets.asyncio.server import ServerConnection, broadcast, serve  # noqa: E402
from websockets.frames import Frame, Opcode  # noqa: E402

BENCHES = Path(__file__).parents[2] / "benches"
sys.path.append(str(BENCHES))
from sockets import frames, load  # noqa: E402

SIZES = [0, 1, 125, 126, 127, 0xFFFF, 0x10000]
OPCODES = st.sampled_from([Opcode.BINARY, Opcode.PING, Opcode.PONG, Opcode.CLOSE])


def payload(opcode: Opcode, size: int) -> bytes:
    return bytes(size if opcode is Opcode.BINARY else min(size, frames.LARGEST_CONTROL))


@given(
    st.lists(st.tuples(OPCODES, st.sampled_from(SIZES)), max_size=5),
    st.lists(st.integers(1, 70_000), min_size=1),
    st.booleans(),
)
def test_messages_are_found_wherever_the_stream_is_cut(
    sent: list[tuple[Opcode, int]], pieces: list[int], is_read: bool
) -> None:
    expected = [(opcode, payload(opcode, size)) for opcode, size in sent]
    stream = b"".join(
        Frame(opcode, data).serialize(mask=False, extensions=[]) for opcode, data in expected
    )
    reader, found, number = frames.Reader(is_read=is_read), [], 0
    while stream:
        size = pieces[number % len(pieces)]
        found += reader.feed(memoryview(stream)[:size])
        stream, number = stream[size:], number + 1
    assert [(message.opcode, message.size) for message in found] == [
        (opcode, len(data)) for opcode, data in expected
    ]
    for message, (opcode, data) in zip(found, expected, strict=True):
        is_wanted = is_read or opcode is not Opcode.BINARY
        assert message.payload == (data if is_wanted else None)


def test_a_message_in_several_frames_is_refused() -> None:
    stream = Frame(Opcode.BINARY, b"half", fin=False).serialize(mask=False, extensions=[])
    with pytest.raises(ValueError, match="0x02"):
        list(frames.Reader(is_read=True).feed(memoryview(stream)))


def test_percentiles_are_values_that_were_measured() -> None:
    values = [float(number) for number in range(100, 0, -1)]
    assert [load.percentile(values, level) for level in (1, 50, 99, 100)] == [1, 50, 99, 100]
    assert load.percentile([7.0], 50) == 7


def test_an_avatar_is_some_370_bytes() -> None:
    avatar = load.Avatar(1)
    message = avatar.message(12.5)
    value = msgpack.unpackb(message)["state"]["updates"][avatar.key]
    assert 360 <= len(msgpack.packb(value)) <= 380
    assert message == load.Avatar(1).message(12.5) != load.Avatar(2).message(12.5)
    assert {*msgpack.unpackb(message)["state"]} == {"updates", "removals"}


class Room:
    """A server that hands on each message to all, at once, after a delay or not at all."""

    def __init__(self, delay: float | None, *, says: bytes | None = None) -> None:
        self.delay = delay
        self.says = says
        self.received = 0
        self.pongs: list[float] = []
        self.url = ""

    async def talk(self, connection: ServerConnection) -> None:
        self.everybody.add(connection)
        pong = await connection.ping(b"x" * frames.LARGEST_CONTROL)
        async for message in connection:
            assert isinstance(message, bytes)
            self.received += 1
            if pong.done():
                self.pongs.append(pong.result())
            if self.says:
                await connection.close()
            elif self.delay is not None:
                loop = asyncio.get_running_loop()
                loop.call_later(self.delay, broadcast, self.everybody, message)

    async def serve(self, is_ready: threading.Event, end: asyncio.Event) -> None:
        self.everybody: set[ServerConnection] = set()
        async with serve(self.talk, "127.0.0.1", 0) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            self.url = f"ws://127.0.0.1:{port}"
            is_ready.set()
            await end.wait()


@contextmanager
def running(room: Room) -> Iterator[str]:
    loop, is_ready, end = asyncio.new_event_loop(), threading.Event(), asyncio.Event()
    thread = threading.Thread(
        target=lambda: loop.run_until_complete(room.serve(is_ready, end)), daemon=True
    )
    thread.start()
    assert is_ready.wait(10)
    try:
        yield room.url
    finally:
        loop.call_soon_threadsafe(end.set)
        thread.join(10)
        loop.close()


def run(url: str, clients: int, *more: str) -> tuple[list[dict[str, Any]], str]:
    command = [sys.executable, "-m", "sockets.load", url, f"--clients={clients}", *more]
    done = subprocess.run(
        [*command, "--warm-up=0.2", "--seconds=1"],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=BENCHES,
        check=False,
    )
    assert (done.returncode == 0) is (done.stderr == "")
    return [json.loads(line) for line in done.stdout.splitlines()], done.stderr


def test_it_counts_what_the_server_sends() -> None:
    room, delay = Room(0.05), 0.05
    with running(room) as url:
        lines, _ = run(url, clients=4)
    first, *progress, fewest, result = lines
    assert 0.8 < fewest["fewest"] <= 1
    assert first == {"measuring": True}
    assert all(0 <= line["done"] <= 1 for line in progress)
    assert result["clients"] == 4
    # Each message goes to everybody, the one who has sent it included.
    assert 0.7 < result["messages"] / (4 * load.RATE) < 1.3
    assert 0.7 < result["samples"] / (3 * load.RATE * result["seconds"]) < 1.3
    size = result["bytes_per_second"] / result["messages"] / 4
    assert abs(size - len(load.Avatar(0).message(1.5))) < 20
    assert delay <= result["delays"]["50"] <= result["delays"]["90"] <= result["delays"]["99"]
    assert result["delays"]["50"] < delay + 0.2
    assert room.received >= 4 * load.RATE / 2
    assert room.pongs, "pings have to be answered"


def test_nothing_that_arrives_is_no_delay() -> None:
    with running(Room(None)) as url:
        lines, _ = run(url, clients=2)
    assert lines[-1]["delays"] == {}
    assert (lines[-1]["messages"], lines[-1]["samples"]) == (0, 0)


def test_a_server_that_hangs_up_fails_it() -> None:
    with running(Room(None, says=b"goodbye")) as url:
        lines, errors = run(url, clients=2)
    assert "goodbye" in errors or "closed" in errors
    assert not any("samples" in line for line in lines)


def test_what_is_no_websocket_fails_it() -> None:
    with running(Room(None)) as url:
        port = int(url.rpartition(":")[2])
    lines, errors = run(f"ws://127.0.0.1:{port}", clients=1)
    assert lines == []
    assert "Connect" in errors


def test_some_may_only_follow_and_others_join() -> None:
    room = Room(0.0)
    with running(room) as url:
        lines, _ = run(url, 4, "--publishers=1", "--readers=2", "--joiners=3")
    result = lines[-1]
    assert next(line["joined"] for line in lines if "joined" in line) > 0
    # One publishes, and whoever joins needs two messages.
    assert result["samples"] > 0
    assert room.received < 4 * load.RATE
