"""Whether what threads saw can be explained by an order in which one thread made the same calls.

A *history* is a list of calls with the moments of their invocation and of their return. It is
linearizable if the calls can be ordered so that a sequential model gives every one of them the
result that it had, and none comes before another that had returned when it was made. The search
is Wing and Gong's with Lowe's memory: of all calls that may be next, try each whose result fits,
and never go twice from the same state with the same calls left.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from threading import Barrier
from typing import Any, NamedTuple

from helpers import Worker
from sequential_model import State, Step, perform


class Call(NamedTuple):
    """A call as a thread saw it; what it gave is in the terms of the model."""

    thread: int
    step: Step
    invoked: int
    returned: int
    result: Any

    def overlaps(self, other: Call) -> bool:
        """Whether neither had returned when the other was made."""
        return self.invoked <= other.returned and other.invoked <= self.returned

    def __str__(self) -> str:
        return f"{self.step} gave {self.result}"


def linearize(calls: Sequence[Call], start: State) -> list[Call] | None:
    """Give an order of all calls that explains their results, or `None` if there is none."""
    order = _search(calls, start)
    return order if len(order) == len(calls) else None


def _search(calls: Sequence[Call], start: State) -> list[Call]:
    """Give the longest explanation there is: of all calls, or of those before the trouble."""
    everything = (1 << len(calls)) - 1
    seen: set[tuple[int, State]] = set()
    best: list[Call] = []
    # Each entry: the calls left, the state before them, the calls made so far.
    stack: list[tuple[int, State, tuple[Call, ...]]] = [(everything, start, ())]
    while stack:
        left, state, made = stack.pop()
        if len(made) > len(best):
            best = list(made)
        if not left:
            break
        if (left, state) in seen:
            continue
        seen.add((left, state))
        for i in _next(calls, [i for i in range(len(calls)) if left >> i & 1]):
            result, after = perform(state, calls[i].step)
            if result == calls[i].result:
                stack.append((left & ~(1 << i), after, (*made, calls[i])))
    return best


def _next(calls: Sequence[Call], left: Sequence[int]) -> list[int]:
    """Give those of the calls left that were made before any of them had returned.

    With equal stamps nobody knows, so both orders are allowed.
    """
    first_return = min(calls[i].returned for i in left)
    return [i for i in left if calls[i].invoked <= first_return]


def explain(calls: Sequence[Call], start: State) -> str:
    """Show a history, and how far it can be explained."""
    origin = min(call.invoked for call in calls)
    lines = ["not linearizable (microseconds, thread, call):"]
    for call in sorted(calls, key=lambda call: call.invoked):
        begin, end = (call.invoked - origin) / 1000, (call.returned - origin) / 1000
        lines.append(f"  {begin:9.1f} .. {end:9.1f}  {call.thread}  {call}")
    best, state = _search(calls, start), start
    lines.append(f"at most {len(best)} of {len(calls)} calls can be put in order:")
    for call in best:
        state = perform(state, call.step)[1]
        lines.append(f"  {call.thread}  {call}")
    left = [i for i in range(len(calls)) if calls[i] not in best]
    if left:
        lines.append("after which none of these can have come:")
    for i in _next(calls, left) if left else []:
        expected, _ = perform(state, calls[i].step)
        lines.append(f"  {calls[i].thread}  {calls[i]}, where {expected} would be due")
    return "\n".join(lines)


def assert_linearizable(calls: Sequence[Call], start: State) -> None:
    """Fail with a readable account if no order explains the calls."""
    assert linearize(calls, start) is not None, explain(calls, start)


def overlapping(calls: Sequence[Call]) -> int:
    """Count the calls during which another thread was in a call as well."""
    return sum(
        any(call.thread != other.thread and call.overlaps(other) for other in calls)
        for call in calls
    )


def record(
    programs: Iterable[Sequence[tuple[Step, Callable[[], Any]]]],
    translate: Callable[[Step, Any], Any],
) -> list[Call]:
    """Have one thread for each program make its calls, all at once, and tell what happened.

    Each call comes as a step of the model and a function that makes it. Results are put in the
    terms of the model when all is over, so that nothing of that comes between the calls.
    """
    programs = [list(program) for program in programs]
    barrier = Barrier(len(programs))

    def run(program: list[tuple[Step, Callable[[], Any]]]) -> list[tuple[Step, int, int, Any]]:
        clock, seen = time.monotonic_ns, []
        barrier.wait()
        for step, function in program:
            invoked = clock()
            try:
                result = function()
            except Exception as error:
                result = error
            seen.append((step, invoked, clock(), result))
        return seen

    workers = [Worker(run, program) for program in programs]
    return [
        Call(thread, step, invoked, returned, translate(step, result))
        for thread, worker in enumerate(workers)
        for step, invoked, returned, result in worker.result()
    ]
