"""Where a tick of a room spends its time, from update to bytes: `whole_path.py STAGE PACE CLIENTS`.

Every client sets its avatar, about 400 bytes packed, then each view flushes, and what it gets is
encoded. Prints the seconds of one stage of a tick.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from time import perf_counter

import msgpack

from change_buffers.codecs import MessagePackCodec
from contenders import OURS, Room
from packers import avatar, begin_encoding

STAGES = ["update", "flush", "encode"]
ONE_PACE, APART, FLOOR = "one pace", "apart", "floor"
PACES = [ONE_PACE, APART, FLOOR]
SECONDS = 0.25
FEWEST_TICKS = 5

Seconds = dict[str, float]


class Ticks:
    """Ticks of a room whose changes are encoded.

    At one pace all views expect the same change. Apart, no two are at the same position: an update
    of one more key, not timed, comes between any two flushes. Every client gets bytes to keep for
    the time of the tick, as a server does that has yet to send them.
    """

    def __init__(self, clients: int, *, apart: bool) -> None:
        self._room = Room(OURS, views=clients)
        self._apart = apart
        self._codec = MessagePackCodec(msgpack.packb)
        begin_encoding(self._room.multi_view, self._codec)

    def tick(self, avatars: dict[str, object]) -> Seconds:
        update, codec = self._room.multi_view.update, self._codec
        start = perf_counter()
        for key, value in avatars.items():
            update({key: value})
        seconds = {"update": perf_counter() - start, "flush": 0.0, "encode": 0.0}
        kept = []
        for number, view in enumerate(self._room.views):
            if self._apart:
                update({"clock": number})
            start = perf_counter()
            change = view.flush_changed_blocking()
            flushed = perf_counter()
            kept.append(change.encode(codec, "state"))
            seconds["encode"] += perf_counter() - flushed
            seconds["flush"] += flushed - start
        if self._apart:
            for view in self._room.views:
                view.flush_changed_nowait()
        return seconds


class Floor:
    """What can't be spared, unless it is shared.

    Putting each value into a dictionary, a copy of it for each client, packing each value once, and
    one copy of all bytes for each client.
    """

    def __init__(self, clients: int) -> None:
        self._clients = clients
        self._content: dict[str, object] = {}

    def tick(self, avatars: dict[str, object]) -> Seconds:
        content, clients = self._content, range(self._clients)
        start = perf_counter()
        for key, value in avatars.items():
            content.update({key: value})
        updated = perf_counter()
        for _ in clients:
            content.copy()
        copied = perf_counter()
        fragments = [
            part for key, value in content.items() for part in map(msgpack.packb, (key, value))
        ]
        kept = [b"".join(fragments) for _ in clients]
        encoded = perf_counter()
        del kept
        return {"update": updated - start, "flush": copied - updated, "encode": encoded - copied}


def best_tick(tick: Callable[[dict[str, object]], Seconds], clients: int) -> Seconds:
    """The best of each stage."""
    rng = random.Random(1)
    best = dict.fromkeys(STAGES, float("inf"))
    until, ticks = perf_counter() + SECONDS, 0
    while ticks < FEWEST_TICKS or perf_counter() < until:
        seconds = tick({f"avatar.{number}": avatar(rng) for number in range(clients)})
        best = {stage: min(best[stage], seconds[stage]) for stage in STAGES}
        ticks += 1
    return best


def main(stage: str, pace: str, clients: int) -> None:
    room = Floor(clients) if pace == FLOOR else Ticks(clients, apart=pace == APART)
    print(best_tick(room.tick, clients)[stage])


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
