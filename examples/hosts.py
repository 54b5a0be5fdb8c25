"""One room, several server processes: clients spread over them through one Redis.

Three servers share a room. In the middle one of them is killed and another one is added; the
clients of the one that is gone go to the others. In the end everybody must have the same.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections import Counter

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from change_buffers.redis import RedisMultiView
from hostskit.clients import Client, Delays
from hostskit.redis_server import MissingError, running_redis
from hostskit.servers import ServerProcess

ROOM = "hosts"


def milliseconds(seconds: float | None) -> str:
    """Show a delay."""
    return "-" if seconds is None else f"{seconds * 1000:.1f} ms"


class Show:
    """A table of what is going on."""

    def __init__(self, servers: list[ServerProcess], clients: list[Client], delays: Delays) -> None:
        self.servers, self.clients, self.delays = servers, clients, delays
        self.headline = ""
        self.began = time.monotonic()

    def __rich__(self) -> Group:
        """Draw it."""
        at = Counter(client.server.name for client in self.clients if client.server is not None)
        table = Table("server", "state", "clients", title=f"room {ROOM!r}")
        for server in self.servers:
            state = Text("running", "green") if server.is_alive else Text("killed", "red")
            table.add_row(server.name, state, str(at[server.name]))
        reconnects = sum(client.reconnects for client in self.clients)
        return Group(
            table,
            f"{time.monotonic() - self.began:5.1f} s  {self.headline}",
            f"delay from client to client: p50 {milliseconds(self.delays.part(0.5))}, "
            f"p99 {milliseconds(self.delays.part(0.99))}; reconnected: {reconnects}",
        )


async def settled(clients: list[Client], room: RedisMultiView, timeout: float) -> bool:
    """Wait until all replicas are equal to the room's content."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        content = room.copy_content()
        if len(content) == len(clients) and all(it.replica == content for it in clients):
            return True
        await asyncio.sleep(0.1)
    return False


async def run(options: argparse.Namespace, url: str, console: Console) -> int:
    """Run the show; give the exit status."""
    servers = [ServerProcess(name) for name in ("one", "two", "three")]
    await asyncio.gather(*(server.start(url, ROOM, options.rate) for server in servers))
    delays = Delays()
    clients = [Client(number, servers, options.rate) for number in range(options.clients)]
    show = Show(servers, clients, delays)
    tasks = [asyncio.create_task(client.run(delays)) for client in clients]
    part = options.seconds / 3
    try:
        async with RedisMultiView(url, ROOM) as room:
            with Live(show, console=console, refresh_per_second=4, transient=False):
                show.headline = "three servers"
                await asyncio.sleep(part)
                steady = delays.part(0.5), delays.part(0.99)
                show.headline = "server two is killed"
                await servers[1].kill()
                await asyncio.sleep(part)
                show.headline = "server four has come"
                servers.append(ServerProcess("four"))
                await servers[-1].start(url, ROOM, options.rate)
                delays.latest.clear()
                for client in clients[::4]:
                    # Some go there, as a load balancer would have it.
                    client.move_to(servers[-1])
                await asyncio.sleep(part)
                after = delays.part(0.5), delays.part(0.99)
                for client in clients:
                    client.is_moving = False
                show.headline = "nobody moves: everybody must have the same"
                is_equal = await settled(clients, room, 30)
            stats = room.stats()
        console.print(
            f"{options.clients} clients at {options.rate:g} Hz; "
            f"with three servers: p50 {milliseconds(steady[0])}, p99 {milliseconds(steady[1])}; "
            f"with the fourth: p50 {milliseconds(after[0])}, p99 {milliseconds(after[1])}"
        )
        console.print(
            f"version {stats.version}, {stats.keys} keys, {stats.resyncs} resyncs, "
            f"{sum(client.resumed for client in clients)} clients went on where they were"
        )
        word = "equal" if is_equal else "NOT EQUAL"
        console.print(f"every replica is {word}: {len(clients)} clients and Redis")
        return 0 if is_equal else 1
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*(server.stop() for server in servers))


def main() -> int:
    """Read the arguments, start a Redis, and run the show."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=150, help="(default: %(default)s)")
    parser.add_argument("--rate", type=float, default=10.0, help="Hz (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=18.0, help="(default: %(default)s)")
    options = parser.parse_args()
    if options.clients < 4 or options.rate <= 0 or options.seconds <= 0:
        parser.error("it takes 4 clients, and a rate and seconds above 0")
    console = Console()
    try:
        with running_redis() as (url, _):
            return asyncio.run(run(options, url, console))
    except MissingError as error:
        console.print(str(error))
        return 2


if __name__ == "__main__":
    sys.exit(main())
