"""A signal handler that raises in an event loop's own thread loses no wake-up, whenever it is.

Python runs handlers where a function begins, after a call, and before another round of a loop.
Here these places are gone through one by one: a trace function raises at each of them in turn, in
all code of asyncio that the loop runs up to the tasks' own.
"""

from __future__ import annotations

import asyncio
import dis
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from itertools import count, pairwise
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import pytest

from change_buffers import DictionaryChangeBuffer, DictionaryChangeMultiView
from event_loops import passes
from helpers import PATIENCE, BoomError, Worker, run_child

pytestmark = pytest.mark.thread_unsafe(reason="a trace function is set, or signals are sent")

TASKS = 3
ASYNCIO = str(Path(asyncio.__file__).parent)

# Of the two that Windows has, the other is no event loop any more when it has been interrupted: it
# starts to read its own socket where `run_forever` begins, and stops where that ends.
LOOP = asyncio.SelectorEventLoop
FEWEST = 15 if sys.platform == "win32" else 20
"""Places that are traced at least. Where there are signals, loops look what bytes tell of them."""

# What an interruption of these leaves is no event loop. The last may be that of another test's.
NOT_OURS = {
    "run_forever",
    "_run_forever_setup",
    "_run_forever_cleanup",
    "_check_running",
    "__del__",
}


@cache
def places(code: CodeType) -> frozenset[int]:
    """Offsets of the instructions before which a signal handler may run."""
    found = set()
    instructions = list(dis.get_instructions(code))
    for this, following in pairwise(instructions):
        # What is intrinsic is no call: Python looks for no signals there.
        if "CALL" in this.opname and "INTRINSIC" not in this.opname:
            found.add(following.offset)
        if "JUMP_BACKWARD" in this.opname or this.opname == "JUMP_ABSOLUTE":
            found.add(this.offset)
    return frozenset(found)


class Interruption:
    """Raises at the place of this number, of all that the loop comes by."""

    def __init__(self, number: int) -> None:
        self.left = number

    def __call__(self, frame: FrameType, event: str, arg: Any) -> Any:
        code = frame.f_code
        if not code.co_filename.startswith(ASYNCIO) or code.co_name in NOT_OURS:
            return None
        self.pass_by()
        frame.f_trace_opcodes = True
        return self.trace

    def trace(self, frame: FrameType, event: str, arg: Any) -> Any:
        if event == "opcode" and frame.f_lasti in places(frame.f_code):
            self.pass_by()
        return self.trace

    def pass_by(self) -> None:
        self.left -= 1
        if self.left == 0:
            raise BoomError


@contextmanager
def traced(function: Any) -> Iterator[None]:
    before = sys.gettrace()
    sys.settrace(function)
    try:
        yield
    finally:
        sys.settrace(before)


