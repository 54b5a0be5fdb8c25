"""Ctrl-C as a request that the main thread looks at when it is ready to."""

from __future__ import annotations

import signal
from types import FrameType, TracebackType


class Interrupt:
    """While entered, the first Ctrl-C, or first few, are counted; then comes the usual exception.

    An exception could come anywhere: between the start of two threads, or while they are being
    ended. It is the handler's only act to set a plain attribute, because a handler must not
    take a lock that the code it interrupts may hold, as `threading.Event.set` would.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self.count = 0

    def __enter__(self) -> Interrupt:
        self._previous = signal.signal(signal.SIGINT, self._handle)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        signal.signal(signal.SIGINT, self._previous)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self.count += 1
        if self.count == self._most:
            signal.signal(signal.SIGINT, signal.default_int_handler)
