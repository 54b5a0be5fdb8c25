"""What the main thread does: it waits, and signals keep arriving."""

from __future__ import annotations

import _thread
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from change_buffers import DictionaryChangeMultiView
from soak.stage import Replica, Tally

PERIOD = 0.01


class InterruptedWaitError(Exception):
    """What every other handler raises, as Ctrl-C would."""


@contextmanager
def _signals(handle: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Have a handler called a hundred times a second."""
    if hasattr(signal, "setitimer"):
        before = signal.signal(signal.SIGALRM, handle)
        signal.setitimer(signal.ITIMER_REAL, PERIOD, PERIOD)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
        return
    # Windows has no timers that send signals. To Python this is what Ctrl-C is.
    over = threading.Event()

    def send() -> None:
        while not over.wait(PERIOD):
            _thread.interrupt_main()

    before = signal.signal(signal.SIGINT, handle)
    sender = threading.Thread(target=send, daemon=True)
    sender.start()
    try:
        yield
    finally:
        over.set()
        sender.join()  # and what it sent last is handled when this returns
        signal.signal(signal.SIGINT, before)


class Interruptions:
    """Waits while a signal arrives a hundred times a second.

    Some handlers update what is waited for, and some raise. Python may run a handler after a call
    has returned and before its result is in a variable, so no replica can be asked of the wait that
    handlers raise in; that of the other has to converge.
    """

    def __init__(self, multi_view: DictionaryChangeMultiView, tally: Tally) -> None:
        self._multi_view, self._tally = multi_view, tally
        self._armed = False

    def wait(self, until: float, meanwhile: Callable[[], None]) -> None:
        """Wait for changes until a moment on the monotonic clock."""
        room = self._multi_view
        with _signals(self._handle), room.create_view() as spoilt, room.create_view() as view:
            replica = Replica("the main thread")
            self._tally["views opened"] += 2
            while time.monotonic() < until:
                self._wait_to_be_interrupted(spoilt.flush_changed_blocking)
                with suppress(TimeoutError):
                    replica.apply(view.flush_changed_blocking(timeout=0.05))
                    self._tally["flushes on the main thread"] += 1
                meanwhile()

    def _wait_to_be_interrupted(self, flush: Callable[[float], object]) -> None:
        try:
            try:
                self._armed = True
                flush(0.05)
            except TimeoutError:
                pass
            self._armed = False
        except InterruptedWaitError:
            self._tally["interrupted waits"] += 1

    def _handle(self, signum: int, frame: FrameType | None) -> None:
        self._tally["signals"] += 1
        if self._tally["signals"] % 4 == 0:
            self._multi_view.update({"signal": self._tally["signals"]}, ["never there"])
        if self._armed and self._tally["signals"] % 2 == 0:
            self._armed = False
            raise InterruptedWaitError
