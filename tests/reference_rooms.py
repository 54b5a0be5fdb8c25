"""What the model in `reference.py` lacks: versions, publishers, views since a version, clones.

A model of its own, as that one is what benchmarks compare with. It can't say when a removal is
forgotten, which depends on who has read what: that is asked of the module that is tested, and
given as the `horizon`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import reference
from reference_prefixes import PrefixBuffer

MISSING = object()


class KeyOwnedError(Exception):
    """Raised by an update that names keys of an exclusive publisher."""


class ConflictError(Exception):
    """Raised by an update that names keys that have changed meanwhile."""


class Last(NamedTuple):
    """The last change of a key."""

    version: int
    by: Publisher | None
    value: Any
    is_removed: bool


class Buffer(reference.DictionaryChangeBuffer):
    """A buffer that can be cloned."""

    def clone(self) -> Buffer:
        """Make another one that owes the same."""
        clone = Buffer()
        clone._pending_changes = dict(self._pending_changes)
        clone._pending_removals = set(self._pending_removals)
        clone._frozen = self._frozen
        return clone


class View(PrefixBuffer):
    """A view that knows which publisher it is without, and what it owes."""

    def __init__(self, room: Room, prefixes: Any, without: Publisher | None) -> None:
        super().__init__("" if prefixes is None else prefixes)
        if prefixes is None:
            self._prefixes = ("",)
        self._room = room
        self._without = without
        self._is_owed_all = self._is_owed_at_once = False
        self._detached: int | None = None

    def feed(self, updates: Any, removals: Any, by: Publisher | None) -> None:
        """Hear of a change to the content."""
        if by is None or by is not self._without:
            self.update(updates, removals)
            return
        for key in (*updates, *removals):
            self._pending_changes.pop(key, None)
            self._pending_removals.discard(key)

    def freeze(self) -> None:
        """Be fed no more."""
        super().freeze()
        if self._detached is None:
            self._detached = self._room.version

    def clone(self) -> View:
        """Make another one that owes the same."""
        clone = View(self._room, self._prefixes, self._without)
        clone._pending_changes = dict(self._pending_changes)
        clone._pending_removals = set(self._pending_removals)
        clone._frozen, clone._detached = self._frozen, self._detached
        clone._is_owed_all, clone._is_owed_at_once = self._is_owed_all, self._is_owed_at_once
        if not self._frozen:
            self._room._views.append(clone)
        return clone

    def _is_pending(self) -> bool:
        return super()._is_pending() or self._is_owed_at_once

    def _take(self) -> Any:
        change = super()._take()
        change.version = self._room.version if self._detached is None else self._detached
        change.is_complete = self._is_owed_all
        self._is_owed_all = self._is_owed_at_once = False
        return change


class Publisher:
    """An owner's hand in a model."""

    def __init__(self, room: Room, exclusive: bool) -> None:
        self._room = room
        self.exclusive = exclusive
        self.closed = False

    @property
    def _frozen(self) -> bool:
        return self._room._frozen

    def update(
        self, updates: Any, removals: Any, unchanged_since: int | None = None, horizon: int = 0
    ) -> None:
        """Update the multi-view."""
        if self.closed:
            raise ValueError("closed")
        self._room.update(updates, removals, unchanged_since, horizon, self)

    def close(self) -> None:
        """Go, and have the keys go that are its own."""
        if not self.closed and not self._room._frozen:
            self._room.update(None, self.keys(), by=self)
        self.closed = True

    def keys(self) -> list[str]:
        """Give the keys that are its own."""
        last = self._room._last.items()
        return [key for key, it in last if it.by is self and not it.is_removed]


class Room(reference.DictionaryChangeMultiView):
    """A multi-view that knows who changed what, and when."""

    def __init__(self) -> None:
        super().__init__()
        self.version = 0
        self._last: dict[str, Last] = {}
        self._removals: list[int] = []

    def update(
        self,
        updates: Any = None,
        removals: Any = None,
        unchanged_since: int | None = None,
        horizon: int = 0,
        by: Publisher | None = None,
    ) -> None:
        """Apply a change, unless it is refused."""
        updates, removals = dict(updates or {}), list(removals or ())
        names = {**dict.fromkeys(updates), **dict.fromkeys(removals)}
        if self._frozen:
            raise reference.ObjectFrozenError
        if unchanged_since is not None and unchanged_since > self.version:
            raise ValueError("the future")
        if owned := tuple(key for key in names if self._is_anothers(key, by)):
            raise KeyOwnedError(owned)
        if unchanged_since is not None:
            changed = self._changed_since(unchanged_since, horizon)
            if conflicts := tuple(key for key in names if changed(key)):
                raise ConflictError(conflicts)
        if names:
            self.version += 1
        for key in names:
            last = Last(self.version, by, updates.get(key, MISSING), key in removals)
            self._last[key] = last
            self._removals += [self.version] * last.is_removed
        self._content.update(updates)
        for key in removals:
            self._content.pop(key, None)
        self._views = [view for view in self._views if not view._frozen]
        for view in self._views:
            view.feed(updates, removals, by)

    def get(self, key: str, default: Any = None) -> Any:
        """Look a key up."""
        return self._content.get(key, default)

    def removals_since(self, version: int) -> int:
        """Count the removals of keys after a version."""
        return sum(removal > version for removal in self._removals)

    def add_view(
        self,
        prefixes: Any = None,
        snapshot: bool = False,
        since: int | None = None,
        without: Publisher | None = None,
        horizon: int = 0,
    ) -> View:
        """Add a view; it goes on from a version if that is not below the horizon."""
        view = View(self, prefixes, without)
        if since is not None and since >= horizon:
            for key, last in self._last.items():
                if last.version > since:
                    updates = {} if last.value is MISSING else {key: last.value}
                    view.feed(updates, [key] * last.is_removed, last.by)
        else:
            for key, value in self._content.items():
                view.feed({key: value}, [], self._last[key].by)
            view._is_owed_all = True
            view._is_owed_at_once = snapshot or since is not None
        if self._frozen:
            view.freeze()
        self._views.append(view)
        return view

    @contextmanager
    def create_view(self, *args: Any, **options: Any) -> Iterator[View]:
        """Give such a view; remove it on leaving."""
        view = self.add_view(*args, **options)
        try:
            yield view
        finally:
            self.remove_view(view)

    def _is_anothers(self, key: str, by: Publisher | None) -> bool:
        last = self._last.get(key)
        if last is None or last.is_removed or last.by in (None, by):
            return False
        return last.by.exclusive and not last.by.closed

    def _changed_since(self, version: int, horizon: int) -> Any:
        def changed(key: str) -> bool:
            # Of what is not in the content, the removal may have been forgotten.
            is_unknown = key not in self._content and horizon > version
            return is_unknown or (key in self._last and self._last[key].version > version)

        return changed
