"""What one multi-view does, call by call, as pure functions of an immutable state.

A search for an order of calls goes back and forth between states and has to recognise those that
it has seen, which the model in `reference.py` is not made for. That both say the same is a test.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

Items = tuple[tuple[str, Any], ...]

FROZEN = "ObjectFrozenError"
TIMEOUT = "TimeoutError"
CONFLICT = "ConflictError"
OWNED = "KeyOwnedError"
WRONG = "ValueError"


class Step(NamedTuple):
    """One call: its name, the view that it is made to or about, its arguments."""

    name: str
    view: str = ""
    updates: Items = ()
    removals: tuple[str, ...] = ()
    prefixes: tuple[str, ...] | None = None
    publisher: str = ""
    """By which an update is made, or without which a view is."""
    version: int | None = None
    """Since which nothing may have changed, or what has changed is owed."""
    snapshot: bool = False
    about: str = ""
    """The key that is looked up, or the view that is cloned."""

    def __str__(self) -> str:
        arguments = [
            *([self.view] if self.view else []),
            *([str(dict(self.updates))] if self.updates else []),
            *([f"removals={list(self.removals)}"] if self.removals else []),
            *([f"prefixes={list(self.prefixes)}"] if self.prefixes is not None else []),
            *([f"publisher={self.publisher}"] if self.publisher else []),
            *([f"since={self.version}"] if self.version is not None else []),
            *(["snapshot"] if self.snapshot else []),
            *([self.about] if self.about else []),
        ]
        return f"{self.name}({', '.join(arguments)})"


class Change(NamedTuple):
    """What a flush gave."""

    updates: frozenset[tuple[str, Any]]
    removals: frozenset[str]
    version: int | None = None
    is_complete: bool = False

    def __str__(self) -> str:
        parts = f"{dict(sorted(self.updates))} without {sorted(self.removals)}"
        if self.version is None:
            return parts
        return f"{'all' if self.is_complete else 'changes'} up to {self.version}: {parts}"


class Counts(NamedTuple):
    """What is exact in the statistics."""

    keys: int
    views: int
    updates: int
    flushes: int


class View(NamedTuple):
    """A buffer that is fed, or is not any more."""

    updates: frozenset[tuple[str, Any]] = frozenset()
    removals: frozenset[str] = frozenset()
    frozen: bool = False
    attached: bool = True
    """Whether statistics count it: until it is frozen by itself, removed or dropped."""
    prefixes: tuple[str, ...] | None = None
    without: str = ""
    owes_all: bool = False
    owes_at_once: bool = False
    detached: int | None = None

    def feed(self, updates: Items, removals: Iterable[str], by: str) -> View:
        """Hear of a change to the content."""
        if not by or by != self.without:
            return self.merge(updates, removals)
        named = {*dict(updates), *removals}
        pending = frozenset(item for item in self.updates if item[0] not in named)
        return self._replace(updates=pending, removals=self.removals - named)

    def merge(self, updates: Items, removals: Iterable[str]) -> View:
        """Add to what is pending the part of a change that is about keys of this view."""
        updates = tuple(item for item in updates if self.is_about(item[0]))
        removals = [key for key in removals if self.is_about(key)]
        pending, gone = dict(self.updates), frozenset(removals)
        for key in gone:
            pending.pop(key, None)
        pending.update(updates)
        kept = self.removals - frozenset(dict(updates))
        return self._replace(updates=frozenset(pending.items()), removals=kept | gone)

    def is_about(self, key: str) -> bool:
        """Whether this is one of the keys that the view follows."""
        return self.prefixes is None or key.startswith(self.prefixes)

    @property
    def pending(self) -> bool:
        """Whether a flush would give something."""
        return bool(self.updates or self.removals or self.owes_at_once)


class Last(NamedTuple):
    """The last change of a key."""

    version: int
    by: str
    updates: Items
    removals: tuple[str, ...]


class Publisher(NamedTuple):
    """An owner's hand."""

    exclusive: bool = False
    closed: bool = False


class State(NamedTuple):
    """A multi-view and its views. The order of its content counts."""

    content: Items = ()
    frozen: bool = False
    views: frozenset[tuple[str, View]] = frozenset()
    updates: int = 0
    flushes: int = 0
    version: int = 0
    last: frozenset[tuple[str, Last]] = frozenset()
    publishers: frozenset[tuple[str, Publisher]] = frozenset()
    counts: bool = True
    """Whether changes say what they are: the model in `reference.py` does not know."""

    def with_view(self, name: str, view: View) -> State:
        """Add a view, or replace one."""
        return self._replace(views=frozenset({**dict(self.views), name: view}.items()))


def perform(state: State, step: Step) -> tuple[Any, State]:
    """Give the result of a call, or the name of its error, and the state after it."""
    return OPERATIONS[step.name](state, step)


def _update(state: State, step: Step) -> tuple[Any, State]:
    publishers = dict(state.publishers)
    if step.publisher and publishers[step.publisher].closed:
        return WRONG, state
    if state.frozen:
        return FROZEN, state
    if step.version is not None and step.version > state.version:
        return WRONG, state
    names, last = {*dict(step.updates), *step.removals}, dict(state.last)
    known = [last[name] for name in names if name in last]
    for change in known:
        if change.by not in ("", step.publisher) and not change.removals:
            owner = publishers[change.by]
            if owner.exclusive and not owner.closed:
                return OWNED, state
    if step.version is not None and any(change.version > step.version for change in known):
        return CONFLICT, state
    return None, _changed(state, step.updates, step.removals, step.publisher)


