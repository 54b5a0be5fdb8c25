"""How long it takes from before a value is sent until the one who waits for it has it."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Awaitable, Callable
from queue import SimpleQueue
from types import ModuleType
from typing import Any

from change_buffers import DictionaryChangeBuffer

WAKE_UPS = 300
PAUSE = 0.0002
"""Seconds after which the receiver will normally be asleep."""


def stay_on_cpu(number: int) -> None:
    """Keep the calling thread on a CPU of its own, where the system lets us.

    Two threads that happen to share one wake each other in half the time, which has nothing to
    do with what is compared here.
    """
    if hasattr(os, "sched_setaffinity"):
        cpus = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cpus[number % len(cpus)]})


def thread_by_queue() -> list[float]:
    queue = SimpleQueue[float]()
    return thread_latencies(queue.get, lambda: queue.put(time.perf_counter()))


def thread_by_buffer(implementation: ModuleType) -> list[float]:
    buffer = implementation.DictionaryChangeBuffer()

    def sent() -> float:
        return float(buffer.flush_changed_blocking().updates["sent"])

    return thread_latencies(sent, lambda: buffer.update({"sent": time.perf_counter()}))


async def task_by_buffer() -> list[float]:
    buffer = DictionaryChangeBuffer()

    async def sent() -> float:
        return float((await buffer.flush_changed()).updates["sent"])

    return await task_latencies(sent, lambda: buffer.update({"sent": time.perf_counter()}))


async def task_by_future() -> list[float]:
    loop = asyncio.get_running_loop()
    future: asyncio.Future[float]

    def sent() -> asyncio.Future[float]:
        nonlocal future
        future = loop.create_future()
        return future

    def send() -> None:
        loop.call_soon_threadsafe(future.set_result, time.perf_counter())

    return await task_latencies(sent, send)


async def task_by_thread(implementation: ModuleType) -> list[float]:
    """What a task can do with a buffer that knows nothing of asyncio."""
    buffer: Any = implementation.DictionaryChangeBuffer()

    async def sent() -> float:
        change = await asyncio.to_thread(buffer.flush_changed_blocking)
        return float(change.updates["sent"])

    return await task_latencies(sent, lambda: buffer.update({"sent": time.perf_counter()}))


def thread_latencies(receive: Callable[[], float], send: Callable[[], object]) -> list[float]:
    """Send from one thread whenever another one sleeps; neither is the main thread."""
    ready = threading.Semaphore(0)
    latencies: list[float] = []

    def receiver() -> None:
        stay_on_cpu(0)
        for _ in range(WAKE_UPS):
            ready.release()
            latencies.append(-receive() + time.perf_counter())

    thread = threading.Thread(target=receiver)
    sending = sender(ready, send)
    thread.start()
    thread.join()
    sending.join()
    return latencies


async def task_latencies(
    receive: Callable[[], Awaitable[float]], send: Callable[[], object]
) -> list[float]:
    """Send from another thread whenever this one sleeps."""
    ready = threading.Semaphore(0)
    latencies: list[float] = []
    sending = sender(ready, send)
    for _ in range(WAKE_UPS):
        receiving = receive()
        ready.release()
        latencies.append(-(await receiving) + time.perf_counter())
    sending.join()
    return latencies


def sender(ready: threading.Semaphore, send: Callable[[], object]) -> threading.Thread:
    def run() -> None:
        stay_on_cpu(1)
        for _ in range(WAKE_UPS):
            ready.acquire()
            time.sleep(PAUSE)
            send()

    thread = threading.Thread(target=run)
    thread.start()
    return thread
