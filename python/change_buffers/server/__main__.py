"""A room for whoever comes: a WebSocket server with a page.

Open the address that it prints in two tabs. Programs connect to the same address with `/ws` at the
end. It ends with Ctrl-C or SIGTERM, and says goodbye to everybody.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import math
import os
import signal
import ssl
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, NoReturn

from change_buffers import DictionaryChangeMultiView
from change_buffers.server import Limits, Server, serve

PROGRAM = "python -m change_buffers.server"
LIMITS = Limits()
MEGABYTE = 1 << 20


def number(low: float, kind: type[float] = float) -> Callable[[str], float]:
    """Make a function for argparse that takes numbers above `low`."""

    def parse(text: str) -> float:
        value = kind(text)
        if not low < value < math.inf:
            raise argparse.ArgumentTypeError(f"must be above {low:g}, not {text}")
        return value

    parse.__name__ = "whole number" if kind is int else "number"
    return parse


def make_parser() -> argparse.ArgumentParser:
    """Say what can be asked for."""
    parser = argparse.ArgumentParser(prog=PROGRAM, description=__doc__)
    where = parser.add_argument_group("where")
    where.add_argument(
        "--host",
        default="127.0.0.1",
        help="address to listen on; 0.0.0.0 for all, so that others can come (default: this "
        "machine only)",
    )
    where.add_argument(
        "--port", type=int, default=38801, help="0 for one that is free (default: %(default)s)"
    )
    where.add_argument(
        "--origin",
        action="append",
        default=[],
        metavar="URL",
        help="pages from there may connect, too, such as https://example.org; * for all; can be "
        "given several times (default: pages of this server, at an address or localhost)",
    )
    where.add_argument(
        "--certificate", type=Path, metavar="FILE", help="for https: a certificate, as PEM"
    )
    where.add_argument("--key", type=Path, metavar="FILE", help="and its key, if that is apart")
    shared = parser.add_argument_group("several processes and hosts")
    shared.add_argument(
        "--redis",
        default=os.environ.get("CHANGE_BUFFERS_REDIS"),
        metavar="URL",
        help="share the room through this Redis or Valkey, redis://HOST:PORT/NUMBER (default: that "
        "of the environment variable CHANGE_BUFFERS_REDIS, which others can't see; else not)",
    )
    shared.add_argument(
        "--room", default="room", metavar="NAME", help="and which room (default: %(default)s)"
    )
    pace = parser.add_argument_group("pace and memory")
    pace.add_argument(
        "--rate",
        type=number(0),
        default=30.0,
        metavar="HZ",
        help="messages a second to a client that asks for no other rate (default: %(default)g)",
    )
    pace.add_argument(
        "--history",
        type=number(-1, int),
        default=10_000,
        metavar="N",
        help="remember so many removed keys for clients that come back (default: %(default)s)",
    )
    limits = parser.add_argument_group("what a client may")
    limits.add_argument(
        "--clients",
        type=number(0, int),
        default=LIMITS.clients,
        metavar="N",
        help="how many may be there (default: %(default)s)",
    )
    limits.add_argument(
        "--state-limit",
        type=number(0),
        default=LIMITS.state_bytes / MEGABYTE,
        metavar="MB",
        help="memory for the keys of one client (default: %(default)g)",
    )
    limits.add_argument(
        "--key-limit",
        type=number(0, int),
        default=LIMITS.keys,
        metavar="N",
        help="keys of one client (default: %(default)s)",
    )
    limits.add_argument(
        "--message-limit",
        type=number(0),
        default=LIMITS.message_bytes / MEGABYTE,
        metavar="MB",
        help="size of one message (default: %(default)g)",
    )
    limits.add_argument(
        "--update-limit",
        type=number(0),
        default=LIMITS.updates_per_second,
        metavar="N",
        help="keys that a client may name in a second (default: %(default)g)",
    )
    limits.add_argument(
        "--stall-limit",
        type=number(0),
        default=LIMITS.stall_seconds,
        metavar="S",
        help="seconds that a client may take over a message (default: %(default)g)",
    )
    parser.add_argument("--verbose", action="store_true", help="log who comes and goes")
    return parser


@asynccontextmanager
async def open_multi_view(options: argparse.Namespace) -> AsyncIterator[DictionaryChangeMultiView]:
    """Give the dictionary that is served: the one place that knows where it lives."""
    if options.redis is None:
        yield DictionaryChangeMultiView(history=options.history)
        return
    try:
        from change_buffers.redis import RedisMultiView
    except ModuleNotFoundError as missing:
        fail(f"{missing}: pip install 'change-buffers[redis]'")
    try:
        room = RedisMultiView(options.redis, options.room, history=options.history)
        await asyncio.to_thread(room.join)
    except Exception as error:
        fail(f"--redis, --room: {error}")
    async with room:
        yield room


def fail(message: str) -> NoReturn:
    """End the program with a message."""
    print(f"{PROGRAM}: error: {message}", file=sys.stderr, flush=True)
    raise SystemExit(2)


def limits_of(options: argparse.Namespace) -> Limits:
    """Give the limits that were asked for."""
    return Limits(
        clients=options.clients,
        keys=options.key_limit,
        state_bytes=int(options.state_limit * MEGABYTE),
        message_bytes=int(options.message_limit * MEGABYTE),
        updates_per_second=options.update_limit,
        stall_seconds=options.stall_limit,
        shortest_interval=min(LIMITS.shortest_interval, 1 / options.rate),
        longest_interval=max(LIMITS.longest_interval, 1 / options.rate),
    )


def tls_of(options: argparse.Namespace) -> ssl.SSLContext | None:
    """Give what is needed for https, if it was asked for.

    Raises:
        OSError: A file cannot be read, or is none of that kind.
    """
    if options.certificate is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(options.certificate, options.key)
    return context


async def run(options: argparse.Namespace, tls: ssl.SSLContext | None) -> None:
    """Serve until interrupted."""
    loop, end = asyncio.get_running_loop(), asyncio.Event()
    for number_of_signal in (signal.SIGINT, signal.SIGTERM):
        # Windows has none for event loops: there Ctrl-C is an exception.
        with suppress(NotImplementedError):
            loop.add_signal_handler(number_of_signal, end.set)
    async with open_multi_view(options) as room:
        server = serve(
            room,
            options.host,
            options.port,
            interval=1 / options.rate,
            limits=limits_of(options),
            origins=options.origin,
            ssl=tls,
        )
        async with server:
            greet(server)
            await end.wait()


def greet(server: Server) -> None:
    """Say where it is."""
    print(f"open at {server.url}", flush=True)


def run_in_loop(coroutine: Coroutine[Any, Any, None]) -> None:
    """Run in uvloop if that is installed."""
    try:
        import uvloop
    except ImportError:
        asyncio.run(coroutine)
        return
    loop = uvloop.new_event_loop()
    try:
        loop.run_until_complete(coroutine)
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the server and give its exit status."""
    parser = make_parser()
    options = parser.parse_args(arguments)
    if options.key is not None and options.certificate is None:
        parser.error("--key needs --certificate")
    if not 0 <= options.port < 1 << 16:
        parser.error(f"--port must be from 0 to 65535, not {options.port}")
    logging.basicConfig(
        format="%(asctime)s %(levelname)s %(message)s",
        level=logging.INFO if options.verbose else logging.WARNING,
    )
    what = " or ".join(map(str, filter(None, (options.certificate, options.key))))
    try:
        tls = tls_of(options)
        what = f"{options.host}:{options.port}"
        run_in_loop(run(options, tls))
    except OSError as error:
        parser.exit(2, f"{PROGRAM}: error: {what}: {error.strerror or error}\n")
    except KeyboardInterrupt:
        pass
    return 0


if __name__ == "__main__":
    sys.exit(main())
