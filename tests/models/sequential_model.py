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


class Step(NamedTuple):
    """One call: its name, the view that it is made to or about, its arguments."""

    name: str
    view: str = ""
    updates: Items = ()
    removals: tuple[str, ...] = ()
    prefixes: tuple[str, ...] | None = None

    def __str__(self) -> str:
        arguments = [
            *([self.view] if self.view else []),
            *([str(dict(self.updates))] if self.updates else []),
            *([f"removals={list(self.removals)}"] if self.removals else []),
            *([f"prefixes={list(self.prefixes)}"] if self.prefixes is not None else []),
        ]
        return f"{self.name}({', '.join(arguments)})"


class Change(NamedTuple):
    """What a flush gave."""

    updates: frozenset[tuple[str, Any]]
    removals: frozenset[str]

    def __str__(self) -> str:
        return f"{dict(sorted(self.updates))} without {sorted(self.removals)}"


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
        return bool(self.updates or self.removals)


class State(NamedTuple):
    """A multi-view and its views. The order of its content counts."""

    content: Items = ()
    frozen: bool = False
    views: frozenset[tuple[str, View]] = frozenset()
    updates: int = 0
    flushes: int = 0

    def with_view(self, name: str, view: View) -> State:
        """Add a view, or replace one."""
        return self._replace(views=frozenset({**dict(self.views), name: view}.items()))


def perform(state: State, step: Step) -> tuple[Any, State]:
    """Give the result of a call, or the name of its error, and the state after it."""
    return OPERATIONS[step.name](state, step)


def _update(state: State, step: Step) -> tuple[Any, State]:
    if state.frozen:
        return FROZEN, state
    content = dict(state.content)
    content.update(step.updates)
    for key in step.removals:
        content.pop(key, None)
    views = {
        (name, view if view.frozen else view.merge(step.updates, step.removals))
        for name, view in state.views
    }
    count = state.updates + bool(step.updates or step.removals)
    return None, state._replace(
        content=tuple(content.items()), views=frozenset(views), updates=count
    )


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
    empty = view._replace(updates=frozenset(), removals=frozenset())
    after = state.with_view(step.view, empty)._replace(flushes=state.flushes + 1)
    return Change(view.updates, view.removals), after


def _flush(state: State, step: Step) -> tuple[Any, State]:
    return _take(state, step, None)


def _wait(state: State, step: Step) -> tuple[Any, State]:
    # Who gives up has seen at some moment that there was nothing.
    return _take(state, step, TIMEOUT)


def _freeze(state: State, step: Step) -> tuple[Any, State]:
    views = frozenset((name, view._replace(frozen=True)) for name, view in state.views)
    return None, state._replace(frozen=True, views=views)


def _freeze_view(state: State, step: Step) -> tuple[Any, State]:
    view = dict(state.views)[step.view]._replace(frozen=True, attached=False)
    return None, state.with_view(step.view, view)


def _create_view(state: State, step: Step) -> tuple[Any, State]:
    view = View(prefixes=step.prefixes).merge(state.content, ())
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
