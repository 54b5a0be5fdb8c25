"""An actor that is an event loop: tasks that follow, are cancelled, time out and break out."""

from __future__ import annotations

import asyncio
import random

from change_buffers import ObjectFrozenError
from soak.stage import Replica, Stage, Tally


async def _follow(stage: Stage, tally: Tally, interval: float, prefix: str) -> None:
    replica = Replica(f"a task at {interval} s of {prefix!r}", prefix)
    tally["views opened"] += 1
    async with stage.room.subscribe_changes(interval, prefix or None) as changes:
        async for change in changes:
            replica.apply(change)
            tally["deliveries to tasks"] += 1
    replica.compare(stage.room)


async def _cancel(stage: Stage, tally: Tally, chance: random.Random) -> None:
    """Cancel most waits; nothing may be lost by it, so this replica converges like the others."""
    replica = Replica("a task that is cancelled")
    tally["views opened"] += 1
    with stage.room.create_view("title") as view:
        replica = Replica("a task that is cancelled", "title")
        while True:
            task = asyncio.ensure_future(view.flush_changed())
            await asyncio.sleep(chance.choice([0, 0, 0.0002, 0.002]))
            task.cancel()
            try:
                replica.apply(await task)
                tally["flushes by tasks"] += 1
            except asyncio.CancelledError:
                tally["cancelled waits"] += 1
            except ObjectFrozenError:
                break
    replica.compare(stage.room)


async def _loiter(stage: Stage, tally: Tally, chance: random.Random) -> None:
    """Come and go: by a timeout, by leaving the loop, by being cancelled in it."""
    while not stage.leaving.is_set():
        tally["views opened"] += 3
        with stage.lasting.create_view("nobody has this key") as view:
            try:
                await asyncio.wait_for(view.flush_changed(), 0.001)
            except asyncio.TimeoutError:
                tally["timeouts of tasks"] += 1
        async for _ in stage.lasting.subscribe_changes(prefixes="avatar."):
            tally["loops of tasks left"] += 1
            break

        async def follow() -> None:
            async for _ in stage.lasting.subscribe_changes(chance.choice([0, 1000])):
                tally["deliveries to tasks"] += 1

        task = asyncio.ensure_future(follow())
        await asyncio.sleep(0.001)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        tally["cancelled followers"] += 1


def live_in_a_loop(stage: Stage, tally: Tally, chance: random.Random) -> None:
    """Run an event loop of its own for each round."""

    async def main() -> None:
        paces = [(0.0, "avatar."), (0.002, ""), (0.01, "chat."), (0.05, ""), (0.05, "once.")]
        await asyncio.gather(
            *(_follow(stage, tally, interval, prefix) for interval, prefix in paces),
            _cancel(stage, tally, chance),
            _loiter(stage, tally, chance),
        )

    asyncio.run(main())
    tally["event loops"] += 1
