"""The Rust core of change-buffers. Import the names from `change_buffers` instead."""

from collections.abc import Iterable, Iterator, Mapping
from types import TracebackType
from typing import Any, Literal, SupportsFloat, SupportsIndex, final

from typing_extensions import Self, disjoint_base

__all__ = [
    "DictionaryChange",
    "DictionaryChangeBuffer",
    "DictionaryChangeMultiView",
    "ObjectFrozenError",
    "Subscription",
    "ViewContext",
]

class ObjectFrozenError(Exception):
    """Raised when a frozen buffer or multi-view is updated, or a drained one is flushed."""

@disjoint_base
class DictionaryChange:
    """A set of key updates and key removals.

    Args:
        updates: Mapping of `str` keys to new values of any type, or `None`.
        removals: Iterable of `str` keys that are removed, or `None`.

    Both are copied, one level deep: the change's own `updates` dict and `removals` set may be
    mutated in place and assigned to. Unpacks as `updates, removals = change`. Can be subclassed,
    pickled and copied; compares and hashes by identity.

    Raises:
        TypeError: `updates` is not a mapping, `removals` is not an iterable or is a single
            string, or a key is not a `str`.
    """

    def __init__(
        self,
        updates: Mapping[str, Any] | None = None,
        removals: Iterable[str] | None = None,
    ) -> None: ...

    updates: dict[str, Any]
    """The keys that changed, with their new values: a `dict`."""

    removals: set[str]
    """The keys that were removed: a `set`."""

    @classmethod
    def from_dict(cls, d: Mapping[str, Any]) -> Self:
        """Make a change from a dictionary with `"updates"` and `"removals"`, or less.

        Args:
            d: Mapping as `to_dict()` gives it. Either part may be missing or `None`; the removals
                may be any iterable of `str`.

        Raises:
            TypeError: `d` is not a mapping, or what it holds does not make a change.
        """

    def to_dict(self) -> dict[str, Any]:
        """Give the change as a plain dictionary: the `"updates"`, the `"removals"` as a list."""

    def update(self, other: DictionaryChange) -> None:
        """Take over another change: both parts become the union, as new objects; `other` wins.

        Args:
            other: The change to add.

        Raises:
            TypeError: `other` is not a change.
        """

    def __iter__(self) -> Iterator[Any]: ...
    def __getstate__(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """The extra attributes, and the parts, as the protocol of `copy` and `pickle` has it."""

@disjoint_base
class DictionaryChangeBuffer:
    """Gathers changes until they are flushed; of each key only the last change is kept.

    Made by itself it holds what its own `update()` is given. As a view, made by
    `DictionaryChangeMultiView.create_view()`, it also follows the shared dictionary.

    Any number of threads may call any method at any time.
    """

    def __init__(self) -> None: ...
    def update(
        self,
        updates: Mapping[str, Any] | None = None,
        removals: Iterable[str] | None = None,
    ) -> None:
        """Merge a change into what is pending, in one atomic step.

        For each key in `updates`, a pending removal of it is cancelled and its pending value
        replaced. For each key in `removals`, a pending value of it is dropped and a pending
        removal recorded, also when the key was never seen. A key in both ends up in both parts of
        the flushed change. On any error nothing has changed.

        Args:
            updates: Mapping of `str` keys to values of any type, or `None`. Values are kept by
                reference.
            removals: Iterable of `str` keys, or `None`.

        Raises:
            ObjectFrozenError: The buffer is frozen.
            TypeError: `updates` is not a mapping, `removals` is not an iterable or is a single
                string, or a key is not a `str`.
        """

    def flush_changed_blocking(self) -> DictionaryChange:
        """Wait until something is pending, then return it and forget it.

        Several threads may wait on one buffer: every pending change goes to exactly one of them.
        The GIL is released while waiting. On the main thread a signal handler that raises, as
        Ctrl-C does, ends the wait within 0.2 seconds; nothing is lost by that.

        Returns:
            The pending change; it belongs to the caller alone.

        Raises:
            ObjectFrozenError: The buffer is frozen, or is frozen meanwhile, and nothing is
                pending.
        """

    def freeze(self) -> None:
        """Take no more updates, and wake every thread that waits.

        What is pending can be flushed once more. A view is detached from its multi-view by this.
        Freezing twice is no error.
        """

    def subscribe_changes(self, interval: SupportsFloat | SupportsIndex = 0) -> Subscription:
        """Iterate over flushes, paced.

        The first change comes as soon as something is pending; after that at least `interval`
        seconds lie between one delivery and the next. The iterator ends when the buffer is frozen
        and drained: at once when nothing is pending, else after the last change, which comes when
        it is due.

        Args:
            interval: Seconds, 0 or more, on the monotonic clock.

        Raises:
            TypeError: `interval` is not a number.
            ValueError: `interval` is negative or NaN.
            OverflowError: `interval` is longer than 292 years.
        """

    @property
    def _pending_changes(self) -> dict[str, Any]:
        """A snapshot of the updates that a flush would give now. Private."""

    @property
    def _pending_removals(self) -> set[str]:
        """A snapshot of the removals that a flush would give now. Private."""

@disjoint_base
class DictionaryChangeMultiView:
    """A shared dictionary that any number of views follow, each at its own pace.

    An update costs the same whatever the number of views. Any number of threads may call any
    method at any time; the operations on one multi-view are linearizable.
    """

    def __init__(self) -> None: ...
    def update(
        self,
        updates: Mapping[str, Any] | None = None,
        removals: Iterable[str] | None = None,
    ) -> None:
        """Apply a change to the shared dictionary and to every view, in one atomic step.

        The updates come first, then the removals: a key in both ends removed. No view ever sees
        part of one call. On any error nothing has changed.

        Args:
            updates: Mapping of `str` keys to values of any type, or `None`. Values are kept by
                reference.
            removals: Iterable of `str` keys, or `None`.

        Raises:
            ObjectFrozenError: The multi-view is frozen.
            TypeError: `updates` is not a mapping, `removals` is not an iterable or is a single
                string, or a key is not a `str`.
        """

    def create_view(self) -> ViewContext:
        """Give a context manager that makes a view on entry and removes it on exit.

        The view's first flush is the content at the moment of entry, merged with what came since;
        nothing is pending if that is empty. It is removed however the body ends. One use per
        call. Making a view takes the same time whatever the size of the content.
        """

    def remove_view(self, view: DictionaryChangeBuffer) -> None:
        """Freeze a view and stop feeding it. What was pending can be flushed once more.

        A buffer that is no view of this multi-view, or no more, is just frozen.

        Args:
            view: The buffer to remove.

        Raises:
            TypeError: `view` is not a `DictionaryChangeBuffer`.
        """

    def subscribe_changes(self, interval: SupportsFloat | SupportsIndex = 0) -> Subscription:
        """Iterate over the changes of the shared dictionary, paced, beginning with its content.

        Like `DictionaryChangeBuffer.subscribe_changes()`, over a private view that is made when
        the first change is asked for and removed when the iterator is exhausted, closed or
        dropped.

        Args:
            interval: Seconds between two deliveries, 0 or more, on the monotonic clock.

        Raises:
            TypeError: `interval` is not a number.
            ValueError: `interval` is negative or NaN.
            OverflowError: `interval` is longer than 292 years.
        """

    def freeze(self) -> None:
        """Take no more updates, freeze every view and wake every thread that waits.

        A view made later gives the final content once. Freezing twice is no error.
        """

    def copy_content(self) -> dict[str, Any]:
        """Copy the shared dictionary.

        Returns:
            A new `dict`, shallow, in the order a plain one would have after the same operations.
        """

@final
class Subscription:
    """An iterator over the changes of a buffer or a multi-view, at a pace.

    Made by `subscribe_changes()`. `next()` waits for a change that is due; the iteration ends
    when the source is frozen and drained, or the subscription is closed. Works as a context
    manager that closes it. One thread at a time may be in `next()`, another gets a `ValueError`;
    any thread may call `close()`.
    """

    def __iter__(self) -> Self: ...
    def __next__(self) -> DictionaryChange: ...
    def close(self) -> None:
        """End the iteration and remove the private view, if there is one.

        A thread that waits in `next()` is woken and its iteration ends. Closing twice is no
        error.
        """

    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> Literal[False]:
        """Close the subscription."""

@final
class ViewContext:
    """Makes a view when it is entered and removes it when it is left. One use only."""

    def __enter__(self) -> DictionaryChangeBuffer:
        """Make the view.

        Raises:
            RuntimeError: The context has been entered before.
        """

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> Literal[False]:
        """Remove the view, whatever happened."""