def _changed(state: State, updates: Items, removals: Iterable[str], by: str) -> State:
    if not updates and not removals:
        return state
    content, last = dict(state.content), dict(state.last)
    content.update(updates)
    for key in removals:
        content.pop(key, None)
    for key in {*dict(updates), *removals}:
        values = tuple(item for item in updates if item[0] == key)
        gone = (key,) if key in removals else ()
        last[key] = Last(state.version + 1, by, values, gone)
    views = {
        (name, view if view.frozen else view.feed(updates, removals, by))
        for name, view in state.views
    }
    return state._replace(
        content=tuple(content.items()),
        views=frozenset(views),
        updates=state.updates + 1,
        version=state.version + 1,
        last=frozenset(last.items()),
    )


def _create_publisher(state: State, step: Step) -> tuple[Any, State]:
    publisher = Publisher(exclusive=step.snapshot)
    return None, state._replace(
        publishers=frozenset({**dict(state.publishers), step.publisher: publisher}.items())
    )


def _close_publisher(state: State, step: Step) -> tuple[Any, State]:
    publishers = dict(state.publishers)
    publisher = publishers[step.publisher]
    if publisher.closed:
        return None, state
    publishers[step.publisher] = publisher._replace(closed=True)
    state = state._replace(publishers=frozenset(publishers.items()))
    own = [key for key, last in state.last if last.by == step.publisher and not last.removals]
    return None, state if state.frozen else _changed(state, (), own, step.publisher)


def _get(state: State, step: Step) -> tuple[Any, State]:
    return dict(state.content).get(step.about), state


def _version(state: State, step: Step) -> tuple[Any, State]:
    return state.version, state


def _clone_view(state: State, step: Step) -> tuple[Any, State]:
    view = dict(state.views)[step.about]
    return None, state.with_view(step.view, view)


def _update_view(state: State, step: Step) -> tuple[Any, State]:
    view = dict(state.views)[step.view]
    if view.frozen:
        return FROZEN, state
    named = any(view.is_about(key) for key in (*dict(step.updates), *step.removals))
    merged = view.merge(step.updates, step.removals)
    return None, state.with_view(step.view, merged)._replace(updates=state.updates + named)


def _take(state: State, step: Step, otherwise: Any) -> tuple[Any, State]:
    view = dict(state.views)[step.view]
    if not view.pending:
        return (FROZEN if view.frozen else otherwise), state
    empty = view._replace(
        updates=frozenset(), removals=frozenset(), owes_all=False, owes_at_once=False
    )
    after = state.with_view(step.view, empty)._replace(flushes=state.flushes + 1)
    if not state.counts:
        return Change(view.updates, view.removals), after
    version = state.version if view.detached is None else view.detached
    return Change(view.updates, view.removals, version, view.owes_all), after


def _flush(state: State, step: Step) -> tuple[Any, State]:
    return _take(state, step, None)


def _wait(state: State, step: Step) -> tuple[Any, State]:
    # Who gives up has seen at some moment that there was nothing.
    return _take(state, step, TIMEOUT)


def _freeze(state: State, step: Step) -> tuple[Any, State]:
    views = frozenset((name, view._replace(frozen=True)) for name, view in state.views)
    return None, state._replace(frozen=True, views=views)


def _freeze_view(state: State, step: Step) -> tuple[Any, State]:
    view = dict(state.views)[step.view]
    detached = state.version if view.detached is None else view.detached
    view = view._replace(frozen=True, attached=False, detached=detached)
    return None, state.with_view(step.view, view)


def _create_view(state: State, step: Step) -> tuple[Any, State]:
    publishers = dict(state.publishers)
    if step.version is not None and step.version > state.version:
        return WRONG, state
    if step.publisher and publishers[step.publisher].closed:
        return WRONG, state
    view = View(prefixes=step.prefixes, without=step.publisher)
    last = dict(state.last)
    if step.version is None:
        view = view._replace(owes_all=True, owes_at_once=step.snapshot)
        for item in state.content:
            view = view.feed((item,), (), last[item[0]].by)
    else:
        for change in last.values():
            if change.version > step.version:
                view = view.feed(change.updates, change.removals, change.by)
    return None, state.with_view(step.view, view._replace(frozen=state.frozen))


def _copy_content(state: State, step: Step) -> tuple[Any, State]:
    return state.content, state


def _look(state: State, step: Step) -> tuple[Any, State]:
    return dict(state.views)[step.view].updates, state


def _stats(state: State, step: Step) -> tuple[Any, State]:
    attached = sum(view.attached for _, view in state.views)
    return Counts(len(state.content), attached, state.updates, state.flushes), state


OPERATIONS = {
    "update": _update,
    "publish": _update,
    "update_on": _update,
    "create_publisher": _create_publisher,
    "close_publisher": _close_publisher,
    "get": _get,
    "version": _version,
    "clone_view": _clone_view,
    "update_view": _update_view,
    "flush": _flush,
    "wait": _wait,
    "freeze": _freeze,
    "freeze_view": _freeze_view,
    "create_view": _create_view,
    "remove_view": _freeze_view,  # to freeze a view is to remove it
    "copy_content": _copy_content,
    "look": _look,
    "stats": _stats,
}
