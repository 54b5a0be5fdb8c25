"""The model in `reference.py` and NanoVer's own module, as one: whatever they do must be the same.

It has the names of the model. What NanoVer does otherwise, and change-buffers does so on purpose,
is left out: a view is removed however its `with` body ends, and arguments come as what every update
takes, since `reference.strict_update` has read them. Views with prefixes are the model's alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

import reference
import reference_prefixes
from own import OWN
from test_state_machine import same


def both(model: Callable[..., Any], own: Callable[..., Any], *arguments: Any) -> Any:
    """Call both, which must give the same change or raise the same error; give the model's."""
    try:
        expected = model(*arguments)
    except reference.ObjectFrozenError:
        with pytest.raises(OWN.ObjectFrozenError):
            own(*arguments)
        raise
    assert_same(expected, own(*arguments))
    return expected


def assert_same(model: Any, own: Any) -> None:
    if isinstance(model, reference.DictionaryChange):
        assert type(own) is OWN.DictionaryChange
        assert_same(model.updates, own.updates)
        assert_same(model.removals, own.removals)
    elif isinstance(model, dict):
        assert type(own) is dict
        assert same(model, own)
    else:
        assert type(own) is type(model)
        assert own == model


class Pair:
    """What the buffers and the multi-views have in common."""

    def __init__(self, model: Any, own: Any) -> None:
        self.model = model
        self.own = own

    @property
    def _frozen(self) -> bool:
        return bool(self._in_both("_frozen"))

    def update(self, updates: Any, removals: Any) -> None:
        both(self.model.update, self.own.update, updates, removals)

    def freeze(self) -> None:
        both(self.model.freeze, self.own.freeze)

    def _in_both(self, name: str) -> Any:
        value = getattr(self.model, name)
        assert_same(value, getattr(self.own, name))
        return value


class DictionaryChangeBuffer(Pair):
    context: Any = None
    """What has made it, if it is a view; NanoVer's must not end with its last reference."""

    def __init__(self, model: Any = None, own: Any = None) -> None:
        super().__init__(
            model or reference.DictionaryChangeBuffer(), own or OWN.DictionaryChangeBuffer()
        )

    @property
    def _pending_changes(self) -> dict[str, Any]:
        content: dict[str, Any] = self._in_both("_pending_changes")
        return content

    @property
    def _pending_removals(self) -> set[str]:
        keys: set[str] = self._in_both("_pending_removals")
        return keys

    def flush_changed_blocking(self) -> Any:
        return both(self.model.flush_changed_blocking, self.own.flush_changed_blocking)

    def subscribe_changes(self) -> Iterator[Any]:
        changes = zip(self.model.subscribe_changes(), self.own.subscribe_changes(), strict=True)
        for model, own in changes:
            assert_same(model, own)
            yield model


class DictionaryChangeMultiView(Pair):
    def __init__(self) -> None:
        super().__init__(reference.DictionaryChangeMultiView(), OWN.DictionaryChangeMultiView())

    def copy_content(self) -> dict[str, Any]:
        content: dict[str, Any] = both(self.model.copy_content, self.own.copy_content)
        assert list(content) == list(self.own.copy_content())
        return content

    def remove_view(self, view: Any) -> None:
        if isinstance(view, Pair):
            self.model.remove_view(view.model)
            self.own.remove_view(view.own)
        else:
            self.model.remove_view(view)


def add_view(multi_view: DictionaryChangeMultiView, prefixes: Iterable[str] | None) -> Any:
    model = reference_prefixes.add_view(multi_view.model, prefixes)
    if prefixes is not None:
        return model
    context = multi_view.own.create_view()
    view = DictionaryChangeBuffer(model, context.__enter__())
    view.context = context
    return view


@contextmanager
def create_view(
    multi_view: DictionaryChangeMultiView, prefixes: Iterable[str] | None
) -> Iterator[Any]:
    view = add_view(multi_view, prefixes)
    try:
        yield view
    finally:
        multi_view.remove_view(view)
