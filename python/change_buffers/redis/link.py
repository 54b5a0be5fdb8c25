"""The line to Redis: who this process is, how it asks, and how the line has been doing."""

from __future__ import annotations

import logging
import random
import secrets
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import redis
from redis import exceptions
from redis.backoff import NoBackoff
from redis.retry import Retry

from change_buffers.redis.errors import RedisRefusedError, explained
from change_buffers.redis.keys import room_keys
from change_buffers.redis.scripts import KEYS, Script

logger = logging.getLogger("change_buffers.redis")

# Seconds. A read that blocks for so long is answered in any case; a line that gives no answer for
# longer is cut.
BLOCK = 1.0
PATIENCE = 4.0

OLDEST = (6, 2)

FIRST_PAUSE = 0.05
LONGEST_PAUSE = 2.0


def connect(url: str | redis.Redis) -> redis.Redis:
    """Make a client that tries nothing again by itself: what was sent twice must be known here."""
    if not isinstance(url, str):
        return url
    client: redis.Redis = redis.Redis.from_url(
        url,
        socket_timeout=PATIENCE,
        socket_connect_timeout=PATIENCE,
        socket_keepalive=True,
        retry=Retry(NoBackoff(), 0),
    )
    return client


class Known:
    """What a process knows of the room: the entry that it has followed it to."""

    __slots__ = ("begun", "epoch", "token", "version")

    def __init__(self, epoch: str = "", token: str = "", version: int = -1, begun: int = 0) -> None:
        self.epoch, self.token, self.version = epoch, token, version
        # Versions before this one were of another epoch, here: they say nothing about this one.
        self.begun = begun


class Link:
    """One process' side of a room in Redis."""

    def __init__(
        self,
        client: redis.Redis,
        name: str,
        on_status: Callable[[str, str], object] | None,
    ) -> None:
        self.client = client
        self.name = name
        self.keys = room_keys(name)
        self._key_list = [self.keys[key] for key in KEYS]
        # Those of the library make other things of these, by protocol.
        for command in ("XREAD", "HGETALL", "HMGET", "EVALSHA", "EVAL"):
            client.set_response_callback(command, _as_it_came)
        self.origin = secrets.token_hex(8)
        self.beats = 0
        self.known = Known()
        self.closing = threading.Event()
        self.connected = False
        self.disconnected_since: float | None = time.time()
        self.last_error: str | None = None
        self.refusal: str | None = None
        self.on_status = on_status
        self.lost_connections = 0

    def call(self, script: Script, *arguments: Any) -> Any:
        """Run a script, which Redis may have forgotten. Any error of the library."""
        known = self.known
        given = (secrets.token_hex(8), known.epoch, known.token, known.version, *arguments)
        count = len(self._key_list)
        try:
            return self.ask("EVALSHA", script.sha, count, *self._key_list, *given)
        except exceptions.NoScriptError:
            return self.ask("EVAL", script.source, count, *self._key_list, *given)

    def ask(self, *command: Any) -> Any:
        """Run one command. Any error of the library."""
        return self.client.execute_command(*command)  # type: ignore[no-untyped-call]

    def ask_all(self, *commands: tuple[Any, ...]) -> list[Any]:
        """Run several commands in one step. Any error of the library."""
        with self.client.pipeline(transaction=True) as pipeline:
            for command in commands:
                pipeline.execute_command(*command)  # type: ignore[no-untyped-call]
            return pipeline.execute()

    def check_release(self) -> None:
        """See whether Redis can do what is asked of it.

        Raises:
            RedisRefusedError: It is too old.
        """
        info = self.ask("INFO", "server")
        release = str(info.get("redis_version", "")) if isinstance(info, dict) else ""
        numbers = tuple(int(number) for number in release.split(".")[:2] if number.isdigit())
        if numbers < OLDEST:
            raise RedisRefusedError(
                f"Redis {release or 'of an unknown release'} is too old: 6.2 or newer is needed, "
                "or Valkey"
            )

    def is_up(self) -> None:
        """Note that Redis has answered."""
        if not self.connected:
            self.connected = True
            self.disconnected_since = None
            self.last_error = None
            self.tell("connected", "")

    def is_down(self, error: Exception) -> None:
        """Note that Redis does not answer, or not as it should."""
        if self.closing.is_set():
            return
        text = explained(error)
        self.last_error = text
        self.client.connection_pool.disconnect(inuse_connections=False)
        if self.connected:
            self.connected = False
            self.disconnected_since = time.time()
            self.lost_connections += 1
            logger.warning("room %r: lost Redis: %s", self.name, text)
            self.tell("disconnected", text)

    def is_refused(self, error: Exception) -> None:
        """Note that Redis takes no writes, for a reason that may last."""
        text = explained(error)
        if text != self.refusal:
            self.refusal = text
            logger.warning("room %r: Redis refuses updates: %s", self.name, text)
            self.tell("refused", text)

    def is_accepted(self) -> None:
        """Note that Redis has taken a write."""
        if self.refusal is not None:
            self.refusal = None
            self.tell("accepted", "")

    def depart(self) -> None:
        """Say that this process is gone, if Redis is there to be told."""
        keys = self.keys
        try:
            self.ask_all(
                ("HDEL", keys["beats"], self.origin), ("HDEL", keys["writers"], self.origin)
            )
        except (exceptions.RedisError, OSError) as error:
            logger.info("room %r: left without a word: %s", self.name, explained(error))

    def hang_up(self) -> None:
        """End all connections."""
        self.client.connection_pool.disconnect()

    def tell(self, status: str, detail: str) -> None:
        """Call back, whatever comes of it."""
        if self.on_status is not None:
            try:
                self.on_status(status, detail)
            except Exception:
                logger.exception("room %r: on_status raised", self.name)


class Pauses:
    """Seconds to wait before each new attempt: longer and longer, and not the same for all."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._next = FIRST_PAUSE

    def wait(self) -> None:
        """Wait, but no longer than until the room is closed."""
        self._link.closing.wait(self._next * random.uniform(0.5, 1.0))
        self._next = min(2 * self._next, LONGEST_PAUSE)

    def reset(self) -> None:
        """Note that an attempt went well."""
        self._next = FIRST_PAUSE


def _as_it_came(reply: Any, **_options: Any) -> Any:
    return reply


def pairs(reply: dict[bytes, bytes] | Sequence[bytes]) -> dict[bytes, bytes]:
    """Give a hash as Redis sends it, which is a map or a list by version of the protocol."""
    if isinstance(reply, dict):
        return reply
    items = iter(reply)
    return dict(zip(items, items, strict=True))