class Followers:
    """Tasks of one event loop that take one more change each."""

    def __init__(self, room: DictionaryChangeMultiView, interval: float) -> None:
        self.room = room
        self.loop = LOOP()
        self.loop.set_exception_handler(self.complain)
        self.received: list[int] = []
        self.tasks = [self.loop.create_task(self.follow(interval)) for _ in range(TASKS)]
        self.loop.run_until_complete(passes())

    async def follow(self, interval: float) -> None:
        changes = self.room.subscribe_changes(interval)
        while self.received.count(2) < TASKS:
            # If it was this task that was interrupted, it asks again.
            with suppress(BoomError):
                async for change in changes:
                    self.received.append(change.updates["a"])
                    if self.received.count(2) == TASKS:
                        break
        self.loop._stopping = True  # what `stop()` does, but it would be an interruption of ours

    def complain(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        assert isinstance(context["exception"], BoomError), context

    def run(self, interruption: Interruption) -> None:
        """Run until all have got it, once interrupted."""
        timer = self.loop.call_later(5, self.loop.stop)
        deadline = time.monotonic() + 5
        while self.received.count(2) < TASKS and time.monotonic() < deadline:
            with suppress(BoomError), traced(interruption):
                self.loop.run_forever()
        timer.cancel()

    def end(self) -> None:
        for task in self.tasks:
            task.cancel()
        self.loop.run_until_complete(asyncio.gather(*self.tasks, return_exceptions=True))
        self.loop.close()


@pytest.mark.parametrize("interval", [0, 0.003], ids=["a change", "a timer"])
def test_no_interruption_of_the_loop_loses_a_wake_up(interval: float) -> None:
    for number in count(1):
        room = DictionaryChangeMultiView()
        room.update({"a": 1})
        followers = Followers(room, interval)
        try:
            assert followers.received == [1] * TASKS
            Worker(room.update, {"a": 2}).result()
            interruption = Interruption(number)
            followers.run(interruption)
            assert followers.received == [1] * TASKS + [2] * TASKS, f"place {number}"
        finally:
            followers.end()
        if interruption.left > 0:
            break
    assert number > FEWEST, "next to nothing was traced"


def test_no_interruption_of_the_loop_loses_a_task_that_gives_way() -> None:
    async def work(received: list[int]) -> None:
        buffer = DictionaryChangeBuffer()
        changes = buffer.subscribe_changes()
        while len(received) < 8:
            buffer.update({"a": 1})
            time.sleep(0.011)
            with suppress(BoomError):
                received.append(len((await anext(changes)).updates))
        loop._stopping = True

    for number in count(1):
        received: list[int] = []
        loop = LOOP()
        loop.set_exception_handler(lambda *_: None)
        task = loop.create_task(work(received))
        loop.run_until_complete(asyncio.sleep(0))
        assert not task.done()
        timer = loop.call_later(5, loop.stop)
        deadline = time.monotonic() + 5
        interruption = Interruption(number)
        while len(received) < 8 and time.monotonic() < deadline:
            with suppress(BoomError), traced(interruption):
                loop.run_forever()
        timer.cancel()
        assert len(received) == 8, f"place {number}"
        loop.run_until_complete(task)
        loop.close()
        if interruption.left > 0:
            break
    assert number > FEWEST, "next to nothing was traced"


def test_a_wake_up_that_a_traceback_keeps_is_repeated_with_the_changes_that_come() -> None:
    # As long as somebody has the error, the loop's call is not known to be lost.
    room = DictionaryChangeMultiView()
    room.update({"a": 1})
    followers = Followers(room, 0)
    original = asyncio.Handle._run

    def run(handle: asyncio.Handle) -> None:
        asyncio.Handle._run = original
        raise BoomError

    try:
        Worker(room.update, {"a": 2}).result()
        asyncio.Handle._run = run
        with pytest.raises(BoomError) as error:
            followers.loop.run_forever()
        for _ in range(64):
            room.update({"a": 2})
        followers.run(Interruption(0))
        assert followers.received == [1] * TASKS + [2] * TASKS
        assert error.value.__traceback__ is not None
    finally:
        asyncio.Handle._run = original
        followers.end()


def test_a_timer_that_a_traceback_keeps_is_made_up_for_by_the_next_one() -> None:
    room, another = DictionaryChangeMultiView(), DictionaryChangeMultiView()
    room.update({"a": 1})
    followers = Followers(room, 0.003)
    original = asyncio.Handle._run

    def run(handle: asyncio.Handle) -> None:
        asyncio.Handle._run = original
        raise BoomError

    async def pace() -> None:
        another.update({"a": 1})
        changes = another.subscribe_changes(0.001)
        await anext(changes)
        another.update({"a": 2})
        await anext(changes)

    try:
        Worker(room.update, {"a": 2}).result()
        asyncio.Handle._run = run
        with pytest.raises(BoomError) as error:
            followers.loop.run_forever()
        assert followers.received == [1] * TASKS
        pacing = followers.loop.create_task(pace())
        followers.run(Interruption(0))
        assert followers.received == [1] * TASKS + [2] * TASKS
        followers.loop.run_until_complete(pacing)
        assert error.value.__traceback__ is not None
    finally:
        asyncio.Handle._run = original
        followers.end()


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
@pytest.mark.parametrize("interval", [0, 0.002], ids=["a change", "a timer"])
def test_no_wake_up_of_a_thousand_tasks_is_lost_to_signals(interval: float) -> None:
    run_child(
        f"""
        import asyncio, signal, sys, threading, time
        from change_buffers import DictionaryChangeMultiView

        TASKS, ROUNDS, INTERVAL, PERIOD = 1000, 40, {interval}, {0.0005 * PATIENCE}

        class Boom(Exception):
            pass

        def handler(signum, frame):
            # Where the loop is at work for us, and not in a task's own code, or in a report.
            others = ("follow", "main", "call_exception_handler", "report")
            while frame is not None and frame.f_code.co_name not in others:
                handle = frame.f_locals.get("self") if frame.f_code.co_name == "_run" else None
                callback = getattr(handle, "_callback", None)
                if str(getattr(callback, "__module__", None)).startswith("change_buffers"):
                    raised.append(1)
                    raise Boom
                frame = frame.f_back

        def report(found):
            # It may be a finalizer that the collector of garbage ran in the middle of that; what is
            # ours has to hand it on.
            places = found.object, type(found.object)
            is_ours = any("change_buffers" in str(getattr(it, "__module__", "")) for it in places)
            if is_ours or found.exc_type is not Boom:
                sys.__unraisablehook__(found)

        sys.unraisablehook = report

        async def follow():
            global received
            async for _ in room.subscribe_changes(INTERVAL):
                received += 1

        async def main():
            followers = [asyncio.create_task(follow()) for _ in range(TASKS)]
            while received < TASKS:
                await asyncio.sleep(0)
            signal.signal(signal.SIGALRM, handler)
            signal.setitimer(signal.ITIMER_REAL, PERIOD, PERIOD)
            for round_ in range(2, ROUNDS + 2):
                thread = threading.Thread(target=room.update, args=({{"round": round_}},))
                thread.start()
                deadline = time.monotonic() + {10 * PATIENCE}
                while received < round_ * TASKS:
                    assert time.monotonic() < deadline, (round_, received, len(raised))
                    await main_goes_on()
                thread.join()
            signal.setitimer(signal.ITIMER_REAL, 0)
            for follower in followers:
                follower.cancel()
            await asyncio.gather(*followers, return_exceptions=True)

        async def main_goes_on():
            # A timer that was interrupted is made up for by the next one, or by the collector of
            # garbage: asyncio leaves cycles of tracebacks.
            another.update({{"a": 1}})
            async with another.subscribe_changes(0.001) as changes:
                await anext(changes)
                another.update({{"a": 2}})
                try:
                    await asyncio.wait_for(anext(changes), 0.1)
                except asyncio.TimeoutError:
                    pass

        received, raised = 0, []
        another, room = DictionaryChangeMultiView(), DictionaryChangeMultiView()
        room.update({{"round": 1}})
        loop = asyncio.new_event_loop()
        loop.set_exception_handler(lambda loop, context: None)
        task = loop.create_task(main())
        while not task.done():
            try:
                loop.run_until_complete(task)
            except Boom:
                pass  # between two callbacks
        task.result()
        loop.close()
        """
    )
