"""Prints how many bytes of memory a view takes: `idle_views.py ours|NanoVer idle|new [VIEWS]`.

That is the growth of the process over many views, so it counts everything: the objects, what
Rust allocates beside them and what the allocators waste. It needs a process of its own, because
memory that was freed before would be used again and not be counted.
"""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path

from contenders import BY_NAME, Room

KEYS = 100
VIEWS = 10_000


def resident_bytes() -> int:
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def main(implementation: str, state: str, views: int = VIEWS) -> None:
    room = Room(BY_NAME[implementation], keys=KEYS)

    def enter(count: int) -> None:
        for _ in range(count):
            view = room.enter()
            if state == "idle":
                view.flush_changed_blocking()

    enter(views // 10)  # whatever is allocated once, or in advance
    before = resident_bytes()
    enter(views)
    print((resident_bytes() - before) / views)


if __name__ == "__main__":
    main(*sys.argv[1:3], *map(int, sys.argv[3:]))
