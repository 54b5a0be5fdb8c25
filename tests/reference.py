"""A plain-Python model of the documented semantics of NanoVer's change buffers.

It is what the tests compare the extension with and what the benchmarks compare it against, so
it is written as one would naturally write it in Python: a lock and a condition per buffer, a
private dict and set of everything that is pending for each view, and a multi-view that forwards
every update to every view, which makes an update cost O(views x keys).

Where change-buffers differs from NanoVer on purpose, the model does what change-buffers does as
far as a single thread can observe it. Argument checks would distort the benchmarks, so they are
kept out of the classes: `strict_update` and `strict_change` add them for the tests.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from threading import Condition, Lock
from typing import Any

KeyUpdates = Mapping[str, Any]
KeyRemovals = Iterable[str]


class ObjectFrozenError(Exception):
    """Raised by an update of a frozen object, and by a flush of a frozen and drained one."""


class DictionaryChange:
    """Key updates and key removals; both are copies of what was passed in."""

    updates: dict[str, Any]
    removals: set[str]

    def __init__(
        self, updates: KeyUpdates | None = None, removals: KeyRemovals | None = None
    ) -> None:
        self.updates = {} if updates is None else dict(updates)
        self.removals = set() if removals is None else set(removals)

    @classmethod
    def from_dict(cls, dict_: Mapping[str, Any]) -> DictionaryChange:
        """Build a change from its wire form, in which either part may be missing or `None`."""
        return cls(dict_.get("updates"), dict_.get("removals"))

    def to_dict(self) -> dict[str, Any]:
        """Give the wire form: sets do not travel, so the removals become a list."""
        return {"updates": self.updates, "removals": list(self.removals)}

    def update(self, other: DictionaryChange) -> None:
        """Replace both parts by their unions with the other change's; its values win."""
        self.updates = {**self.updates, **other.updates}
        self.removals = self.removals | other.removals

    def __iter__(self) -> Iterator[Any]:
        return iter((self.updates, self.removals))

    def __repr__(self) -> str:
        return f"DictionaryChange(updates={self.updates!r}, removals={self.removals!r})"


class DictionaryChangeBuffer:
    """Merges changes until somebody flushes them."""

    def __init__(self) -> None:
        self._frozen = False
        self._pending_changes: dict[str, Any] = {}
        self._pending_removals: set[str] = set()
        self._changed = Condition(Lock())

    def update(
        self, updates: KeyUpdates | None = None, removals: KeyRemovals | None = None
    ) -> None:
        """Merge a change into what is pending."""
        updates = {} if updates is None else updates
        with self._changed:
            if self._frozen:
                raise ObjectFrozenError("update of a frozen buffer")
            removals = set() if removals is None else set(removals)
            # A key named in both arguments has to end up in both parts, so what each argument
            # cancels goes before what each of them records.
            for key in removals:
                self._pending_changes.pop(key, None)
            for key in updates:
                self._pending_removals.discard(key)
            self._pending_changes.update(updates)
            self._pending_removals.update(removals)
            self._changed.notify_all()

    def flush_changed_blocking(self) -> DictionaryChange:
        """Wait until something is pending, then return it and forget it."""
        with self._changed:
            while not self._is_pending():
                if self._frozen:
                    raise ObjectFrozenError("flush of a frozen and drained buffer")
                self._changed.wait()
            return self._take()

    def freeze(self) -> None:
        """Accept no more updates, and wake everybody who waits for one."""
        with self._changed:
            self._frozen = True
            self._changed.notify_all()

    def subscribe_changes(self, interval: float = 0) -> Iterator[DictionaryChange]:
        """Yield flushes, at least `interval` seconds apart, until frozen and drained."""
        due = time.monotonic()
        while True:
            with self._changed:
                while not self._is_pending():
                    if self._frozen:
                        return
                    self._changed.wait()
            if (delay := due - time.monotonic()) > 0:
                time.sleep(delay)
            with self._changed:
                if not self._is_pending():  # another thread flushed it while this one slept
                    continue
                change = self._take()
            due = time.monotonic() + interval
            yield change

    def _is_pending(self) -> bool:
        return bool(self._pending_changes or self._pending_removals)

    def _take(self) -> DictionaryChange:
        """Empty the buffer into a change; the caller holds the lock."""
        change = DictionaryChange(self._pending_changes, self._pending_removals)
        self._pending_changes = {}
        self._pending_removals = set()
        return change


