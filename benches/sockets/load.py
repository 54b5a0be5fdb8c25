"""Many clients in one process: everybody publishes an avatar, everybody follows everybody.

    python -m sockets.load ws://127.0.0.1:38801 --clients 60 --seconds 10

The wire is NanoVer's: binary messages of MessagePack, `{"state": {"updates": {}, "removals": []}}`.
It knows nothing else of the server. All clients but one step over what arrives and only count it;
that one, or as many as are asked for, decodes its messages, and compares the time at which others
have published with its own. Publications are spread evenly over time. Others may join meanwhile,
all at once: then it counts until all of them have two messages, a greeting and the content.
What it finds goes to its output, one JSON object a line: `{"measuring": true}` when it begins to
count, `{"done": 0.5}` meanwhile, how many messages the one with the fewest got of those that the
one with the most got, and the result at the end.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import random
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import urlsplit

import msgpack

from sockets import frames

RATE = 30
"""Publications of each client in a second: what a headset does."""
CONNECTING = 16
"""So many connect at a time."""
PATIENCE_SECONDS = 60
LEVELS = [50, 90, 99]
SCRATCH = bytearray(1 << 18)
"""Where everything arrives: what is not copied at once is gone."""


@dataclass(frozen=True)
class Load:
    """What the clients have seen, while it was measured."""

    clients: int
    seconds: float
    messages: float
    """For each client, in a second."""
    bytes_per_second: float
    """To all clients."""
    delays: dict[str, float]
    """Seconds from a publication until another client had it, by percentile; none if none had."""
    samples: int
    late: float
    """Seconds by which the clients were late with a publication, p99: their fault alone."""
    load_cpu: float
    """Seconds of processor in a second that the clients took."""


class Avatar:
    """What one user publishes of a headset and two hands: some 370 bytes, and the time."""

    def __init__(self, number: int) -> None:
        chance = random.Random(number)
        self.name = f"{chance.getrandbits(128):032x}"
        self.key = f"avatar.{self.name}"
        self._value = {
            "playerid": self.name,
            "name": f"user {number}",
            "components": [
                {
                    "name": part,
                    "position": [chance.random() for _ in range(3)],
                    "rotation": [chance.random() for _ in range(4)],
                }
                for part in ("headset", "hand.left", "hand.right")
            ],
        }

    def message(self, now: float) -> bytes:
        updates = {self.key: {**self._value, "time": now}}
        packed: bytes = msgpack.packb({"state": {"updates": updates, "removals": []}})
        return packed


class Client(asyncio.BufferedProtocol):
    """One connection."""

    def __init__(self, number: int, host: str, port: int, *, is_reader: bool) -> None:
        self.avatar = Avatar(number)
        self.is_open = asyncio.get_running_loop().create_future()
        self.messages = self.bytes = 0
        self.delays: list[float] | None = None
        self._request = frames.request(host, port)
        self._reader = frames.Reader(is_read=is_reader)
        self._answer: bytearray | None = bytearray()
        self._transport: asyncio.Transport

    def publish(self) -> None:
        self._transport.write(frames.frame(self.avatar.message(time.perf_counter())))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(self._request)

    def connection_lost(self, exc: Exception | None) -> None:
        lost = exc or ConnectionError("the server has closed the connection")
        if self.is_open.done():
            raise lost
        self.is_open.set_exception(lost)

    def get_buffer(self, sizehint: int) -> bytearray:
        return SCRATCH

    def buffer_updated(self, nbytes: int) -> None:
        with memoryview(SCRATCH) as scratch:
            data = scratch[:nbytes]
            if self._answer is not None:
                data = data[self._read_answer(data) :]
            for message in self._reader.feed(data):
                self._read(message)

    def _read_answer(self, data: memoryview) -> int:
        """Read what comes before the first frame; give the size of it in this piece."""
        assert self._answer is not None
        before = len(self._answer)
        self._answer += data
        end = self._answer.find(b"\r\n\r\n")
        if end < 0:
            return len(data)
        status = bytes(self._answer.partition(b"\r\n")[0])
        if b" 101 " not in status:
            raise ConnectionError(f"no WebSocket: {status.decode(errors='replace')}")
        self._answer = None
        self.is_open.set_result(None)
        return end + 4 - before

    def _read(self, message: frames.Message) -> None:
        if message.opcode == frames.BINARY:
            self.messages += 1
            self.bytes += message.size
            if self.delays is not None and message.payload is not None:
                self._compare_times(message.payload, time.perf_counter())
        elif message.opcode == frames.PING:
            self._transport.write(frames.frame(message.payload or b"", frames.PONG))
        elif message.opcode == frames.CLOSE:
            raise ConnectionError(f"the server says goodbye: {message.payload!r}")

    def _compare_times(self, payload: bytes, now: float) -> None:
        assert self.delays is not None
        state = msgpack.unpackb(payload).get("state", {"updates": {}})
        for key, value in state["updates"].items():
            if key.startswith("avatar.") and key != self.avatar.key:
                self.delays.append(now - value["time"])


async def connect(
    host: str, port: int, number: int, readers: int = 1, at_once: int = CONNECTING
) -> list[Client]:
    """Connect so many clients; some of them read: the first, and others at equal distances."""
    loop, turn = asyncio.get_running_loop(), asyncio.Semaphore(at_once)
    reading = {each * (number - 1) // max(1, readers - 1) for each in range(readers)}

    async def connect_one(each: int) -> Client:
        async with turn:
            _, client = await loop.create_connection(
                lambda: Client(each, host, port, is_reader=each in reading), host, port
            )
            await client.is_open
        return client

    everybody = asyncio.gather(*map(connect_one, range(number)))
    return await asyncio.wait_for(everybody, PATIENCE_SECONDS)


async def join(host: str, port: int, number: int) -> float:
    """Have so many more join at once; give the seconds until all have the content."""
    begin = time.perf_counter()
    joining = await connect(host, port, number, 0, number)
    while any(client.messages < 2 for client in joining):
        await asyncio.sleep(0.005)
        if time.perf_counter() - begin > PATIENCE_SECONDS:
            raise TimeoutError
    return time.perf_counter() - begin


async def publish_all(clients: Sequence[Client], late: list[float]) -> None:
    """Have them publish in turn, for ever; note how late each is."""
    step = 1 / RATE / max(1, len(clients))
    due = time.perf_counter()
    while True:
        for client in clients:
            due += step
            if (wait := due - time.perf_counter()) > 0:
                await asyncio.sleep(wait)
            client.publish()
            late.append(time.perf_counter() - due)
        # Also when it is behind, what arrives is to be taken.
        await asyncio.sleep(0 if clients else 1)


async def measure(
    url: str,
    clients: int,
    warm_up: float,
    seconds: float,
    publishers: int | None = None,
    readers: int = 1,
    joiners: int = 0,
) -> Load:
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    everybody = await connect(parts.hostname, parts.port, clients, readers)
    late: list[float] = []
    publishing = asyncio.create_task(publish_all(everybody[:publishers], late))
    await asyncio.sleep(warm_up)

    late.clear()
    delays: list[float] = []
    for client in everybody:
        client.messages = client.bytes = 0
        client.delays = delays
    start, cpu = time.perf_counter(), time.process_time()
    tell({"measuring": True})
    if joiners:
        tell({"joined": await join(parts.hostname, parts.port, joiners)})
        seconds = time.perf_counter() - start
    while (passed := time.perf_counter() - start) < seconds:
        await asyncio.sleep(min(0.5, seconds - passed))
        tell({"done": min(1, passed / seconds)})
    passed, cpu = time.perf_counter() - start, time.process_time() - cpu
    if publishing.done():
        await publishing  # it has failed
    publishing.cancel()
    counts = [client.messages for client in everybody]
    tell({"fewest": min(counts) / max(1, *counts)})
    return Load(
        clients=clients,
        seconds=passed,
        messages=sum(client.messages for client in everybody) / passed / clients,
        bytes_per_second=sum(client.bytes for client in everybody) / passed,
        delays={str(level): percentile(delays, level) for level in LEVELS} if delays else {},
        samples=len(delays),
        late=percentile(late, 99) if late else 0.0,
        load_cpu=cpu / passed,
    )


def percentile(values: list[float], level: float) -> float:
    """Give the nearest rank."""
    return sorted(values)[math.ceil(len(values) * level / 100) - 1]


def tell(what: dict[str, Any]) -> None:
    print(json.dumps(what), flush=True)


def fail(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """A connection that is lost spoils the measurement."""
    loop.default_exception_handler(context)
    sys.stderr.flush()
    loop.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("url", help="ws://HOST:PORT")
    parser.add_argument("--clients", type=int, default=60)
    parser.add_argument("--warm-up", type=float, default=3.0, help="seconds before it counts")
    parser.add_argument("--seconds", type=float, default=10.0, help="seconds in which it counts")
    parser.add_argument("--publishers", type=int, metavar="N", help="only so many of them publish")
    parser.add_argument("--readers", type=int, default=1, help="so many compare times")
    parser.add_argument("--joiners", type=int, default=0, help="so many join while it counts")
    options = parser.parse_args()

    async def run() -> Load:
        asyncio.get_running_loop().set_exception_handler(fail)
        return await measure(
            options.url, options.clients, options.warm_up, options.seconds,
            options.publishers, options.readers, options.joiners,
        )  # fmt: skip

    tell(asdict(asyncio.run(run())))


if __name__ == "__main__":
    main()
