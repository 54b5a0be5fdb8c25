"""All clients that follow the same at the same pace: one view, one flush, one message for them.

A session that has not yet taken one message when the next is there falls out. It goes on with a
clone of the view, from before that next one, and comes back with a message of its own as soon as it
takes anything: what it is sent then reaches further than what the others were sent last. What they
are sent next may say some of it once more, which changes nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from change_buffers import (
    DictionaryChange,
    DictionaryChangeBuffer,
    DictionaryChangeMultiView,
    ObjectFrozenError,
    Publisher,
)
from change_buffers.server.formats import Format
from change_buffers.server.messages import Message

if TYPE_CHECKING:
    from change_buffers.server.session import Session

log = logging.getLogger("change_buffers.server")

Prefixes = tuple[str, ...] | None

LARGEST = 100
"""More members than that, and another group is made: while they are sent to, nobody else is."""


class Group:
    """The sessions that follow the same keys at the same pace.

    Args:
        multi_view: What they follow.
        interval: Seconds between two messages.
        prefixes: Of the keys that they follow.
        since: The version that the only member comes back with.
        without: The publisher of the only member, if that is not told of its own changes.
    """

    def __init__(
        self,
        multi_view: DictionaryChangeMultiView,
        interval: float,
        prefixes: Prefixes,
        *,
        since: int | None = None,
        without: Publisher | None = None,
    ) -> None:
        self.interval = interval
        self.prefixes = prefixes
        self.stop: Callable[[], None] = lambda: None
        self._multi_view = multi_view
        self._without = without
        self._members: dict[Session, None] = {}
        self._away: set[Session] = set()
        # Each with a version that it reaches for certain.
        self._snapshots: dict[Format, tuple[int, Message]] = {}
        self._first_reaches = multi_view.version
        self.view = self._new_view(since)
        self.first: DictionaryChange | None = pending_in(self.view, since)
        self._spare = self.view.clone()

    def __len__(self) -> int:
        return len(self._members) + len(self._away)

    def _new_view(self, since: int | None) -> DictionaryChangeBuffer:
        """Make a view like that of the group, of what has changed since then or of everything."""
        if since is not None and since > self._multi_view.version:
            since = None
        # It goes when nobody refers to it any more.
        return self._multi_view.create_view(
            self.prefixes, snapshot=since is None, since=since, without=self._without
        ).__enter__()

    def add(self, session: Session) -> None:
        """Send this session, which knows at least what the group does, what changes from now on."""
        self._away.discard(session)
        self._members[session] = None

    def discard(self, session: Session) -> None:
        """Send this session nothing any more."""
        self._away.discard(session)
        self._members.pop(session, None)

    def since(self, version: int) -> DictionaryChange:
        """Give what has changed since then, or everything if that is not known any more."""
        return pending_in(self._new_view(version), version)

    def snapshot(self, form: Format, version: int = 0) -> Message:
        """Give a complete message: one for all who come before the next delivery.

        Who has been told of more already says up to which version, and is not taken back.
        """
        found = self._snapshots.get(form)
        if found is None or found[0] < version:
            reaches, change, self.first = self._first_reaches, self.first, None
            if change is None or reaches < version:
                reaches = self._multi_view.version
                change = pending_in(self._new_view(None))
            found = self._snapshots[form] = reaches, Message(form.state(change), form.is_text)
        return found[1]

    def deliver(self, change: DictionaryChange) -> None:
        """Send a change that was just flushed from the view."""
        before, self._spare = self._spare, self.view.clone()
        self.first = None
        self._snapshots.clear()
        messages: dict[Format, Message] = {}
        members = self._members
        for session in list(members):
            if session not in members:
                continue  # it has gone meanwhile
            form = session.format
            message = messages.get(form)
            if message is None:
                message = messages[form] = Message(form.state(change), form.is_text)
            if not session.offer(message):
                del members[session]
                self._away.add(session)
                session.fall_out(before.clone())

    def flush(self) -> None:
        """Deliver what is pending, whatever the pace."""
        try:
            change = self.view.flush_changed_nowait()
        except ObjectFrozenError:
            self.end(1001, "the room is frozen")
            return
        if change is not None:
            self.deliver(change)

    def end(self, code: int, reason: str) -> None:
        """Say goodbye to everybody, who is first sent what is still to come."""
        for session in [*self._members, *self._away]:
            session.end(code, reason)

    def close(self) -> None:
        """Nobody follows any more: feed the views no longer."""
        self.stop()
        self.view.freeze()
        self._spare.freeze()


def pending_in(view: DictionaryChangeBuffer, since: int | None = None) -> DictionaryChange:
    """Flush a view; if there is nothing to give, give a change of nothing at that version."""
    try:
        change = view.flush_changed_nowait()
    except ObjectFrozenError:
        change = None
    if change is None:
        change = DictionaryChange()
        change.version = since
    return change
