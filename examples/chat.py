"""A dictionary that any number of browser tabs and scripts share, over WebSockets.

Everybody gets `{"updates": {key: value, ...}, "removals": [key, ...]}` when something has changed,
and sends the same to change it; the answer to anything else is `{"error": why}`. The first message
names in "you" one's own key, which is removed when the connection ends. ws://HOST:PORT/?rate=10
asks for 10 messages a second at most (else 30), &prefix=text.&prefix=user. for these keys alone.
"""

import argparse
import asyncio
import contextlib
import json
import logging
import signal
import sys
from pathlib import Path
from urllib.parse import parse_qs

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from change_buffers import DictionaryChange, DictionaryChangeMultiView, Subscription
from change_buffers.codecs import JSONCodec

PAGE = Path(__file__).with_suffix(".html").read_text(encoding="utf-8")
CODEC = JSONCodec(json.JSONEncoder(allow_nan=False).encode)  # Only Python itself reads NaN.
shared = DictionaryChangeMultiView()


async def attend(connection: ServerConnection) -> None:
    """Serve one connection for as long as it lasts."""
    query = parse_qs(connection.request.path.partition("?")[2]) if connection.request else {}
    try:
        rate = float(query.get("rate", ["30"])[0])
        changes = shared.subscribe_changes(1 / rate, query.get("prefix"))
    except (ValueError, ArithmeticError):
        await connection.close(1008, "rate must be a number above 0")
        return
    own_key = f"user.{connection.id}"
    shared.update({own_key: {}})
    sending = asyncio.create_task(send(connection, own_key, changes))
    try:
        with contextlib.suppress(ConnectionClosed):  # Some leave without a goodbye.
            async for message in connection:
                try:
                    take(message)
                except (TypeError, ValueError, RecursionError) as error:
                    await connection.send(json.dumps({"error": f"nothing has changed: {error}"}))
    finally:
        sending.cancel()
        shared.update(removals=[own_key])


async def send(connection: ServerConnection, own_key: str, changes: Subscription) -> None:
    """Send what changes; as long as the other side does not take it, more adds up to one change."""
    code = 1001
    try:
        await connection.send(json.dumps({"you": own_key, "updates": {}, "removals": []}))
        async for change in changes:
            await connection.send(change.encode(CODEC), text=True)
    except ConnectionClosed:
        pass  # Whoever receives is told, too.
    except Exception:
        logging.getLogger("chat").exception("a connection ends: a change could not be sent")
        code = 1011
    # One to which nothing is sent any more must not stay open: that ends the receiving, too.
    await connection.close(code)


def take(message: str | bytes) -> None:
    """Make the change that somebody has sent, or none at all if anything is wrong with it."""
    data = json.loads(message)
    if not isinstance(data, dict) or not data.keys() <= {"updates", "removals"}:
        raise ValueError("a message is an object with updates, removals or both, and nothing else")
    if not isinstance(data.get("removals", []), list):
        raise ValueError("removals must be a list of keys")
    DictionaryChange.from_dict(data).encode(CODEC)  # What nobody can be sent must not get in.
    shared.update(**data)


def page(connection: ServerConnection, request: Request) -> Response | None:
    """Give the page to whoever does not ask for a WebSocket connection."""
    if "Upgrade" in request.headers:
        return None
    response = connection.respond(200, PAGE)
    response.headers.pop("Content-Type")
    response.headers["Content-Type"] = "text/html; charset=utf-8"
    return response


async def main(host: str, port: int) -> None:
    """Serve until interrupted."""
    server = await serve(attend, host, port, process_request=page, close_timeout=1)
    print("open at http://{}:{}/".format(*server.sockets[0].getsockname()), flush=True)
    if sys.version_info < (3, 11) and (task := asyncio.current_task()) is not None:
        # From there on `asyncio.run()` does so. Here Ctrl-C would end just any of the tasks.
        with contextlib.suppress(NotImplementedError):  # on Windows
            asyncio.get_running_loop().add_signal_handler(signal.SIGINT, task.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.Event().wait()
    server.close()
    # A client that does not read is not told of the end either, and is cut off after a while.
    await asyncio.wait([asyncio.create_task(server.wait_closed())], timeout=2)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="chat.py", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="default: %(default)s")
    parser.add_argument("--port", type=int, default=8765, help="default: %(default)s")
    try:
        asyncio.run(main(**vars(parser.parse_args())))
    except (OSError, OverflowError) as error:
        parser.error(str(error))
    except KeyboardInterrupt:
        pass
