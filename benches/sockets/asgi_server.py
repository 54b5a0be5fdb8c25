"""The room as an ASGI application on uvicorn, with an empty room: to compare it with `serve()`.

It says on its output where it listens, as JSON, and ends with its input.
"""

from __future__ import annotations

import asyncio
import json
import sys

import uvicorn

from change_buffers import DictionaryChangeMultiView
from change_buffers.server import Limits, asgi_app

ASGI = "asgi_app() on uvicorn"


async def main() -> None:
    app = asgi_app(DictionaryChangeMultiView(), limits=Limits(clients=5000))
    server = uvicorn.Server(
        uvicorn.Config(app, port=0, log_level="error", ws_per_message_deflate=False)
    )
    serving = asyncio.ensure_future(server.serve())
    while not server.started:
        await asyncio.sleep(0.005)
    port = server.servers[0].sockets[0].getsockname()[1]
    print(json.dumps({"url": f"ws://127.0.0.1:{port}/"}), flush=True)
    await asyncio.to_thread(sys.stdin.read)
    serving.cancel()


if __name__ == "__main__":
    asyncio.run(main())
