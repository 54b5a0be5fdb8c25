"""Clients that connect and never read, however much there is: what they cost the server.

    python -m sockets.sleepers --clients 1000 --seconds 60

One publishes a hundred large values in turn and follows them. The result goes to the output, as
JSON: by how many bytes the server has grown at most, and how late the one who reads was.
"""

from __future__ import annotations

import argparse
import json
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

import msgpack
import psutil
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from sockets import frames
from sockets.load import percentile
from sockets.measure import child, lines_of
from sockets.room_server import ROOM

KEYS = 100
VALUE = "x" * 10_000
RATE = 30.0


@dataclass(frozen=True)
class Cost:
    """What they cost."""

    clients: int
    seconds: float
    grown: float
    """Bytes of memory of the server's process."""
    delay: float
    """Seconds until the one who reads has what it has published, p99."""


def sleep(host: str, port: int) -> socket.socket:
    """Connect, ask for a WebSocket, and never read."""
    line = socket.socket()
    line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    line.connect((host, port))
    line.sendall(frames.request(host, port))
    return line


def follow(connection: ClientConnection, delays: list[float]) -> None:
    """Note how late everything is."""
    try:
        for data in connection:
            now = time.perf_counter()
            updates = msgpack.unpackb(data).get("state", {}).get("updates", {})
            delays += [now - value[0] for value in updates.values()]
    except ConnectionClosed:
        pass


def measure(
    clients: int, seconds: float, progress: Callable[[float], object] = lambda part: None
) -> Cost:
    """Run a server with so many clients that never read."""
    with child("sockets.room_server", ROOM) as serving:
        url = next(lines_of(serving))["url"]
        process = psutil.Process(serving.pid)
        host, port = url.removeprefix("ws://").rstrip("/").split(":")
        delays: list[float] = []
        with connect(url, compression=None, max_size=None) as connection:
            reading = threading.Thread(target=follow, args=[connection, delays], daemon=True)
            reading.start()
            time.sleep(0.5)
            before = most = process.memory_info().rss
            lines = [sleep(host, int(port)) for _ in range(clients)]
            try:
                begin, number = time.perf_counter(), 0
                while (passed := time.perf_counter() - begin) < seconds:
                    number += 1
                    value = [time.perf_counter(), number, VALUE]
                    updates = {f"key.{number % KEYS}": value, f"new.{number}": value}
                    state = {"updates": updates, "removals": [f"new.{number - 10}"]}
                    connection.send(msgpack.packb({"state": state}))
                    most = max(most, process.memory_info().rss)
                    progress(passed / seconds)
                    time.sleep(1 / RATE)
            finally:
                for line in lines:
                    line.close()
        return Cost(clients, seconds, most - before, percentile(delays, 99))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--clients", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=60.0)
    options = parser.parse_args()
    print(json.dumps(asdict(measure(options.clients, options.seconds))))


if __name__ == "__main__":
    main()
