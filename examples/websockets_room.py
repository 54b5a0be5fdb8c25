"""A room of one's own on a port: a clock that everybody sees, and keys for whoever comes.

A client may write keys that begin with `cursor.`, and nothing else.
"""

import argparse
import asyncio
import contextlib
import time

from change_buffers import DictionaryChangeMultiView
from change_buffers.server import Permission, Request, serve


def authorize(request: Request) -> Permission:
    """Let everybody in, with keys of their own."""
    return Permission(name=request.last("name") or "somebody", write=("cursor.",))


async def main(port: int) -> None:
    """Serve until interrupted."""
    room = DictionaryChangeMultiView(history=10_000)
    async with serve(room, port=port, authorize=authorize) as server:
        print(f"open at {server.url}", flush=True)
        while True:
            room.update({"clock": time.strftime("%X")})
            await asyncio.sleep(1)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="websockets_room.py", description=__doc__)
    parser.add_argument("--port", type=int, default=8765, help="default: %(default)s")
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main(parser.parse_args().port))
