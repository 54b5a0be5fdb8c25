"""Two clients and a connection that breaks and comes back; one of them owns keys.

Ada publishes and takes her keys with her. Bob follows: when his connection comes back he says up to
where he has seen, and gets what he has missed instead of everything.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

from change_buffers import DictionaryChangeMultiView

room = DictionaryChangeMultiView(history=100)
sessions: list[asyncio.Task[None] | None] = []


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send a client what has changed since the version that it begins with."""
    sessions.append(asyncio.current_task())
    since = json.loads(await reader.readline())
    try:
        # Without a version this is a snapshot, and so it is if too much has happened since.
        async for change in room.subscribe_changes(0.01, snapshot=since is None, since=since):
            message = change.to_dict() | {"version": change.version, "all": change.is_complete}
            writer.write(json.dumps(message).encode() + b"\n")
            await writer.drain()
    except ConnectionError:
        pass  # The client comes back, or it does not.
    finally:
        writer.close()


class Follower:
    """Keeps a replica level, and knows up to where it has seen."""

    def __init__(self) -> None:
        self.replica: dict[str, Any] = {}
        self.version: int | None = None

    async def follow(self, address: tuple[str, int], until: int) -> int:
        """Receive until the replica is of a version, then lose the connection. Give the bytes."""
        received = 0
        reader, writer = await asyncio.open_connection(*address)
        writer.write(json.dumps(self.version).encode() + b"\n")
        while self.version is None or self.version < until:
            line = await reader.readline()
            message = json.loads(line)
            if message["all"]:
                self.replica.clear()
            self.replica.update(message["updates"])
            for key in message["removals"]:
                self.replica.pop(key, None)
            self.version = message["version"]
            received += len(line)
        writer.transport.abort()
        return received


async def main() -> None:
    """Have Bob miss how Ada leaves."""
    room.update({f"atom {i}": [i, i, i] for i in range(1000)})
    bob, newcomer = Follower(), Follower()
    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        address = server.sockets[0].getsockname()
        with room.create_publisher(exclusive=True) as ada:
            ada.update({"avatar.ada": [0, 0, 0], "selection": [1, 2, 3]})
            first = await bob.follow(address, room.version)
        room.update({"atom 5": [5, 5, 6]}, ["atom 6"])
        missed = await bob.follow(address, room.version)
        anew = await newcomer.follow(address, room.version)
        room.freeze()
        await asyncio.gather(*filter(None, sessions))
    assert bob.replica == newcomer.replica == room.copy_content()
    print(f"at first {first} bytes, after coming back {missed}, anew {anew}")


asyncio.run(main())
