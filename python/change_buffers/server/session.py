"""One client of a room, whatever it is connected by: what it sends goes in, messages come out."""

from __future__ import annotations

import logging
import secrets
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from change_buffers import (
    ConflictError,
    DictionaryChangeBuffer,
    KeyOwnedError,
    ObjectFrozenError,
)
from change_buffers.server.access import ANYTHING, Permission, Request
from change_buffers.server.groups import Group, Prefixes, pending_in
from change_buffers.server.holdings import Holdings
from change_buffers.server.incoming import (
    Incoming,
    Refusal,
    outside,
    read,
    read_interval,
    read_prefixes,
)
from change_buffers.server.limits import BYTES_PER_UPDATE, Allowance
from change_buffers.server.messages import Message
from change_buffers.server.room import AnyRoom, Room

log = logging.getLogger("change_buffers.server")

MOST_ANSWERS = 256
"""A client that has so many still to take is sent no more, but let go."""

TOO_BIG, POLICY, INTERNAL, TRY_LATER, DOES_NOT_READ = 1009, 1008, 1011, 1013, 4008
"""Codes with which a connection is closed."""

NO, YES = {"no", "0", "false"}, {"yes", "1", "true"}
LONGEST_NAME = 100


def new_session_id() -> str:
    """Make up a name for a connection."""
    return secrets.token_hex(8)


