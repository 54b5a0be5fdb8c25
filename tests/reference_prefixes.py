"""What the model in `reference.py` lacks: views of the keys that start with certain prefixes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from reference import (
    DictionaryChangeBuffer,
    DictionaryChangeMultiView,
    KeyRemovals,
    KeyUpdates,
)


class PrefixBuffer(DictionaryChangeBuffer):
    """Merges what concerns its keys and ignores the rest."""

    def __init__(self, prefixes: Iterable[str]) -> None:
        super().__init__()
        self._prefixes = tuple(prefixes)

    def update(
        self, updates: KeyUpdates | None = None, removals: KeyRemovals | None = None
    ) -> None:
        """Merge the part of a change that names keys with one of the prefixes."""
        updates = {} if updates is None else updates
        super().update(
            {key: updates[key] for key in updates if key.startswith(self._prefixes)},
            [key for key in removals or () if key.startswith(self._prefixes)],
        )


def add_view(
    multi_view: DictionaryChangeMultiView, prefixes: Iterable[str] | None
) -> DictionaryChangeBuffer:
    """Add a view of some keys to a model, or of all."""
    if prefixes is None:
        return multi_view._add_view()
    with multi_view._lock:
        view = PrefixBuffer(prefixes)
        view.update(multi_view._content)
        if multi_view._frozen:
            view.freeze()
        multi_view._views.append(view)
        return view


@contextmanager
def create_view(
    multi_view: DictionaryChangeMultiView, prefixes: Iterable[str] | None
) -> Iterator[DictionaryChangeBuffer]:
    """Give a view of some keys, or of all; remove it on leaving."""
    view = add_view(multi_view, prefixes)
    try:
        yield view
    finally:
        multi_view.remove_view(view)
