"""An event loop in a thread, for tests that are not in one themselves."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

from helpers import HANG


class Background:
    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Run it there, and give what it returns."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(HANG)

    def close(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(HANG)
        self.loop.close()


@contextmanager
def background() -> Iterator[Background]:
    thread = Background()
    try:
        yield thread
    finally:
        thread.close()
