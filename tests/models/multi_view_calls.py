"""Random programs of calls for several threads, and how each call is made to a real multi-view."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping
from itertools import count
from typing import Any

import encoded_stores
from helpers import PlainMapping
from linearizability import Call, record
from sequential_model import Change, Counts, State, Step, perform

KEYS = ["a", "b", "c", "d"]
VIEWS = {"left": None, "right": None, "some": ("a", "b")}
"""The views that are there from the beginning, with their prefixes."""
PUBLISHERS = {"free": False, "exclusive": True, "leaving": True}
"""The publishers that are there, and whether they have their keys for themselves."""
HISTORY = 1000
"""More removals than there are: which are forgotten depends on who has read what."""

WEIGHTS = {
    "update": 30,
    "publish": 12,
    "update_on": 6,
    "close_publisher": 2,
    "get": 6,
    "version": 4,
    "clone_view": 3,
    "flush": 20,
    "wait": 6,
    "copy_content": 8,
    "update_view": 8,
    "create_view": 6,
    "remove_view": 2,
    "freeze_view": 2,
    "freeze": 2,
    "look": 6,
    "stats": 6,
}
NEWER = {"publish", "update_on", "close_publisher", "get", "version", "clone_view"}
MODEL_KINDS = sorted(WEIGHTS.keys() - {"look", "stats"} - NEWER)
"""What the model in `reference.py` knows as well."""

UPDATES = {"update", "update_view", "publish", "update_on"}

PATIENCE = 0.0005


class Value:
    """A value whose end, wherever it comes, gives other threads a chance to run."""

    __slots__ = ("number",)

    def __init__(self, number: int) -> None:
        self.number = number

    def __del__(self) -> None:
        time.sleep(0)


class SlowMapping(PlainMapping):
    """A mapping that gives other threads a chance to run between two items."""

    def __getitem__(self, key: Any) -> Any:
        time.sleep(0)
        return super().__getitem__(key)


def slow_iterator(items: tuple[str, ...]) -> Iterator[str]:
    for item in items:
        time.sleep(0)
        yield item


def random_programs(
    chance: random.Random, threads: int, length: int, kinds: list[str]
) -> list[list[Step]]:
    """Make up what each thread is going to call; every value is given once."""
    numbers = count()
    weights = [WEIGHTS[kind] for kind in kinds]
    programs = []
    for thread in range(threads):
        views = list(VIEWS)
        program = []
        for name in chance.choices(kinds, weights, k=chance.randint(length // 2, length)):
            updates = removals = ()
            prefixes = version = None
            view = publisher = about = ""
            snapshot = False
            if name in UPDATES:
                keys = chance.sample(KEYS, chance.choice([0, 1, 2, 2, 3]))
                updates = tuple((key, next(numbers)) for key in keys)
                removals = tuple(chance.sample(KEYS, chance.choice([0, 0, 1, 2])))
            if name == "create_view":
                view = f"view {thread}.{len(views)}"
                prefixes = chance.choice([None, None, ("a",), ("b", "c")])
                if "publish" in kinds:
                    publisher = chance.choice(["", "", "free", "exclusive"])
                    version = chance.choice([None, None, 0, 1])
                    snapshot = version is None and chance.random() < 0.3
            elif name == "clone_view":
                view, about = f"view {thread}.{len(views)}", chance.choice(views)
            elif name in ("publish", "close_publisher"):
                publisher = "leaving" if name != "publish" else chance.choice(list(PUBLISHERS))
            elif name == "update_on":
                publisher = chance.choice(["", *PUBLISHERS])
                version = chance.randrange(8)
            elif name == "get":
                about = chance.choice(KEYS)
            elif name not in ("update", "copy_content", "freeze", "stats", "version"):
                view = chance.choice(views)
            program.append(
                Step(name, view, updates, removals, prefixes, publisher, version, snapshot, about)
            )
            if name in ("create_view", "clone_view"):
                views.append(view)
        programs.append(program)
    return programs


class Subject:
    """A multi-view, the extension's or a model, and its views by name."""

    def __init__(self, multi_view: Any) -> None:
        self._multi_view = multi_view
        self._views: dict[str, Any] = {}
        self._contexts: list[Any] = []  # a view lives as long as it is referred to
        self._publishers: dict[str, Any] = {}

    def begin(self, encodes: bool) -> State:
        """Make the first views and some content, and give the state in which that leaves it."""
        knows = hasattr(self._multi_view, "create_publisher")
        state = State(counts=knows)
        for name, exclusive in PUBLISHERS.items() if knows else ():
            self._publishers[name] = self._multi_view.create_publisher(exclusive=exclusive)
            step = Step("create_publisher", publisher=name, snapshot=exclusive)
            _, state = perform(state, step)
        steps = [Step("create_view", name, prefixes=prefixes) for name, prefixes in VIEWS.items()]
        for step in [*steps, Step("update", updates=(("a", -1), ("b", -2)))]:
            self.outcome(step, random.Random(0))()
            _, state = perform(state, step)
        if encodes:
            _, state = perform(state, Step("flush", "left"))
            encoded_stores.encode(self._views["left"].flush_changed_nowait())
        return state

    def outcome(self, step: Step, chance: random.Random) -> Callable[[], Any]:
        """Give the function that makes a call."""
        if step.name == "create_view":
            return lambda: self._create_view(step)
        views, name = self._views, step.view  # a thread may yet have to make the view
        if step.name == "clone_view":
            return lambda: self._clone_view(step)
        if step.name in UPDATES:
            updates: Mapping[str, Value] = {key: Value(number) for key, number in step.updates}
            removals: Any = list(step.removals)
            if chance.random() < 0.5:
                updates, removals = SlowMapping(updates), slow_iterator(step.removals)
            # Handed over, so that a value ends in whichever call replaces or removes it.
            arguments = [(updates, removals)]
            del updates, removals
            if step.name == "update_view":
                return lambda: views[name].update(*arguments.pop())
            update = self._publishers.get(step.publisher, self._multi_view).update
            options = {} if step.version is None else {"unchanged_since": step.version}
            return lambda: update(*arguments.pop(), **options)
        timeout = chance.choice([0, PATIENCE])
        return {
            "flush": lambda: views[name].flush_changed_nowait(),
            "wait": lambda: views[name].flush_changed_blocking(timeout),
            "freeze_view": lambda: views[name].freeze(),
            "remove_view": lambda: self._multi_view.remove_view(views[name]),
            "look": lambda: views[name]._pending_changes,
            "freeze": self._multi_view.freeze,
            "copy_content": self._multi_view.copy_content,
            "stats": lambda: self._multi_view.stats(),
            "get": lambda: self._multi_view.get(step.about),
            "version": lambda: self._multi_view.version,
            "close_publisher": lambda: self._publishers[step.publisher].close(),
        }[step.name]

    def _create_view(self, step: Step) -> None:
        options = {
            "without": self._publishers.get(step.publisher),
            "since": step.version,
            "snapshot": step.snapshot or None,
        }
        options = {name: value for name, value in options.items() if value is not None}
        context = self._multi_view.create_view(*filter(None, [step.prefixes]), **options)
        self._views[step.view] = context.__enter__()
        self._contexts.append(context)

    def _clone_view(self, step: Step) -> None:
        self._views[step.view] = self._views[step.about].clone()


def record_random_calls(
    multi_view: Any,
    chance: random.Random,
    threads: int,
    length: int,
    kinds: list[str],
    encodes: bool = False,
) -> tuple[State, list[Call]]:
    """Have threads make random calls. Gives the state before, and what they saw."""
    subject = Subject(multi_view)
    start = subject.begin(encodes)
    programs = random_programs(chance, threads, length, kinds)
    return start, record(
        [[(step, subject.outcome(step, chance)) for step in program] for program in programs],
        translate,
    )


def translate(step: Step, result: Any) -> Any:
    """Put what a call returned or raised in the terms of the model."""
    if isinstance(result, Exception):
        return type(result).__name__
    if result is None or step.name == "version":
        return result
    if step.name == "get":
        return result.number
    if step.name == "stats":
        return Counts(result.keys, result.views, result.updates, result.flushes)
    if step.name == "copy_content":
        return tuple((key, value.number) for key, value in result.items())
    if step.name == "look":
        return frozenset((key, value.number) for key, value in result.items())
    updates, removals = result
    return Change(
        frozenset((key, value.number) for key, value in updates.items()),
        frozenset(removals),
        getattr(result, "version", None),
        getattr(result, "is_complete", False),
    )
