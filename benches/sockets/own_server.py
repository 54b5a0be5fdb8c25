"""A server of one's own, for NanoVer's clients: what the guide compares NanoVer's server with.

It does for the shared state what NanoVer's does: everybody is sent what has changed, 30 times a
second, and what belongs to a user goes with them. It says on its output where it listens, as JSON,
and ends with its input.
"""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import suppress

import msgpack
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from change_buffers import DictionaryChange, DictionaryChangeMultiView
from change_buffers.codecs import MessagePackCodec

INTERVAL = 1 / 30
OWN = "a server of one's own"

room = DictionaryChangeMultiView()
codec = MessagePackCodec(msgpack.packb)


async def send_changes(connection: ServerConnection) -> None:
    with suppress(ConnectionClosed):
        async for change in room.subscribe_changes(INTERVAL):
            await connection.send(change.encode(codec, envelope="state"))


async def serve_client(connection: ServerConnection) -> None:
    sending = asyncio.create_task(send_changes(connection))
    mine: set[str] = set()
    try:
        with suppress(ConnectionClosed):
            async for message in connection:
                updates, removals = DictionaryChange.from_dict(msgpack.unpackb(message)["state"])
                room.update(updates, removals)
                mine.update(key for key in updates if key.startswith("avatar."))
    finally:
        sending.cancel()
        room.update(removals=mine)


async def main() -> None:
    async with serve(serve_client, "127.0.0.1", 0, compression=None) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        print(json.dumps({"url": f"ws://127.0.0.1:{port}"}), flush=True)
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main())
