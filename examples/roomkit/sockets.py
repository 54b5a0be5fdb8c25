"""The driver that plays a load over real WebSockets: the server is a process of its own.

Each client is a connection that publishes and follows. What is published bears the time, since only
its bytes arrive. In the end one more client comes; what it is given is the content, with which the
replicas of the others are compared as soon as they have got as far.
"""

from __future__ import annotations

import asyncio
import json
import math
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager, suppress
from itertools import zip_longest
from typing import Any, TypeAlias

import msgpack
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from change_buffers import DictionaryChange
from roomkit.clients import Follower, difference
from roomkit.load import Load, Record, Track, Visit
from roomkit.measure import Outcome, Status

Task: TypeAlias = "asyncio.Task[None]"

TICK = 0.1
"""Seconds between two looks at the run."""
PATIENCE = 5.0
"""Seconds in which everybody has to have what was published last."""
NAME = "change_buffers.server"


class ServerError(Exception):
    """There is no server, and why."""


class Stamps:
    """When each value was published: it says so itself."""

    @staticmethod
    def stamped(updates: Mapping[str, object]) -> dict[str, object]:
        """Give the same with the time in every map."""
        now = time.perf_counter()
        return {
            key: {**value, "published": now} if isinstance(value, dict) else value
            for key, value in updates.items()
        }

    def oldest(self, updates: Mapping[str, object]) -> float:
        """Return when the value that has waited longest was published, infinity if none has."""
        times = (value["published"] for value in updates.values() if isinstance(value, dict))
        return min(times, default=math.inf)


@contextmanager
def server() -> Iterator[str]:
    """Run a server in a process of its own; gives the address of its page."""
    command = [sys.executable, "-m", NAME, "--port", "0", "--update-limit", "1e6"]
    # In a session of its own, so that Ctrl-C is for us alone.
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
    try:
        assert process.stdout is not None
        words = process.stdout.readline().split()
        if not words:
            raise ServerError("the server does not start")
        yield words[-1]
    finally:
        process.terminate()
        try:
            process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


class Guest(Follower):
    """A client: its connection, its replica, and how far that goes."""

    def __init__(self, visit: Visit, connection: ClientConnection, stamps: Stamps) -> None:
        super().__init__(visit, stamps)
        self.connection = connection
        self.version = -1

    async def listen(self) -> None:
        """Keep the replica for as long as the connection lasts."""
        async for data in self.connection:
            message = msgpack.unpackb(data)
            if "error" in message:
                raise RuntimeError(message["error"])
            if "state" in message:
                self.receive(DictionaryChange.from_dict(message["state"]))
                self.version = message["version"]