class Session:
    """One client of a room. It knows no sockets and no event loop.

    A transport passes on what the client sends with `receive()`, sends what `take()` gives whenever
    the line is free, and calls `close()` when the connection is over. All in one thread.

    Args:
        room: A `Room`, or a multi-view to make one of.
        request: What the client has asked for.
        permission: What it may do.
        subprotocol: The WebSocket subprotocol that was agreed on: it says which format.
        wake: Called whenever there may be something to take. It should not raise.
        send: Called with a message that is next, to save `take()`. It sends it and gives whether it
            has: it must not if something is on its way still.

    Attributes:
        id: The name of this connection.
        name: Who it is.
        closing: Once it is not `None`, the code and the reason with which the connection is to be
            closed when nothing is left to take.

    Raises:
        Refusal: The room is full, or the client asks for what there is not.
    """

    def __init__(
        self,
        room: AnyRoom,
        request: Request | None = None,
        permission: Permission = ANYTHING,
        *,
        subprotocol: str | None = None,
        wake: Callable[[], None] | None = None,
        send: Callable[[Message], bool] | None = None,
    ) -> None:
        room = room if isinstance(room, Room) else Room(room)
        request = request or Request()
        limits = room.limits
        if room.is_full:
            raise Refusal("full", f"no more than {limits.clients} clients are taken")
        interval = read_interval(
            request.last("interval") or room.interval, limits, "the interval of the query"
        )
        prefixes = None
        if "prefix" in request.query:
            prefixes = read_prefixes(request.query["prefix"], limits, "the prefixes of the query")
        echo = _yes_or_no(request.last("echo"), "echo")
        # What every message needs is set first: so it is in one place, and not in a cache by then.
        self.room = room
        self.format = room.format_of(subprotocol)
        self._next: Message | None = None
        self._answers: deque[Message] = deque()
        self._send = send
        self._delay = 0.0
        self.closing: tuple[int, str] | None = None
        self._allowance = Allowance(limits, time.monotonic())
        self._permission = permission
        self._publisher = room.multi_view.create_publisher()
        self._holdings = Holdings(room.multi_view, limits)
        self.id = request.session or new_session_id()
        self.name = permission.name or (request.last("name") or "")[:LONGEST_NAME]
        self.wake = wake or (lambda: None)
        self._echo = echo
        self._behind: DictionaryChangeBuffer | None = None
        self._waits_since: float | None = None
        self._group: Group | None = None
        self._interval, self._prefixes = interval, permission.visible(prefixes)
        self._is_closed = False
        is_resumed = self._follow(self._known_version(request.last("resume")))
        room.sessions[self.id] = self
        room.visits += 1
        welcome = {
            "session": self.id,
            "epoch": room.epoch,
            "interval": interval,
            "resumed": is_resumed,
            "limits": {
                "message_bytes": limits.message_bytes,
                "keys": limits.keys,
                "state_bytes": limits.state_bytes,
                "updates_per_second": limits.updates_per_second,
            },
        }
        self._answers.append(self._pack({"welcome": welcome}))

    def receive(self, data: bytes | str) -> None:
        """Take a message of the client, `bytes` of a binary one or `str` of a text.

        Whatever it is, it raises nothing: the client is told what is wrong with it.
        """
        if self.closing is not None:
            return
        counts, most = self.room.counts, self.room.limits.message_bytes
        counts.messages_in += 1
        counts.bytes_in += len(data)
        if len(data) > most:
            self.end(TOO_BIG, f"a message has at most {most} bytes")
            return
        try:
            incoming = self._accepted(data)
        except Refusal as refusal:
            self._refuse(refusal)
            return
        except Exception:
            log.exception("session %s: a message cannot be taken", self.id)
            self._refuse(Refusal("internal", "the server has failed"))
            return
        if incoming.id is not None:
            self._answer({"done": incoming.id, "version": self.room.multi_view.version})
        elif incoming.follow is not None:
            self._wake()

    def _accepted(self, data: bytes | str) -> Incoming:
        now = time.monotonic()
        if not self._allowance.take(1 + len(data) // BYTES_PER_UPDATE, now):
            raise self._too_often()
        incoming = read(data, self.format, self.room.limits)
        try:
            more = len(incoming.sizes) + len(incoming.removals) - 1
            if more > 0 and not self._allowance.take(more, now):
                raise self._too_often()
            wanted = None if incoming.follow is None else self._wanted(incoming.follow)
            if incoming.updates is not None:
                self._apply(incoming)
        except Refusal as refusal:
            refusal.id = incoming.id
            raise
        if wanted is not None:
            self._interval, self._prefixes = wanted
            self._follow(None)
        return incoming

    def _too_often(self) -> Refusal:
        most = self.room.limits.updates_per_second
        return Refusal("rate", f"at most {most:g} updates a second are taken, over some time")

    def _wanted(self, follow: dict[str, Any]) -> tuple[float, Prefixes]:
        interval, prefixes, limits = self._interval, self._prefixes, self.room.limits
        if "interval" in follow:
            interval = read_interval(follow["interval"], limits, "follow.interval")
        if "prefixes" in follow:
            asked = follow["prefixes"]
            if asked is not None:
                asked = read_prefixes(asked, limits, "follow.prefixes")
            prefixes = self._permission.visible(asked)
        return interval, prefixes

    def _apply(self, incoming: Incoming) -> None:
        allowed = self._permission.write
        if allowed is not None:
            for where in outside(allowed, incoming):
                raise Refusal("not_allowed", f"only keys with {_listed(allowed)} are yours", where)
        total = self._holdings.check(incoming)
        try:
            # Without removals, and without a condition, it goes the shortest way.
            self._publisher.update(
                incoming.updates,
                incoming.removals or None,
                unchanged_since=incoming.unchanged_since,
            )
        except KeyOwnedError as error:
            raise Refusal("owned", "they belong to somebody else", _keys(error.keys)) from None
        except ConflictError as error:
            raise Refusal("conflict", "they have changed meanwhile", _keys(error.keys)) from None
        except ObjectFrozenError:
            raise Refusal("frozen", "the room is frozen: nothing changes any more") from None
        except ValueError:
            raise Refusal("malformed", "no such version yet", "unchanged_since") from None
        self._holdings.take(incoming, total)

    def _follow(self, version: int | None) -> bool:
        """Begin to follow; give whether it goes on from that version."""
        # It may know all that there is by now from what it has followed.
        known = 0 if self._group is None else self.room.multi_view.version
        self._unfollow()
        if self._echo:
            group = self.room.group(self._interval, self._prefixes)
            change = None if version is None else group.since(version)
        else:
            group = Group(
                self.room.multi_view, self._interval, self._prefixes,
                since=version, without=self._publisher,
            )  # fmt: skip
            self.room.private_group(group)
            change = group.first
        is_resumed = version is not None and change is not None and not change.is_complete
        if change is None:
            self._next = group.snapshot(self.format, known)
        else:
            self._next = Message(self.format.state(change), self.format.is_text)
        self._group = group
        group.add(self)
        return is_resumed

    def _unfollow(self) -> None:
        self._next = self._behind = None
        if self._group is not None:
            self.room.leave(self._group, self)
            self._group = None

    def _known_version(self, token: str | None) -> int | None:
        epoch, _, version = (token or "").partition(".")
        if epoch != self.room.epoch or not (version.isdecimal() and len(version) < 20):
            return None
        known = int(version)
        return known if known <= self.room.multi_view.version else None

    @property
    def is_away(self) -> bool:
        """Whether it has a view of its own, since it has not kept up."""
        return self._behind is not None

    def offer(self, message: Message) -> bool:
        """Have this sent next, at once if that can be; `False` if there is one to take still."""
        if self._next is not None:
            return False
        if self._send is not None and not self._answers:
            try:
                is_sent = self._send(message)
            except Exception:
                self._fail()
                return True
            if is_sent:
                counts = self.room.counts
                counts.messages_out += 1
                counts.bytes_out += len(message.data)
                self._delay = time.perf_counter() - message.made
                return True
        self._next = message
        self._wake()
        return True

    def fall_out(self, view: DictionaryChangeBuffer) -> None:
        """Go on with this view: the group does not wait."""
        self._behind = view

    def take(self) -> Message | None:
        """Give what is to be sent next, or `None`.

        What nobody takes does not pile up: meanwhile changes add up to one.
        """
        if self._answers:
            message: Message | None = self._answers.popleft()
        else:
            message, self._next = self._next, None
            if message is None and self._behind is not None:
                message = self._catch_up(self._behind)
        if message is not None:
            self._count_out(message)
            self._waits_since = message.made
        return message

    def _count_out(self, message: Message) -> None:
        counts = self.room.counts
        counts.messages_out += 1
        counts.bytes_out += len(message.data)

    def _catch_up(self, view: DictionaryChangeBuffer) -> Message | None:
        """Give all that the others were sent meanwhile, and join them again."""
        self._behind = None
        assert self._group is not None
        self._group.add(self)
        change = pending_in(view)
        if change.version is None:
            return None
        return Message(self.format.state(change), self.format.is_text)

    def taken(self) -> None:
        """The line is free again: what was taken last has been sent."""
        if self._waits_since is not None:
            self._delay = time.perf_counter() - self._waits_since
            self._waits_since = None

    def delay_at(self, now: float) -> float:
        """Give the seconds that the last message took, or has taken so far."""
        since = self._waits_since
        if since is None and self._next is not None:
            since = self._next.made
        return self._delay if since is None else now - since

    def end(self, code: int, reason: str) -> None:
        """Have the connection closed when everything has been sent."""
        if self.closing is None:
            self.closing = (code, reason)
            self._wake()

    def close(self) -> None:
        """The connection is over: the keys of the client go. Closing twice is not an error."""
        if self._is_closed:
            return
        self._is_closed = True
        self.closing = self.closing or (INTERNAL, "closed")
        self._unfollow()
        self._answers.clear()
        self.room.sessions.pop(self.id, None)
        self._publisher.close()

    def _pack(self, message: dict[str, Any]) -> Message:
        return Message(self.format.pack(message), self.format.is_text)

    def _answer(self, message: dict[str, Any]) -> None:
        if len(self._answers) >= MOST_ANSWERS:
            self._answers.clear()
            self.end(DOES_NOT_READ, "too many answers have not been read")
            return
        self._answers.append(self._pack(message))
        self._wake()

    def _refuse(self, refusal: Refusal) -> None:
        self.room.counts.errors += 1
        error = {"kind": refusal.kind, "where": refusal.where, "message": str(refusal)}
        self._answer({"error": error, **({} if refusal.id is None else {"id": refusal.id})})
        if self._allowance.is_abused(time.monotonic()):
            self.end(POLICY, "flood: too much was refused")

    def _wake(self) -> None:
        try:
            self.wake()
        except Exception:
            self._fail()

    def _fail(self) -> None:
        log.exception("session %s ends: nothing can be sent", self.id)
        self.close()


def _yes_or_no(value: str | None, name: str) -> bool:
    if value is None or value in YES:
        return True
    if value in NO:
        return False
    raise Refusal("malformed", f"expected yes or no, found {value[:20]!r}", f"{name} of the query")


def _listed(prefixes: tuple[str, ...]) -> str:
    return " or ".join(f"{prefix}..." for prefix in prefixes) or "no name at all"


def _keys(keys: tuple[str, ...]) -> str:
    return ", ".join(f"state.updates[{key!r}]" for key in keys)
