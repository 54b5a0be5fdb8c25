"""A process that writes at random to a room and looks on, for the checker.

    python checked_process.py URL ROOM SEED

It writes until it gets a line, `stop` or the end; then it answers `state` with what it has, as
often as it is asked, until `end`.
"""

from __future__ import annotations

import json
import logging
import random
import sys
import threading
import time
from typing import Any

from agreement import Follower
from change_buffers import ConflictError, KeyOwnedError
from change_buffers.redis import RedisMultiView, RedisRefusedError, RedisUnavailableError

GROUPS = 12
WIDTH = 4


class Checked:
    """Threads that write, and one that looks whether each update is seen whole."""

    def __init__(self, room: RedisMultiView, seed: int) -> None:
        self.room = room
        self.seed = seed
        self.pick = random.Random(seed)
        self.stopped = threading.Event()
        self.follower = Follower(room)
        self.torn: list[Any] = []
        # Of keys that nobody else writes: what was acknowledged last, and what was tried since.
        self.acknowledged = -1
        self.tried = -1
        self.counted = 0
        self.lock = threading.Lock()
        self.threads = [
            threading.Thread(target=self.guard, args=(each,))
            for each in (self.write, self.write_surely, self.come_and_go, self.count, self.look)
        ]
        self.errors: list[str] = []

    def guard(self, work: Any) -> None:
        try:
            while not self.stopped.is_set():
                work()
        except Exception as error:
            logging.exception("checked")
            self.errors.append(f"{work.__name__}: {error!r}")

    def group(self) -> list[str]:
        number = self.pick.randrange(GROUPS)
        return [f"group.{number}.{part}" for part in range(WIDTH)]

    def write(self) -> None:
        """Whole groups, that others write too."""
        if self.pick.random() < 0.15:
            self.room.update(removals=self.group())
        else:
            value = [self.seed, self.pick.random()]
            self.room.update(dict.fromkeys(self.group(), value))
        time.sleep(self.pick.random() * 0.003)

    def write_surely(self) -> None:
        self.tried += 1
        try:
            self.room.update_and_wait({f"sure.{self.seed}": self.tried}, timeout=0.5)
            self.acknowledged = self.tried
        except (RedisUnavailableError, RedisRefusedError):
            pass
        time.sleep(0.002)

    def come_and_go(self) -> None:
        with self.room.create_publisher() as publisher:
            for number in range(self.pick.randrange(5)):
                publisher.update({f"passing.{self.seed}": number, f"passing.{self.seed}.b": number})
                time.sleep(0.001)

    def count(self) -> None:
        """A number that all count up, on the condition that it has not changed meanwhile."""
        version = self.room.version
        value = self.room.get("count", 0)
        try:
            self.room.update({"count": value + 1}, unchanged_since=version)
            self.counted += 1
        except (ConflictError, RedisUnavailableError, RedisRefusedError, KeyOwnedError):
            pass
        time.sleep(0.005)

    def look(self) -> None:
        with self.lock:
            content = self.follower.catch_up()
            for number in range(GROUPS):
                parts = [content.get(f"group.{number}.{part}") for part in range(WIDTH)]
                if any(part != parts[0] for part in parts):
                    self.torn.append(parts)
            del self.follower.changes[:]
        time.sleep(0.001)

    def state(self) -> dict[str, Any]:
        with self.lock:
            viewed = dict(self.follower.catch_up())
        stats = self.room.stats()
        return {
            "content": self.room.copy_content(),
            "viewed": viewed,
            "torn": self.torn[:3],
            "errors": self.errors,
            "acknowledged": self.acknowledged,
            "tried": self.tried,
            "counted": self.counted,
            "epoch": self.room.epoch,
            "version": self.room.version,
            "resyncs": stats.resyncs,
            "pending": stats.pending_keys,
            "lost": stats.lost_connections,
        }


def main() -> None:
    url, name, seed = sys.argv[1:]
    with RedisMultiView(url, name, timeout=20) as room:
        checked = Checked(room, int(seed))
        for thread in checked.threads:
            thread.start()
        print("joined", flush=True)
        for line in sys.stdin:
            if line.strip() == "stop":
                checked.stopped.set()
                for thread in checked.threads:
                    thread.join()
            elif line.strip() == "end":
                break
            print(json.dumps(checked.state()), flush=True)


if __name__ == "__main__":
    main()
