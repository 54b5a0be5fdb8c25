"""How long a thread or a task that waits takes to be woken: not one number but a distribution."""

from __future__ import annotations

import asyncio
import statistics
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping
from functools import partial

from contenders import BY_NAME
from report.figures import Spread
from wake_ups import (
    stay_on_cpu,
    task_by_buffer,
    task_by_future,
    task_by_thread,
    thread_by_buffer,
    thread_by_queue,
)

TURNS = 40
LEVELS = ["1", "25", "50", "75", "90", "99", "99.9"]
"""In percent: so many wake-ups take no longer."""

Latencies = Callable[[], list[float]]


def in_thread(measure: Callable[[], Awaitable[list[float]]]) -> Latencies:
    """Run an event loop beside the main thread, which may then stay on any CPU."""

    def run() -> list[float]:
        latencies: list[float] = []

        async def main() -> None:
            latencies.extend(await measure())

        def serve() -> None:
            stay_on_cpu(0)
            asyncio.run(main())

        thread = threading.Thread(target=serve)
        thread.start()
        thread.join()
        return latencies

    return run


THREADS: Mapping[str, Latencies] = {
    "SimpleQueue": thread_by_queue,
    **{name: partial(thread_by_buffer, module) for name, module in BY_NAME.items()},
}
TASKS: Mapping[str, Latencies] = {
    "call_soon_threadsafe": in_thread(task_by_future),
    "ours": in_thread(task_by_buffer),
    **{
        f"{name}, to_thread": in_thread(partial(task_by_thread, module))
        for name, module in BY_NAME.items()
        if name != "ours"
    },
}


def measure(sides: Mapping[str, Latencies], turns: int) -> Iterator[dict[str, Spread]]:
    """Take turns, and give what there is so far."""
    samples: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(turns):
        for name, latencies in sides.items():
            samples[name] += latencies()
        yield {name: spread(found) for name, found in samples.items()}


def spread(samples: list[float]) -> Spread:
    steps = statistics.quantiles(samples, n=1000, method="inclusive")
    return Spread(len(samples), {level: steps[round(float(level) * 10) - 1] for level in LEVELS})
