"""How long it takes to join a large room, beside what nobody can do without."""

from __future__ import annotations

import gc
import time
from typing import Any

import msgpack
import redis

from change_buffers.redis import RedisMultiView
from hosts.load import avatar


def measure(url: str, keys: int) -> dict[str, Any]:
    """Give the seconds that both take, the best of three each, taking turns."""
    name = "large"
    with RedisMultiView(url, name, timeout=60) as room:
        value = avatar(1)
        value["more"] = "x" * max(0, 400 - len(msgpack.packb(value)))
        for first in range(0, keys, 10_000):
            room.update_and_wait(
                {f"avatar.{number}": value for number in range(first, first + 10_000)}, timeout=60
            )
    plain, join = [], []
    for _ in range(3):
        gc.collect()
        plain.append(by_hand(url, name, keys))
        gc.collect()
        join.append(joined(url, name, keys))
    return {"plain": min(plain), "join": min(join)}


def by_hand(url: str, name: str, keys: int) -> float:
    """Read the hash and decode it."""
    with redis.Redis.from_url(url) as client:
        client.ping()
        began = time.perf_counter()
        found: Any = client.hgetall(f"change-buffers:{{{name}}}:content")
        content = {key.decode(): msgpack.unpackb(value) for key, value in found.items()}
        seconds = time.perf_counter() - began
    assert len(content) == keys
    return seconds


def joined(url: str, name: str, keys: int) -> float:
    """Join the room."""
    room = RedisMultiView(url, name, timeout=60)
    began = time.perf_counter()
    room.join()
    seconds = time.perf_counter() - began
    assert room.stats().keys == keys
    room.close()
    return seconds
