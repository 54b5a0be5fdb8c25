"""`RedisMultiView`: a multi-view that any number of processes share through one Redis."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from itertools import count
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn, SupportsIndex

import redis

from change_buffers import DictionaryChangeMultiView, Publisher
from change_buffers.codecs import MessagePackCodec
from change_buffers.redis import arguments
from change_buffers.redis.arrivals import Arrivals
from change_buffers.redis.errors import RedisUnavailableError
from change_buffers.redis.fragments import Fragments
from change_buffers.redis.leases import Leases
from change_buffers.redis.link import Link, connect
from change_buffers.redis.outgoing import Batch, Outgoing
from change_buffers.redis.publisher import RedisPublisher
from change_buffers.redis.reader import Reader
from change_buffers.redis.replica import Replica
from change_buffers.redis.stats import RedisStats
from change_buffers.redis.updates import Updates
from change_buffers.redis.writer import Writer

if TYPE_CHECKING:
    from typing_extensions import Self


class RedisMultiView(DictionaryChangeMultiView):
    """A multi-view that any number of processes share, on any number of hosts, through one Redis.

    `update()` goes to Redis first and is seen, here too, when it comes back: all processes see the
    same changes in the same order, each update whole, with the same versions. While Redis is slow
    or away, updates gather, of each key the last, and what is here can be read.

    It joins the room by `with`, `async with` or `join()`. Any number of threads and of asyncio
    tasks may call any method at any time. Values are what MessagePack makes of them. An object is
    one process' own: after a fork, the child makes one for itself.

    Args:
        url: Where Redis or Valkey is, `redis://HOST:PORT/NUMBER`, as `redis.Redis.from_url()` takes
            it; or a `redis.Redis`, for Sentinel or special settings. Its `socket_timeout`
            must be more than 2 seconds then, and it must not decode responses.
        name: The room: a text without braces.
        codec: How values are encoded, the same in all processes of a room.
        history: Removed keys that are remembered here, as of any multi-view.
        lease: Seconds after which the keys of publishers go whose process is not heard of.
        gather: Seconds between two messages to Redis at least, while updates come one after the
            other.
        stream_length: So many updates are kept in Redis, for processes that fall behind.
        timeout: Seconds to wait for Redis at most, where no other time is given.
        on_status: Called, in a thread of the room, with what has happened and details, two
            texts: `"connected"`, `"disconnected"`, `"resynced"`, `"refused"`, `"accepted"`.

    Raises:
        TypeError: An argument is of the wrong type.
        ValueError: A number is out of range, `url` or `name` can't be one.
    """

    def __init__(
        self,
        url: str | redis.Redis,
        name: str,
        *,
        codec: MessagePackCodec | None = None,
        history: SupportsIndex = 0,
        lease: float = 10.0,
        gather: float = 0.003,
        stream_length: int = 10_000,
        timeout: float = 5.0,
        on_status: Callable[[str, str], object] | None = None,
    ) -> None:
        super().__init__(history=history)
        arguments.check(url, codec, lease, gather, stream_length, timeout, on_status)
        self._codec = codec if codec is not None else MessagePackCodec()
        self._timeout = timeout
        self._process = os.getpid()
        self._link = Link(connect(url), name, on_status)
        self._fragments = Fragments(self._codec)
        self._outgoing = Outgoing()
        self._arrivals = Arrivals()
        self._numbers = count()
        self._is_frozen = False
        self._is_closed = False
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._writer = Writer(self._link, self._outgoing, self._arrivals, gather, stream_length)
        self._leases = Leases(self._link, lease, stream_length)
        self._replica = Replica(self, self._link, self._writer, self._codec, self._fragments)
        self._writer.on_left = self._replica.have_left
        self._updates = Updates(self, self._link, self._outgoing, self._codec, timeout)
        self._reader = Reader(self._link, self._leases, self._arrivals, self._replica.reference())

    # Joining and leaving.

    def join(self, timeout: float | None = None) -> Self:
        """Join the room, and wait until all of it is here. Joining twice is not an error.

        Args:
            timeout: Seconds to wait at most; that of the room if it is `None`.

        Raises:
            RedisUnavailableError: Redis is not to be reached.
            RedisRefusedError: Redis refuses, or can't do what is needed; the message says why.
            RuntimeError: The room was closed, or it is that of the process that forked this one.
        """
        self._check_process()
        with self._lock:
            if self._is_closed:
                raise RuntimeError("the room was closed: make another RedisMultiView")
            if not self._threads:
                for kind in (self._reader, self._writer):
                    thread = threading.Thread(
                        target=kind.run,
                        name=f"change-buffers-{type(kind).__name__.lower()}",
                        daemon=True,
                    )
                    self._threads.append(thread)
                    thread.start()
        deadline = time.monotonic() + (self._timeout if timeout is None else timeout)
        while not self._reader.is_joined.wait(0.02):
            failure = self._reader.failure
            if failure is None and time.monotonic() < deadline:
                continue
            self.close(timeout=0)
            if failure is not None:
                raise failure
            raise RedisUnavailableError(
                f"Redis is not to be reached: {self._link.last_error or 'it does not answer'}"
            )
        return self

    def close(self, timeout: float | None = None) -> None:
        """Leave the room: what is pending is sent, the keys of publishers here go, views end.

        What is here can still be read. Closing twice is not an error.

        Args:
            timeout: Seconds to wait for Redis at most; that of the room if it is `None`. What could
                not be sent by then is lost, and the keys of publishers go when the lease is over.
        """
        if os.getpid() != self._process:
            return
        with self._lock:
            if self._is_closed:
                return
            self._is_closed = True
        deadline = time.monotonic() + (self._timeout if timeout is None else timeout)
        for publisher in self._replica.publishers():
            publisher.close()
        has_sent = bool(self._threads) and self._writer.has_sent(deadline)
        self._link.closing.set()
        self._outgoing.ring()
        me = threading.current_thread()
        for thread in self._threads:
            while thread is not me and thread.is_alive():
                # Whoever waits for an answer notices; it may have been about to ask.
                self._link.hang_up()
                thread.join(0.05)
                if time.monotonic() > deadline + 0.2:
                    break
        if has_sent:
            self._link.depart()
        error = RedisUnavailableError("the room was closed before Redis had answered")
        for batch in self._outgoing.close():
            if batch.future is not None and batch.future.set_running_or_notify_cancel():
                batch.future.set_exception(error)
        self._arrivals.give_up(error)
        super().freeze()
        self._link.hang_up()

    def __enter__(self) -> Self:
        """Join the room."""
        return self.join()

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> None:
        """Leave the room."""
        self.close()

    async def __aenter__(self) -> Self:
        """Join the room, without holding up the event loop."""
        return await asyncio.to_thread(self.join)

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> None:
        """Leave the room, without holding up the event loop."""
        await asyncio.to_thread(self.close)

    # Changing it.

    def update(
        self,
        updates: Mapping[str, Any] | None = None,
        removals: Iterable[str] | None = None,
        *,
        unchanged_since: SupportsIndex | None = None,
    ) -> None:
        """Have Redis apply a change, for all processes, in one atomic step.

        It returns at once; the change is seen when it has come back from Redis. With
        `unchanged_since` it waits for Redis, since the answer is there.

        Args:
            updates: Mapping of `str` keys to values that can be encoded, or `None`.
            removals: Iterable of `str` keys, or `None`.
            unchanged_since: A version of the room, or `None`. The update is refused if a key that
                it names has changed after that, in whichever process. A key that is not there
                counts as changed by the last removal of any key.

        Raises:
            ObjectFrozenError: The room is frozen, or was closed here.
            KeyOwnedError: A key belongs to an exclusive publisher, as far as is known here. If
                that is found out later, the update is refused then; `update_and_wait()` tells.
            ConflictError: A key has changed after `unchanged_since`, or that is not known.
            RedisUnavailableError: With `unchanged_since`, Redis has not answered in time.
            RedisRefusedError: With `unchanged_since`, Redis refuses; the message says why.
            TypeError: As for any multi-view.
            ValueError: A value cannot be encoded, the message names its key; or there has been no
                version `unchanged_since`.
            RuntimeError: The room was not joined, or it is that of the process that forked this
                one.
        """
        self._updates.update(updates, removals, unchanged_since, None)

    def update_and_wait(
        self,
        updates: Mapping[str, Any] | None = None,
        removals: Iterable[str] | None = None,
        *,
        unchanged_since: SupportsIndex | None = None,
        timeout: float | None = None,
    ) -> int:
        """Change the room, and wait until the change is here.

        Args:
            updates: As for `update()`.
            removals: As for `update()`.
            unchanged_since: As for `update()`.
            timeout: Seconds to wait at most; that of the room if it is `None`.

        Returns:
            The version that has it.

        Raises:
            RedisUnavailableError: Redis has not answered in time. The message says whether the
                update was withdrawn, or may still be applied.
            RedisRefusedError: Redis refuses; the message says why. Nothing has changed.
            Exception: As for `update()`.
        """
        return self._updates.update_and_wait(updates, removals, unchanged_since, timeout, None)

    async def update_confirmed(
        self,
        updates: Mapping[str, Any] | None = None,
        removals: Iterable[str] | None = None,
        *,
        unchanged_since: SupportsIndex | None = None,
    ) -> int:
        """Change the room, and wait in an asyncio task until the change is here.

        If the task is cancelled, the update is withdrawn unless it was sent already.

        Args:
            updates: As for `update()`.
            removals: As for `update()`.
            unchanged_since: As for `update()`.

        Returns:
            The version that has it.

        Raises:
            Exception: As for `update_and_wait()`, but there is no time: use `asyncio.timeout()`.
        """
        return await self._updates.update_confirmed(updates, removals, unchanged_since, None)

    def freeze(self) -> None:
        """Freeze the room for all processes, now and later. Freezing twice is not an error.

        No more updates are taken here from now on. Those before are sent first; the views here end
        when it has come back from Redis.
        """
        self._check_joined()
        with self._lock:
            if self._is_frozen:
                return
            self._is_frozen = True
        self._outgoing.append(Batch(kind="freeze"))

    def replay(self, *_args: Any, **_kwargs: Any) -> NoReturn:
        """Refuse: this room follows Redis alone."""
        raise TypeError("a RedisMultiView follows Redis alone: say update()")

    def create_publisher(self, *, exclusive: bool = False) -> RedisPublisher:
        """Make a publisher: what its owner sets through it goes with it, or with its process.

        Args:
            exclusive: As long as it is open, nobody else can change its keys, in no process.

        Raises:
            TypeError: `exclusive` is not a `bool`.
            RuntimeError: The room was not joined.
        """
        self._check_joined()
        publisher = RedisPublisher(self, exclusive=exclusive)
        self._replica.add_publisher(publisher)
        return publisher

    # Looking at it.

    @property
    def name(self) -> str:
        """What the room is called."""
        return self._link.name

    @property
    def epoch(self) -> str:
        """The history that versions belong to, the same in all processes."""
        return self._link.known.epoch

    @property
    def codec(self) -> MessagePackCodec:
        """A codec for `change.encode()` that takes the bytes of values as they came from Redis."""
        return self._fragments.codec

    def stats(self) -> RedisStats:  # type: ignore[override]
        """Count keys, views and more, and what the line to Redis has been doing."""
        return RedisStats.of(
            super().stats(),
            self._link,
            self._reader,
            self._writer,
            self._leases,
            self._replica,
        )

    # For publishers and the threads of the room.

    @property
    def _takes_no_updates(self) -> bool:
        return self._is_frozen or self._is_closed

    @property
    def _claims(self) -> Mapping[str, bytes]:
        return self._replica.claims

    def _publisher_id(self, exclusive: bool) -> str:
        return f"{self._link.origin}/{next(self._numbers)}{'x' if exclusive else ''}"

    def _leave(self, publisher: RedisPublisher) -> None:
        self._outgoing.leave(publisher)

    def _drop(self, publisher: RedisPublisher) -> None:
        self._outgoing.drop(publisher)

    def _replay(
        self,
        updates: dict[str, Any],
        removals: Iterable[str],
        version: int,
        publishers: Mapping[Publisher, Iterable[str]] | None,
    ) -> None:
        super().replay(updates, removals, version=version, publishers=publishers)

    def _freeze_here(self) -> None:
        self._is_frozen = True
        super().freeze()

    def _check_process(self) -> None:
        if os.getpid() != self._process:
            raise RuntimeError(
                "this RedisMultiView belongs to the process that this one was forked from: make "
                "another one here"
            )

    def _check_joined(self) -> None:
        self._check_process()
        if not self._threads:
            raise RuntimeError("the room was not joined: say `with room:` or room.join()")
