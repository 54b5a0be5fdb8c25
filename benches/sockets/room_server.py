"""The server of this package, with an empty room, for NanoVer's clients.

It says on its output where it listens, as JSON, and ends with its input.
"""

from __future__ import annotations

import asyncio
import json
import sys

from change_buffers import DictionaryChangeMultiView
from change_buffers.server import Limits, serve

ROOM, ROOM_UVLOOP = "change_buffers.server", "change_buffers.server, uvloop"


async def main() -> None:
    room = DictionaryChangeMultiView()
    async with serve(room, port=0, limits=Limits(clients=5000)) as server:
        print(json.dumps({"url": server.url.replace("http", "ws", 1)}), flush=True)
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    if sys.argv[1:] == [ROOM_UVLOOP]:
        import uvloop

        uvloop.run(main())
    else:
        asyncio.run(main())
