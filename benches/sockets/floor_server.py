"""The floor: a loop that only calls `socket.send`, 30 times a second, with the same bytes for all.

    python -m sockets.floor_server 300x111000

serves frames of so many bytes to so many clients, and does not read what they send. It says on its
output where it listens, as JSON, and ends with its input.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import select
import socket
import sys
import threading
import time

INTERVAL = 1 / 30
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # of RFC 6455


def accept(listening: socket.socket) -> socket.socket:
    client, _ = listening.accept()
    asked = b""
    while b"\r\n\r\n" not in asked:
        asked += client.recv(4096)
    [key] = re.findall(rb"(?i)^sec-websocket-key: (\S+)\r$", asked, re.MULTILINE)
    answer = base64.b64encode(hashlib.sha1(key + GUID).digest())
    client.sendall(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + answer + b"\r\n\r\n"
    )
    return client


def main(clients: int, size: int) -> None:
    listening = socket.create_server(("127.0.0.1", 0), backlog=1000)
    print(json.dumps({"url": f"ws://127.0.0.1:{listening.getsockname()[1]}"}), flush=True)
    everybody = [accept(listening) for _ in range(clients)]
    for client in everybody:
        client.setblocking(False)
    # Frames of less than 126 bytes are nobody's.
    head = b"\x82\x7f" + size.to_bytes(8, "big")
    if size <= 0xFFFF:
        head = b"\x82\x7e" + size.to_bytes(2, "big")
    frame = head + bytes(size)
    due = time.perf_counter()
    while True:
        for client in everybody:
            send(client, frame)
        due = max(due + INTERVAL, time.perf_counter())
        time.sleep(max(0.0, due - time.perf_counter()))


def send(client: socket.socket, frame: bytes) -> None:
    sent = client.send(frame)
    while sent < len(frame):
        select.select([], [client], [])
        sent += client.send(memoryview(frame)[sent:])


if __name__ == "__main__":
    threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
    main(*map(int, sys.argv[1].split("x")))
