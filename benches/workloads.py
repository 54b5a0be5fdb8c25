"""What `builds.py` measures of two builds: `workloads.py plain|encoding` serves it.

The package is whatever build the process was started with, so only what every version has is used.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from time import perf_counter

import packers
from bench_content import enter_and_leave_view
from bench_fanout import fan_out, room_tick
from bench_flush import update_and_flush
from bench_update import update
from contenders import OURS, Room, count, numbered
from measure import Side, Timed
from remote import serve
from report.series import Flushes

SIZES = [1, 10, 100, 1000]
DELIVERIES = 300


class Deliveries:
    """Changes that `async for` finds there already, or that a waiting task is woken for.

    All in one thread: what the event loop, the task and ours do for each.
    """

    def __init__(self, *, waits: bool) -> None:
        self._waits = waits

    def round(self) -> float:
        return asyncio.run(self._woken() if self._waits else self._ready())

    async def _ready(self) -> float:
        update = (room := Room(OURS).multi_view).update
        changes = aiter(room.subscribe_changes())
        updates = numbered(1)
        start = perf_counter()
        for _ in range(DELIVERIES):
            update(updates)
            await anext(changes)
        return (perf_counter() - start) / DELIVERIES

    async def _woken(self) -> float:
        room = Room(OURS).multi_view
        updates = numbered(1)
        delivered = 0

        async def follow() -> None:
            nonlocal delivered
            async for _ in room.subscribe_changes():
                delivered += 1

        follower = asyncio.create_task(follow())
        await asyncio.sleep(0)
        start = perf_counter()
        for number in range(1, DELIVERIES + 1):
            room.update(updates)
            while delivered < number:
                await asyncio.sleep(0)
        seconds = perf_counter() - start
        room.freeze()
        await follower
        return seconds / DELIVERIES


def update_and_remove(keys: int) -> Timed:
    updates = numbered(keys)
    return Timed(
        "update(updates); update(None, removals)",
        {"update": Room(OURS).multi_view.update, "updates": updates, "removals": [*updates]},
    )


def sized(what: str, side: Callable[[int], Side]) -> dict[str, Side]:
    return {f"{what}, {count(keys, 'key')}": side(keys) for keys in SIZES}


def plain() -> dict[str, Side]:
    return {
        **sized("update", lambda keys: update(OURS, keys, views=0)),
        **sized("update, then removal", update_and_remove),
        **sized("update and flush of a buffer", lambda keys: update_and_flush(OURS, keys)),
        **sized("update, 100 views flush", lambda keys: fan_out(OURS, keys, views=100)),
        **sized("flush of a view apart", lambda keys: Flushes(OURS, keys, apart=True)),
        "a tick of a room of 100 clients": room_tick(OURS),
        "create_view, exit unflushed, 10,000 keys": enter_and_leave_view(OURS, 10_000),
        "async for, a change is there": Deliveries(waits=False),
        "async for, a task is woken": Deliveries(waits=True),
    }


def encoding() -> dict[str, Side]:
    sides = packers.encoding()
    return {
        "100 views flush and encode 100 avatars": sides["msgpack"],
        "the same, views apart": sides["msgpack apart"],
        "encode, values encoded": sides["encode"],
    }


if __name__ == "__main__":
    serve({"plain": plain, "encoding": encoding}[sys.argv[1]]())
