"""Updates on their way out: checked and encoded, then left to the writer or waited for."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import CancelledError, Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import Any, Protocol, SupportsIndex

from change_buffers.codecs import MessagePackCodec
from change_buffers.redis import arguments
from change_buffers.redis.errors import RedisUnavailableError
from change_buffers.redis.link import Link
from change_buffers.redis.outgoing import Batch, Outgoing
from change_buffers.redis.publisher import RedisPublisher
from change_buffers.redis.writer import owned


class Room(Protocol):
    """What has to be known of the room that is updated."""

    @property
    def version(self) -> int:
        """The version of what is here."""

    @property
    def _takes_no_updates(self) -> bool:
        """Whether it is frozen, or was closed."""

    @property
    def _claims(self) -> Mapping[str, bytes]:
        """Keys of exclusive publishers, with what these are called."""

    def _check_joined(self) -> None:
        """Raise an error if it was not joined."""


class Updates:
    """What `update()` and its kin do, of a room and of its publishers."""

    def __init__(
        self,
        room: Room,
        link: Link,
        outgoing: Outgoing,
        codec: MessagePackCodec,
        timeout: float,
    ) -> None:
        self._room = room
        self._link = link
        self._outgoing = outgoing
        self._codec = codec
        self._timeout = timeout

    def update(
        self,
        updates: Mapping[str, Any] | None,
        removals: Iterable[str] | None,
        unchanged_since: SupportsIndex | None,
        by: RedisPublisher | None,
    ) -> None:
        """Have a change sent; wait for the answer only where it must be known."""
        encoded, gone = self._encoded(updates, removals, by)
        if unchanged_since is not None or self._must_ask(encoded, by):
            future = self._sent(encoded, gone, unchanged_since, by)
            self._result(future, self._timeout)
        elif encoded or gone:
            if by is not None:
                by._note(encoded, gone)
            self._outgoing.update(encoded, gone, by)
            self._see_off(by)

    def update_and_wait(
        self,
        updates: Mapping[str, Any] | None,
        removals: Iterable[str] | None,
        unchanged_since: SupportsIndex | None,
        timeout: float | None,
        by: RedisPublisher | None,
    ) -> int:
        """Have a change sent, and wait until it is here; give its version."""
        encoded, gone = self._encoded(updates, removals, by)
        future = self._sent(encoded, gone, unchanged_since, by)
        return self._result(future, self._timeout if timeout is None else timeout)

    async def update_confirmed(
        self,
        updates: Mapping[str, Any] | None,
        removals: Iterable[str] | None,
        unchanged_since: SupportsIndex | None,
        by: RedisPublisher | None,
    ) -> int:
        """Do so in a task."""
        encoded, gone = self._encoded(updates, removals, by)
        return await asyncio.wrap_future(self._sent(encoded, gone, unchanged_since, by))

    def _encoded(
        self,
        updates: Mapping[str, Any] | None,
        removals: Iterable[str] | None,
        by: RedisPublisher | None,
    ) -> tuple[dict[str, bytes], Collection[str]]:
        self._room._check_joined()
        if by is not None and by.closed:
            raise ValueError("the publisher is closed: it takes no more updates")
        arguments.check_frozen(self._room._takes_no_updates)
        encoded, gone = arguments.encoded(updates, removals, self._codec)
        arguments.check_frozen(self._room._takes_no_updates)
        claims = self._room._claims
        if claims:
            own = by.id.encode() if by is not None else b""
            anothers = [key for key in (*encoded, *gone) if claims.get(key, own) != own]
            if anothers:
                raise owned(tuple(dict.fromkeys(anothers)))
        return encoded, gone

    def _must_ask(self, encoded: dict[str, bytes], by: RedisPublisher | None) -> bool:
        if by is None or not by.exclusive:
            return False
        # Another one's claim may have come in since that was looked at: Redis says so then.
        claims, own = self._room._claims, by.id.encode()
        return any(claims.get(key) != own for key in encoded)

    def _sent(
        self,
        encoded: dict[str, bytes],
        gone: Collection[str],
        unchanged_since: SupportsIndex | None,
        by: RedisPublisher | None,
    ) -> Future[int]:
        since, known = None, self._link.known
        if unchanged_since is not None:
            since = arguments.version(unchanged_since, "unchanged_since", self._room.version)
        future: Future[int] = Future()
        if not (encoded or gone):
            future.set_result(self._room.version)
            return future
        if by is not None:
            by._note(encoded, gone)
        epoch = known.epoch if since is not None and since >= known.begun else ""
        batch = Batch(since=since, epoch=epoch, future=future)
        batch.add(encoded, gone, by)
        self._outgoing.append(batch)
        self._see_off(by)
        return future

    def _see_off(self, by: RedisPublisher | None) -> None:
        """Have a publisher leave once more if another thread has closed it this very moment."""
        if by is not None and by.closed:
            self._outgoing.leave(by)

    def _result(self, future: Future[int], timeout: float) -> int:
        try:
            return future.result(timeout)
        except (TimeoutError, FutureTimeoutError):
            what = "it was withdrawn" if future.cancel() else "it may still be applied"
            why = f" ({self._link.last_error})" if self._link.last_error else ""
            raise RedisUnavailableError(
                f"Redis has not answered in {timeout} seconds{why}; as for the update, {what}"
            ) from None
        except CancelledError:
            raise RedisUnavailableError("the update was withdrawn") from None
        except BaseException:
            future.cancel()
            raise
