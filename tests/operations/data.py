"""Operations on changes, and updates and flushes of everything that has them."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from change_buffers import (
    DictionaryChange,
    DictionaryChangeBuffer,
    DictionaryChangeMultiView,
    ObjectFrozenError,
)
from helpers import BoomError, PlainMapping, RaisingMapping, raising_iterator
from operations.repeat import Step, operation

MANY = {f"key {i}": i for i in range(10)}


# Changes


@operation
def make_a_change() -> Step:
    return lambda: DictionaryChange(MANY, ["a", "b"])


@operation
def make_a_subclass_of_a_change_with_attributes() -> Step:
    class Noted(DictionaryChange):
        pass

    def step() -> None:
        Noted({"a": 1}).note = object()  # type: ignore[attr-defined]

    return step


@operation
def change_to_dict_and_back() -> Step:
    change = DictionaryChange(MANY, ["a"])
    return lambda: DictionaryChange.from_dict(change.to_dict())


@operation
def update_a_change() -> Step:
    other = DictionaryChange(MANY, ["a"])
    return lambda: DictionaryChange().update(other)


@operation
def unpack_assign_and_show_a_change() -> Step:
    change = DictionaryChange(MANY, ["a"])

    def step() -> None:
        updates, removals = change
        change.updates, change.removals = dict(updates), set(removals)
        repr(change), hash(change), change == change

    return step


@operation
def copy_and_pickle_a_change() -> Step:
    change = DictionaryChange({"a": 1}, ["b"])

    def step() -> None:
        copy.copy(change), copy.deepcopy(change), pickle.loads(pickle.dumps(change))

    return step


@operation
def make_a_wrong_change() -> Step:
    def step() -> None:
        with suppress(TypeError):
            DictionaryChange({"a": object(), 5: object()})
        with suppress(TypeError):
            DictionaryChange(None, "abc")

    return step


# Updates


def on_all(step: Callable[[Any], Any]) -> Step:
    """Do something to a buffer, to a view, and to multi-views with and without views."""
    multi_view = DictionaryChangeMultiView()
    context = multi_view.create_view()
    targets = [
        DictionaryChangeBuffer(),
        DictionaryChangeMultiView(),
        multi_view,
        context.__enter__(),
    ]

    def on_all_targets(context: Any = context) -> None:
        for target in targets:
            step(target)

    return on_all_targets


@operation
def update_one_key() -> Step:
    return on_all(lambda target: target.update({"a": object()}))


@operation
def update_many_keys() -> Step:
    return on_all(lambda target: target.update(dict.fromkeys(MANY, object()), ["a", "key 1"]))


@operation
def update_from_a_mapping() -> Step:
    return on_all(lambda target: target.update(PlainMapping(MANY), iter(["a", "b"])))


@operation
def update_nothing() -> Step:
    return on_all(lambda target: target.update())


@operation
def update_a_key_that_comes_and_goes() -> Step:
    numbers = iter(range(10**12))

    def step() -> None:
        key = f"key {next(numbers)}"
        multi_view.update({key: object()})
        multi_view.update(None, [key])
        view.flush_changed_nowait()

    multi_view = DictionaryChangeMultiView()
    context = multi_view.create_view()
    view = context.__enter__()
    return step


@operation
def update_wrongly() -> Step:
    def step(target: Any) -> None:
        for updates, removals in [({"a": 1, 5: object()}, None), (5, None), (None, "a")]:
            with suppress(TypeError):
                target.update(updates, removals)
        with suppress(BoomError):
            target.update(RaisingMapping({"a": object(), "b": 1}), None)
        with suppress(BoomError):
            target.update({"a": object()}, raising_iterator("a"))

    return on_all(step)


@operation
def update_what_is_frozen() -> Step:
    buffer, multi_view = DictionaryChangeBuffer(), DictionaryChangeMultiView()

    def step() -> None:
        for target in (buffer, multi_view):
            with suppress(ObjectFrozenError):
                target.update({"a": object()})

    buffer.freeze()
    multi_view.freeze()
    return step


# Flushes


def _look(buffer: DictionaryChangeBuffer) -> tuple[dict[str, Any], set[str]]:
    return buffer._pending_changes, buffer._pending_removals


@operation
def flush_a_buffer() -> Step:
    buffer = DictionaryChangeBuffer()

    def step() -> None:
        for content in ({"a": object()}, MANY):
            buffer.update(content, ["b"])
            _look(buffer)
            buffer.flush_changed_blocking()
            buffer.update(content)
            buffer.update({"a": object()}, ["key 1"])
            buffer.flush_changed_blocking(timeout=1)
            buffer.flush_changed_nowait()

    return step


@operation
def flush_views() -> Step:
    multi_view = DictionaryChangeMultiView()
    contexts = [multi_view.create_view(prefixes) for prefixes in (None, None, "key", ["a", "b"])]
    views = [context.__enter__() for context in contexts]

    def step(contexts: Any = contexts) -> None:
        multi_view.update({**MANY, "a": object()}, ["b"])
        views[0].update({"private": object()}, ["a"])
        for view in views:
            _look(view)
            view.flush_changed_blocking()

    return step


@operation
def flush_with_a_timeout_that_passes() -> Step:
    def step(target: Any) -> None:
        if isinstance(target, DictionaryChangeBuffer):
            for timeout in (0, 1e-6):
                with suppress(TimeoutError):
                    target.flush_changed_blocking(timeout)

    return on_all(step)


@operation
def flush_what_is_drained() -> Step:
    buffer = DictionaryChangeBuffer()
    buffer.freeze()

    def step() -> None:
        for flush in (buffer.flush_changed_blocking, buffer.flush_changed_nowait):
            with suppress(ObjectFrozenError):
                flush()

    return step
