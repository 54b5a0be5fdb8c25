"""The writer: one thread that brings what this process changes to Redis, one batch at a time.

A batch is sent until Redis has answered, each time under the same number, so that one that was
applied before its answer was lost is recognised.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgpack
from redis import exceptions

from change_buffers import ConflictError, KeyOwnedError, ObjectFrozenError, Publisher
from change_buffers.redis.arrivals import Arrivals, fail
from change_buffers.redis.errors import (
    RedisRefusedError,
    RedisUnavailableError,
    explained,
    is_passing,
)
from change_buffers.redis.keys import to_bytes, to_text
from change_buffers.redis.link import Link, Pauses, logger
from change_buffers.redis.outgoing import Batch, Outgoing
from change_buffers.redis.scripts import WRITE

if TYPE_CHECKING:
    from change_buffers.redis.publisher import RedisPublisher

# Seconds. How often it looks after what nothing rings for.
_LOOK = 0.5


@dataclass
class Sent:
    """What the reader has to know of a batch when it comes back."""

    marks: dict[Publisher, list[str]]
    leaves: list[RedisPublisher]
    at: float
    # Where it is in the stream, as soon as that is known.
    version: int | None = None


@dataclass
class Counts:
    """How much was written."""

    batches: int = 0
    retries: int = 0
    refused: int = 0


@dataclass
class Writer:
    """Sends batches, as long as the room is not closed and there are any."""

    link: Link
    outgoing: Outgoing
    arrivals: Arrivals
    gather: float
    stream_length: int
    on_left: Callable[[list[RedisPublisher]], None] = lambda _publishers: None
    counts: Counts = field(default_factory=Counts)
    # By number, until they have come back.
    sent: dict[int, Sent] = field(default_factory=dict)
    is_busy: bool = False
    _number: int = 0

    def run(self) -> None:
        """Do so until the room is closed. What is left then stays."""
        while not self.link.closing.is_set():
            self.outgoing.wait(_LOOK)
            while not self.link.closing.is_set():
                self.is_busy = True
                batch = self.outgoing.take()
                if batch is None:
                    break
                self.send(batch)
                if self.gather and batch.future is None:
                    # What comes meanwhile goes together.
                    self.link.closing.wait(self.gather)
            self.is_busy = False

    def has_sent(self, deadline: float) -> bool:
        """Wait until all is sent, but no longer than Redis answers; say whether it is."""
        while self.link.connected:
            if not self.is_busy and not self.outgoing.is_waiting():
                return True
            if time.monotonic() >= deadline:
                break
            time.sleep(0.002)
        return False

    def send(self, batch: Batch) -> None:
        """Send a batch until there is an answer, and tell those whom it concerns."""
        if batch.is_empty():
            return
        if batch.future is not None and not batch.future.set_running_or_notify_cancel():
            return
        try:
            self._send(batch)
        except Exception:
            if self.link.closing.is_set():
                error = RedisUnavailableError("the room was closed before Redis had answered")
                if batch.future is not None:
                    fail(batch.future, error)
                return
            # Nothing that happens to one batch may end the others.
            logger.exception("room %r: a batch was given up", self.link.name)
            if batch.future is not None:
                fail(batch.future, error)

    def _send(self, batch: Batch) -> None:
        self._number += 1
        number = self._number
        arguments = self._arguments(batch, number)
        self.sent[number] = Sent(batch.marks(), list(batch.leaves), time.monotonic())
        reply = self._answer(batch, arguments)
        if reply is None:
            self.sent.pop(number, None)
            return
        outcome, version = reply[0].decode(), int(reply[1])
        if outcome == "done":
            self.counts.batches += 1
            sent = self.sent.get(number)
            if sent is not None:
                sent.version = version
            if self.link.known.version >= version and self.sent.pop(number, None) is not None:
                # A snapshot was quicker.
                self.on_left(list(batch.leaves))
            if batch.future is not None:
                self.arrivals.expect(version, batch.future)
            return
        self.sent.pop(number, None)
        if outcome == "nothing":
            self.on_left(list(batch.leaves))
            if batch.future is not None:
                self.arrivals.expect(version, batch.future)
            return
        self._refuse(batch, outcome, reply[2] if len(reply) > 2 else ())

    def _arguments(self, batch: Batch, number: int) -> tuple[Any, ...]:
        link = self.link
        updates: list[bytes] = []
        owners: list[str | bool] = []
        is_owned = False
        for key, (fragment, by) in batch.updates.items():
            updates += (to_bytes(key), fragment)
            owners.append(by.id if by is not None else False)
            is_owned = is_owned or by is not None
        for by in batch.removals.values():
            owners.append(by.id if by is not None else False)
            is_owned = is_owned or by is not None
        removals = [to_bytes(key) for key in batch.removals]
        leaves = [[by.id, *map(to_bytes, keys)] for by, keys in batch.leaves.items() if keys]
        return (
            link.origin,
            number,
            self.stream_length,
            batch.kind,
            "" if batch.since is None else batch.since,
            _packed([updates, removals]),
            _packed(owners) if is_owned else b"",
            _packed(leaves) if leaves else b"",
            batch.epoch,
        )

    def _answer(self, batch: Batch, arguments: tuple[Any, ...]) -> list[Any] | None:
        pauses = Pauses(self.link)
        while True:
            try:
                reply: list[Any] = self.link.call(WRITE, *arguments)
                self.link.is_accepted()
                return reply
            except exceptions.RedisError as error:
                if batch.future is not None and not is_passing(error):
                    fail(batch.future, RedisRefusedError(explained(error)))
                    return None
                if is_passing(error):
                    self.link.is_down(error)
                else:
                    self.link.is_refused(error)
            except OSError as error:
                self.link.is_down(error)
            if self.link.closing.is_set():
                raise ConnectionError
            self.counts.retries += 1
            pauses.wait()

    def forget_sent(self, version: int) -> list[RedisPublisher]:
        """Forget what a snapshot of this version has; give the publishers that left by it."""
        left: list[RedisPublisher] = []
        for number, sent in list(self.sent.items()):
            if sent.version is not None and sent.version <= version:
                self.sent.pop(number, None)
                left += sent.leaves
        return left

    def _refuse(self, batch: Batch, outcome: str, rest: Any) -> None:
        if outcome == "frozen":
            self.on_left(list(batch.leaves))
            if batch.future is not None:
                if batch.kind == "freeze":
                    self.arrivals.expect(0, batch.future)
                else:
                    fail(batch.future, ObjectFrozenError("the room is frozen"))
            return
        keys = tuple(to_text(key) for key in rest)
        if batch.future is not None:
            error = _conflict(keys, batch.since) if outcome == "conflict" else owned(keys)
            fail(batch.future, error)
            return
        if batch.parts is not None and len(batch.parts) > 1:
            # Those that it was made of are refused by themselves.
            for part in batch.parts:
                self.send(part)
            return
        self.counts.refused += len(keys)
        logger.warning("room %r: an update was refused: %s", self.link.name, owned(keys))
        if batch.parts is None:
            batch.drop(set(keys))
            self.send(batch)


def _packed(parts: list[Any]) -> bytes:
    # Lua's library knows texts, which are bytes to it, and nothing else of that kind.
    packed: bytes = msgpack.packb(parts, use_bin_type=False)
    return packed


def owned(keys: tuple[str, ...]) -> KeyOwnedError:
    """Make the error for keys of an exclusive publisher."""
    error = KeyOwnedError(f"owned by an exclusive publisher: {_named(keys)}")
    error.keys = keys
    return error


def _conflict(keys: tuple[str, ...], since: int | None) -> ConflictError:
    error = ConflictError(f"changed since version {since}: {_named(keys)}")
    error.keys = keys
    return error


def _named(keys: tuple[str, ...]) -> str:
    named = ", ".join(map(repr, keys[:3]))
    return f"{named} and {len(keys) - 3} more" if len(keys) > 3 else named