class DictionaryChangeMultiView:
    """A shared dictionary, and any number of views that are told of its changes."""

    def __init__(self) -> None:
        self._frozen = False
        self._content: dict[str, Any] = {}
        self._views: list[DictionaryChangeBuffer] = []
        self._lock = Lock()

    def update(
        self, updates: KeyUpdates | None = None, removals: KeyRemovals | None = None
    ) -> None:
        """Apply a change to the content (updates first, then removals) and to every view."""
        updates = {} if updates is None else updates
        with self._lock:
            if self._frozen:
                raise ObjectFrozenError("update of a frozen multi-view")
            removals = set() if removals is None else set(removals)
            self._content.update(updates)
            for key in removals:
                self._content.pop(key, None)
            for view in list(self._views):
                try:
                    view.update(updates, removals)
                except ObjectFrozenError:
                    self._views.remove(view)

    @contextmanager
    def create_view(self) -> Iterator[DictionaryChangeBuffer]:
        """Give a view whose first flush is the present content; remove it on leaving."""
        view = self._add_view()
        try:
            yield view
        finally:
            self.remove_view(view)

    def remove_view(self, view: DictionaryChangeBuffer) -> None:
        """Stop feeding the given view, and freeze it."""
        with self._lock:
            if view in self._views:
                self._views.remove(view)
            view.freeze()

    def subscribe_changes(self, interval: float = 0) -> Iterator[DictionaryChange]:
        """Yield the content and then the changes to it, over a private view."""
        with self.create_view() as view:
            yield from view.subscribe_changes(interval)

    def freeze(self) -> None:
        """Accept no more updates, here and in every view."""
        with self._lock:
            self._frozen = True
            for view in self._views:
                view.freeze()

    def copy_content(self) -> dict[str, Any]:
        """Give a shallow copy of the shared dictionary."""
        with self._lock:
            return dict(self._content)

    def _add_view(self) -> DictionaryChangeBuffer:
        with self._lock:
            view = DictionaryChangeBuffer()
            view.update(self._content)
            if self._frozen:
                view.freeze()
            self._views.append(view)
            return view


def strict_update(
    target: DictionaryChangeBuffer | DictionaryChangeMultiView, updates: Any, removals: Any
) -> None:
    """Update `target` as change-buffers does: nothing changes unless all arguments are right."""
    if target._frozen:
        raise ObjectFrozenError("frozen, whatever the arguments are")
    target.update(checked_updates(updates), checked_removals(removals))


def strict_change(updates: Any = None, removals: Any = None) -> DictionaryChange:
    """Make a change as change-buffers does, with its argument checks."""
    return DictionaryChange(checked_updates(updates), checked_removals(removals))


def checked_updates(updates: Any) -> dict[str, Any]:
    """Copy a mapping, insisting on keys that are strings and reducing them to exact `str`."""
    if updates is None:
        return {}
    if not hasattr(updates, "keys"):
        raise TypeError(f"updates must be a mapping, not {type(updates).__name__}")
    return {_exact(key, "updates"): updates[key] for key in updates.keys()}  # noqa: SIM118


def checked_removals(removals: Any) -> list[str]:
    """Copy an iterable of keys, refusing a lone string, which is always a mistake."""
    if removals is None:
        return []
    if isinstance(removals, (str, bytes)):
        raise TypeError("removals must be an iterable of keys, not a key: write [key]")
    return [_exact(key, "removals") for key in removals]


def _exact(key: Any, argument: str) -> str:
    if not isinstance(key, str):
        raise TypeError(f"keys in {argument} must be str, not {type(key).__name__}")
    return str.__str__(key)