class SocketRoom:
    """One run of a load.

    Args:
        load: What happens when.
        greet: What is called with the address of the server.
    """

    INTERRUPTIONS = 2

    def __init__(self, load: Load, greet: Callable[[str], object]) -> None:
        self._load = load
        self._greet = greet
        self._url = ""
        self._start = 0.0
        self._published = 0
        self._guests: list[Guest] = []
        self._failures: list[str] = []
        self._publishing: set[int] = set()
        self._stamps = Stamps()
        self._over = asyncio.Event()

    def run(self, interrupted: Callable[[], int], watch: Callable[[Status], None]) -> Outcome:
        """Play the load to its end or until interrupted; call `watch` every now and then.

        `interrupted` says how often: after once the run ends as it should, after twice at once.
        """
        with server() as self._url:
            self._greet(self._url)
            return asyncio.run(self._run(interrupted, watch))

    async def _run(
        self, interrupted: Callable[[], int], watch: Callable[[Status], None]
    ) -> Outcome:
        cpu = (await self._stats())["cpu_seconds"]
        self._start = time.perf_counter()
        tasks = [
            asyncio.ensure_future(self._guarded(number, self._attend(number, visits, track)))
            for number, (visits, track) in enumerate(
                zip_longest(self._load.clients, self._load.tracks)
            )
        ]
        self._publishing.update(range(len(self._load.tracks)))
        try:
            while self._is_going_on() and not interrupted():
                await asyncio.sleep(TICK)
                watch(self._status())
            cut_short = interrupted() > 0
            self._over.set()
            return await self._outcome(cpu, cut_short, interrupted)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _is_going_on(self) -> bool:
        return self._elapsed() < self._load.seconds or bool(self._publishing)

    async def _attend(self, number: int, visits: list[Visit], track: Track | None) -> None:
        records = iter(()) if track is None else track()
        for visit in visits:
            if not await self._wait_until(visit.joins):
                return
            # More than a megabyte may come at once.
            async with connect(
                f"{self._address}?interval={visit.interval}", compression=None, max_size=None
            ) as connection:
                guest = Guest(visit, connection, self._stamps)
                self._guests.append(guest)
                publishing = asyncio.ensure_future(self._publish(number, guest, records))
                leaving = asyncio.ensure_future(self._leave(guest, publishing))
                try:
                    await guest.listen()
                finally:
                    publishing.cancel()
                    leaving.cancel()
                    await asyncio.gather(publishing, leaving, return_exceptions=True)

    async def _publish(self, number: int, guest: Guest, records: Iterator[Record]) -> None:
        for record in records:
            if not await self._wait_until(record.t):
                return
            if record.t >= guest.visit.leaves:
                return  # what is left goes with the connection
            updates = self._stamps.stamped(record.updates)
            change = {"updates": updates, "removals": record.removals}
            await guest.connection.send(msgpack.packb({"state": change}))
            self._published += 1
        self._publishing.discard(number)

    async def _leave(self, guest: Guest, publishing: asyncio.Future[None]) -> None:
        if guest.visit.leaves < self._load.seconds and await self._wait_until(guest.visit.leaves):
            await asyncio.wait([publishing])
            guest.left = True
            guest.ended = time.perf_counter()
            await guest.connection.close()

    async def _wait_until(self, t: float) -> bool:
        """Return true at time `t`, or false as soon as the run is to end."""
        if (left := t - self._elapsed()) <= 0:
            await asyncio.sleep(0)
        else:
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._over.wait(), left)
        return not self._over.is_set()

    async def _guarded(self, number: int, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except ConnectionClosed as error:
            if not self._over.is_set():
                self._failures.append(f"client {number}: {error}")
        except Exception as error:
            self._failures.append(f"client {number}: {type(error).__name__}: {error}")
        finally:
            self._publishing.discard(number)

    async def _outcome(
        self, cpu: float, cut_short: bool, interrupted: Callable[[], int]
    ) -> Outcome:
        """Have one more client look, and compare with what it sees."""
        outcome = Outcome(NAME, interrupted=cut_short, failures=self._failures)
        present = [guest for guest in self._guests if not guest.left]
        await self._everything_sent(present)
        async with connect(self._address, compression=None, max_size=None) as connection:
            await connection.recv()
            message = msgpack.unpackb(await connection.recv())
        content, version = message["state"]["updates"], message["version"]
        end = time.perf_counter() + PATIENCE
        while any(guest.version < version for guest in present) and time.perf_counter() < end:
            await asyncio.sleep(0.01)
            if interrupted() > 1:
                raise KeyboardInterrupt
        now = time.perf_counter()
        outcome.wall = self._elapsed()
        outcome.cpu = (await self._stats())["cpu_seconds"] - cpu
        outcome.published = self._published
        outcome.present = len(present)
        for guest in self._guests:
            outcome.deliveries += guest.deliveries
            outcome.latencies.extend(guest.latencies)
            outcome.delays.extend(guest.delays)
            outcome.client_seconds += (guest.ended or now) - guest.joined
            if not guest.left and (unequal := difference(guest.replica, content)):
                outcome.unequal.append(f"client {guest.visit.client}: {unequal}")
        return outcome

    async def _everything_sent(self, guests: list[Guest]) -> None:
        """Wait until the server has taken all that anybody has sent."""
        pongs = []
        for guest in guests:
            with suppress(ConnectionClosed):  # its failure is known
                pongs.append(await guest.connection.ping())
        await asyncio.wait_for(asyncio.gather(*pongs, return_exceptions=True), PATIENCE)

    def _elapsed(self) -> float:
        return time.perf_counter() - self._start

    @property
    def _address(self) -> str:
        return self._url.replace("http", "ws", 1) + "ws"

    async def _stats(self) -> dict[str, Any]:
        def get() -> dict[str, Any]:
            with urllib.request.urlopen(f"{self._url}stats", timeout=PATIENCE) as response:
                stats: dict[str, Any] = json.load(response)
                return stats

        return await asyncio.to_thread(get)

    def _status(self) -> Status:
        return Status(
            elapsed=self._elapsed(),
            published=self._published,
            deliveries=sum(guest.deliveries for guest in self._guests),
            worst_delay=max((g.delays[-1] for g in self._guests if g.delays), default=0.0),
        )
