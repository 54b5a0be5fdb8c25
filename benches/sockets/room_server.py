"""The server of this package, for NanoVer's clients: with an empty room, or one that has keys.

It says on its output where it listens, as JSON, and ends with its input.
"""

from __future__ import annotations

import asyncio
import json
import sys

from change_buffers import DictionaryChangeMultiView
from change_buffers.server import Limits, serve

ROOM, UVLOOP, FULL = "change_buffers.server", "change_buffers.server, uvloop", "a full room"
KEYS = 10_000


async def main(side: str) -> None:
    room = DictionaryChangeMultiView()
    if side == FULL:
        value = {"position": [0.1, 0.2, 0.3], "rotation": [0.1, 0.2, 0.3, 0.4], "name": "x" * 20}
        room.update({f"scene.{number:06}": value for number in range(KEYS)})
    async with serve(room, port=0, limits=Limits(clients=5000)) as server:
        print(json.dumps({"url": server.url.replace("http", "ws", 1)}), flush=True)
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    if sys.argv[1] == UVLOOP:
        import uvloop

        uvloop.run(main(sys.argv[1]))
    else:
        asyncio.run(main(sys.argv[1]))
