"""The reader: one thread that follows the room, and believes nothing.

Each entry must be the next one, of the same epoch, and name the token of the one before. While it
has nothing to read, it compares epoch, version and token. Anything else ends in a snapshot, of
which the difference to what is here is applied as one change.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from redis import exceptions

from change_buffers.redis.arrivals import Arrivals
from change_buffers.redis.entries import Entry, entries
from change_buffers.redis.errors import OutOfStep, RedisRefusedError, explained, is_passing
from change_buffers.redis.leases import Leases
from change_buffers.redis.link import BLOCK, Known, Link, Pauses, logger, pairs
from change_buffers.redis.scripts import EXAMINE

# So many entries are read at once.
_AT_ONCE = 128

# Seconds. Another snapshot so soon after the last is waited with.
_TOO_SOON = 1.0


@dataclass
class Snapshot:
    """All of a room at one version, as Redis has it."""

    known: Known
    frozen: bool
    content: dict[bytes, bytes]
    owners: dict[bytes, bytes]


class Replica(Protocol):
    """What is told of changes. It raises `OutOfStep` for what it can't make sense of."""

    def apply(self, entry: Entry) -> None:
        """Apply the next update."""

    def replace(self, snapshot: Snapshot) -> None:
        """Take over a snapshot."""


@dataclass
class Counts:
    """How much was read."""

    entries: int = 0
    snapshots: int = 0


class Reader:
    """Follows a room, as long as it is not closed and somebody has the replica."""

    def __init__(
        self,
        link: Link,
        leases: Leases,
        arrivals: Arrivals,
        replica: Callable[[], Replica | None],
    ) -> None:
        self._link = link
        self._leases = leases
        self._arrivals = arrivals
        self._replica = replica
        self._why: OutOfStep | None = None
        self._has_content = False
        self._snapshot_at = float("-inf")
        self.counts = Counts()
        self.is_joined = threading.Event()
        self.failure: Exception | None = None

    def run(self) -> None:
        """Do so until the room is closed."""
        pauses = Pauses(self._link)
        while not self._link.closing.is_set():
            try:
                self.join(pauses)
                self._follow(pauses)
            except OutOfStep as why:
                self._why = why
                logger.info("room %r: a new snapshot: %s", self._link.name, why)
                if time.monotonic() - self._snapshot_at < _TOO_SOON:
                    pauses.wait()
            except (exceptions.RedisError, OSError) as error:
                self._fail(error)
                pauses.wait()
            except RedisRefusedError as error:
                self.failure = error
                self._link.is_down(error)
                pauses.wait()
            except Exception as error:
                if self._link.closing.is_set():
                    # The line was taken away in the middle of an answer.
                    return
                # Whatever it is, the room is followed as well as can be.
                logger.exception("room %r: the reader stumbled", self._link.name)
                self._why = OutOfStep(f"{type(error).__name__}: {error}")
                pauses.wait()

    def _fail(self, error: Exception) -> None:
        if isinstance(error, exceptions.RedisError) and not is_passing(error):
            self.failure = RedisRefusedError(explained(error))
        self._link.is_down(error)

    def join(self, pauses: Pauses) -> None:
        """See whether what is here leads to what is there; get what is there if not."""
        link = self._link
        if not self._has_content:
            link.check_release()
        diverged = self._why is not None and self._why.diverged
        count = self._leases.count()
        epoch, version, _ = link.call(EXAMINE, link.origin, count, int(diverged))
        known = link.known
        is_level = (
            self._has_content
            and self._why is None
            and epoch.decode() == known.epoch
            and int(version) >= known.version
        )
        if not is_level:
            self._take_snapshot()
        link.is_up()
        self.failure = None
        self.is_joined.set()

    def _take_snapshot(self) -> None:
        link, keys = self._link, self._link.keys
        moment = self._arrivals.moment()
        (epoch, version, token, frozen), content, owners = link.ask_all(
            ("HMGET", keys["state"], "epoch", "version", "token", "frozen"),
            ("HGETALL", keys["content"]),
            ("HGETALL", keys["owners"]),
        )
        if epoch is None or version is None or token is None:
            raise OutOfStep("the room has gone while it was read")
        known = Known(epoch.decode(), token.decode(), int(version))
        if self._has_content:
            known.begun = link.known.begun if known.epoch == link.known.epoch else known.version
        if known.version <= link.known.version:
            raise OutOfStep("the room has changed while it was read", diverged=True)
        replica = self._replica()
        if replica is None:
            link.closing.set()
            return
        replica.replace(Snapshot(known, frozen == b"1", pairs(content), pairs(owners)))
        link.known = known
        if self._has_content:
            self.counts.snapshots += 1
            link.tell("resynced", str(self._why or "another epoch"))
        self._has_content = True
        self._why = None
        self._snapshot_at = time.monotonic()
        self._arrivals.all_there(known.version, moment)

    def _follow(self, pauses: Pauses) -> None:
        link = self._link
        stream = link.keys["stream"]
        block = int(BLOCK * 1000)
        while not link.closing.is_set():
            known = link.known
            last = f"{known.version}-0"
            reply = link.ask("XREAD", "COUNT", _AT_ONCE, "BLOCK", block, "STREAMS", stream, last)
            found = entries(reply)
            replica = self._replica()
            if replica is None:
                link.closing.set()
                return
            for number, fields in found:
                self._apply(replica, Entry(number, fields))
            if found:
                pauses.reset()
            del replica
            if not found:
                self._check_level()
            self._leases.look()

    def _apply(self, replica: Replica, entry: Entry) -> None:
        known = self._link.known
        if entry.epoch != known.epoch:
            raise OutOfStep("another epoch")
        if entry.version != known.version + 1:
            raise OutOfStep(f"version {known.version + 1} is not in the stream any more")
        if entry.after != known.token:
            raise OutOfStep("the next entry follows another one", diverged=True)
        known = Known(entry.epoch, entry.token, entry.version, known.begun)
        replica.apply(entry)
        self._link.known = known
        self._arrivals.reached(known.version)
        self.counts.entries += 1

    def _check_level(self) -> None:
        """See whether what is here is what is there; something may have come this very moment."""
        link = self._link
        known = link.known
        moment = self._arrivals.moment()
        (epoch, version, token, keys), found = link.ask_all(
            ("HMGET", link.keys["state"], "epoch", "version", "token", "keys"),
            ("HLEN", link.keys["content"]),
        )
        if epoch is None or version is None or token is None:
            raise OutOfStep("the room is gone")
        if epoch.decode() != known.epoch:
            raise OutOfStep("another epoch")
        if int(version) < known.version:
            raise OutOfStep("Redis has gone back", diverged=True)
        if int(version) > known.version:
            last = f"{known.version}-0"
            if not link.ask("XREAD", "COUNT", 1, "STREAMS", link.keys["stream"], last):
                raise OutOfStep("the stream has gone")
            return
        if token.decode() != known.token:
            raise OutOfStep("the last entry is another one", diverged=True)
        if keys is None or int(keys) != found:
            raise OutOfStep("somebody else has written to the content, or it was evicted")
        self._arrivals.all_there(known.version, moment)
