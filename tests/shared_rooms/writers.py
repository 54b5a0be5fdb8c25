"""Threads that write to shared rooms, for tests."""

from __future__ import annotations

import random
import threading
import time


class Writers:
    """Threads that write at random until they are told to stop."""

    def __init__(self, *rooms):
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._write, args=(room, number))
            for number, room in enumerate(rooms)
        ]
        self.errors = []

    def _write(self, room, seed):
        pick = random.Random(seed)
        number = 0
        try:
            while not self._stop.is_set():
                number += 1
                key = f"k{pick.randrange(50)}"
                if pick.random() < 0.2:
                    room.update(removals=[key])
                else:
                    room.update({key: [seed, number], f"{key}.twin": [seed, number]})
                time.sleep(0.0005)
        except Exception as error:
            self.errors.append(error)

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join(30)
        assert not self.errors
