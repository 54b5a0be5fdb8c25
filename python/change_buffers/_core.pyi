"""The Rust core of change-buffers. Import the names from `change_buffers` instead."""

from asyncio import AbstractEventLoop
from collections.abc import Callable, Coroutine, Generator, Iterable, Iterator, Mapping
from types import TracebackType
from typing import Any, Literal, NoReturn, SupportsFloat, SupportsIndex, final

from typing_extensions import Self, disjoint_base

__all__ = [
    "Codec",
    "ConflictError",
    "DictionaryChange",
    "DictionaryChangeBuffer",
    "DictionaryChangeMultiView",
    "KeyOwnedError",
    "NextChange",
    "ObjectFrozenError",
    "PackedValue",
    "Publisher",
    "SharedStore",
    "Stats",
    "Subscription",
    "Ticks",
    "ViewContext",
    "__version__",
    "unpack_around",
]

__version__: str

class ObjectFrozenError(Exception):
    """Raised when a frozen buffer or multi-view is updated, or a drained one is flushed."""

class KeyOwnedError(Exception):
    """Raised when an update names keys of an exclusive publisher that is another one.

    Nothing has changed. `keys` is the `tuple` of these keys.
    """

    keys: tuple[str, ...]

class ConflictError(Exception):
    """Raised by an update with `unchanged_since` if keys that it names have changed after it.

    Nothing has changed. `keys` is the `tuple` of these keys. A key whose removal may have been
    forgotten is one of them.
    """

    keys: tuple[str, ...]

@disjoint_base
class Codec:
    """Turns changes into bytes: one format, and one function for the values.

    Made through its subclasses in `change_buffers.codecs`. Any number of threads may use one
    codec, for any number of multi-views. Each codec keeps its own bytes with the values it has
    encoded, until these are replaced: make one and share it.
    """

    def __new__(
        cls, wire_format: Literal["msgpack", "json"], encode_value: Callable[[Any], Any]
    ) -> Self: ...

@final
class PackedValue:
    """A value in MessagePack, which is decoded when somebody looks at it.

    Pass one to `update()`, and whoever looks is given what it stands for, as if that had been
    passed: `get()`, flushes, every view. A change that is encoded in MessagePack has these very
    bytes, whatever the codec's function. So a server that only passes values on never makes
    objects of them.

    Any number of threads may use one. Cannot be subclassed.

    Args:
        data: The value as MessagePack: one that every client can be sent. Extensions, and maps with
            keys that are no text or come twice, are not taken, nor more than 64 lists and maps in
            each other.

    Raises:
        TypeError: `data` is not `bytes`.
        ValueError: It is not such a value.
    """

    def __new__(cls, data: bytes) -> Self: ...
    @property
    def value(self) -> Any:
        """What it stands for. It is decoded once: this is the same object each time."""

    @property
    def entries(self) -> int:
        """How many entries all its lists and maps have."""

    @property
    def depth(self) -> int:
        """How many lists and maps are in each other; 0 if it is neither."""

    def __len__(self) -> int: ...
    def __bytes__(self) -> bytes: ...
    def __reduce__(self) -> tuple[type[Self], tuple[bytes]]: ...

def unpack_around(data: bytes, *path: str) -> Any:
    """Decode MessagePack, but leave the values of one map as they came.

    Args:
        data: The message.
        path: Keys of maps, from the outermost to the one whose values become `PackedValue`s. What
            is elsewhere, or not there, is decoded.

    Raises:
        TypeError: `data` is not `bytes`, or a key is not a `str`.
        ValueError: It is malformed, something in it is what a `PackedValue` does not take, or
            `path` is longer than 64.
    """

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

    version: int | None
    """Up to which version of the multi-view it reaches, for `create_view(since=...)`.

    `None` if it was not flushed from a view of a multi-view. It stays, whatever becomes of the
    parts, until it is assigned.
    """

    is_complete: bool
    """Whether, applied to nothing, it gives the content that the view was about.

    The first flush of a view does, unless the view went on from an old version. Whoever gets a
    complete change replaces what they have. It stays, whatever becomes of the parts, until it is
    assigned.
    """

    @classmethod
    def from_dict(cls, dict_: Mapping[str, Any]) -> Self:
        """Make a change from a dictionary with `"updates"` and `"removals"`, or less.

        Args:
            dict_: Mapping as `to_dict()` gives it. Either part may be missing or `None`; the
                removals may be any iterable of `str`.

        Raises:
            TypeError: `dict_` is not a mapping, or what it holds does not make a change.
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

    def encode(self, codec: Codec, envelope: str | None = None) -> bytes:
        """Encode the change as one message: `{"updates": {...}, "removals": [...]}`.

        If it was flushed from a view of a multi-view, each shared value is encoded once by a codec,
        however many views send it: until its key is changed again, and for as long as there is
        such a change. That begins with the first change of the multi-view that is encoded;
        what is there by then is shared as well, but for values that have been replaced. What has
        been replaced in `updates` and `removals` is encoded as it is now, for this change alone. Of
        values that were changed in place after they had been published, the bytes may be the old
        ones. The change keeps what it was flushed with for as long as it lives.

        No lock is held while the codec's function runs. If it raises, nothing has changed. Two
        threads that meet at one value may both encode it, rather than wait for each other.

        Args:
            codec: One of `change_buffers.codecs`.
            envelope: The message becomes the only entry of a map, under this key: NanoVer's own
                messages have `"state"`. `None` stands for no such map.

        Returns:
            The message, as `bytes`.

        Raises:
            TypeError: `codec` is not a codec, `envelope` is not a `str`, or a part of the change
                has been replaced by something that no change can have.
            ValueError: A value cannot be encoded: the message names its key, the cause is the
                error of the codec's function. Or a key or the envelope has a lone surrogate.
            AttributeError: A part of the change has been deleted.
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

    def flush_changed_blocking(
        self, timeout: SupportsFloat | SupportsIndex | None = None
    ) -> DictionaryChange:
        """Wait until something is pending, then return it and forget it.

        Several threads may wait on one buffer: every pending change goes to exactly one of them.
        The GIL is released while waiting. On the main thread a signal handler that raises, as
        Ctrl-C does, ends the wait within 0.2 seconds; nothing is lost by that.

        Args:
            timeout: Seconds to wait at most, or `None` to wait as long as it takes. Without a
                positive number it does not wait.

        Returns:
            The pending change; it belongs to the caller alone.

        Raises:
            ObjectFrozenError: The buffer is frozen, or is frozen meanwhile, and nothing is
                pending.
            TimeoutError: The time is over; nothing is lost by that.
            TypeError: `timeout` is not a number.
            OverflowError: `timeout` is longer than 292 years.
        """

    def flush_changed_nowait(self) -> DictionaryChange | None:
        """Return what is pending and forget it, or return `None` when nothing is.

        Raises:
            ObjectFrozenError: The buffer is frozen and nothing is pending.
        """

    def flush_changed(self) -> Coroutine[Any, Any, DictionaryChange]:
        """Wait in an asyncio task until something is pending, then return it and forget it.

        A coroutine: it can be called anywhere, and waits in the event loop where it is awaited.
        Any number of tasks may wait on one buffer, in any number of event loops: every pending
        change goes to exactly one of them. Cancelling it loses nothing: what is pending stays
        pending.

        Returns:
            The pending change, when awaited; it belongs to the caller alone.

        Raises:
            ObjectFrozenError: The buffer is frozen, or is frozen meanwhile, and nothing is
                pending.
            RuntimeError: It has to wait, and there is no event loop.
        """

    def freeze(self) -> None:
        """Take no more updates, and wake every thread that waits.

        What is pending can be flushed once more. A view is detached from its multi-view by this.
        Freezing twice is not an error.
        """

    def clone(self) -> DictionaryChangeBuffer:
        """Make another buffer or view with the same pending.

        What is pending here is pending there, too, and from now on each is for itself. The clone
        of a view is fed as the view is, about the same keys; it is removed when it is dropped,
        frozen or passed to `remove_view()`. The clone of a frozen buffer is frozen. Takes time in
        proportion to what the view holds for itself alone, such as its own updates.
        """

    def subscribe_changes(self, interval: SupportsFloat | SupportsIndex = 0) -> Subscription:
        """Iterate over flushes, paced.

        The first change comes as soon as something is pending; after that at least `interval`
        seconds lie between one delivery and the next. The iterator ends when the buffer is frozen
        and drained: at once when nothing is pending, else after the last change, which comes when
        it is due.

        Args:
            interval: Seconds, 0 or more, on the monotonic clock; in a task, on its event loop's.

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

    Args:
        history: How many removed keys are remembered, the last ones, for views that go on from an
            old version: `create_view(since=...)`. 0 or more.

    Raises:
        TypeError: `history` is not an integer.
        ValueError: `history` is negative.
    """

    def __init__(self, *, history: SupportsIndex = 0) -> None: ...
    def update(
        self,
        updates: Mapping[str, Any] | None = None,
        removals: Iterable[str] | None = None,
        *,
        unchanged_since: SupportsIndex | None = None,
    ) -> None:
        """Apply a change to the shared dictionary and to every view, in one atomic step.

        The updates come first, then the removals: a key in both ends removed. No view ever sees
        part of one call. On any error nothing has changed.

        Args:
            updates: Mapping of `str` keys to values of any type, or `None`. Values are kept by
                reference.
            removals: Iterable of `str` keys, or `None`.
            unchanged_since: A version of the multi-view, or `None`. The update is refused if a key
                that it names has changed after that.

        Raises:
            ObjectFrozenError: The multi-view is frozen.
            KeyOwnedError: A key belongs to an exclusive publisher.
            ConflictError: A key has changed after `unchanged_since`, or that is not known.
            TypeError: `updates` is not a mapping, `removals` is not an iterable or is a single
                string, a key is not a `str`, or `unchanged_since` is not an integer.
            ValueError: There has been no version `unchanged_since`.
        """

    def replay(
        self,
        updates: Mapping[str, Any] | None = None,
        removals: Iterable[str] | None = None,
        *,
        version: SupportsIndex,
        publishers: Mapping[Publisher, Iterable[str]] | None = None,
    ) -> None:
        """Apply a change that was made elsewhere: how a replica follows another store.

        It is one atomic step, as an update is, but it has its version from there, and no exclusive
        publisher refuses it. Without a key it only sets the version. If versions have been
        left out, no view can go on from an earlier one: it begins anew, with a complete change.

        Args:
            updates: Mapping of `str` keys to values of any type, or `None`. Values are kept by
                reference.
            removals: Iterable of `str` keys, or `None`.
            version: The version that the multi-view has afterwards, later than the present one.
            publishers: Mapping of publishers of this multi-view to iterables of `str`: the keys
                that were changed through them, for views `without` them. `None` stands for no such
                key.

        Raises:
            ObjectFrozenError: The multi-view is frozen.
            TypeError: `updates` is not a mapping, `removals` is not an iterable or is a single
                string, a key is not a `str`, `version` is not an integer, or `publishers` is not
                such a mapping.
            ValueError: `version` is not later than that of the multi-view, or a publisher belongs
                to another one.
        """

    def get(self, key: str, default: Any = None) -> Any:
        """Look one key up.

        Takes the same time whatever the size of the content.

        Args:
            key: The `str` to look up.
            default: What to return if the content has no such key.

        Returns:
            The value of the key: the object that was passed to `update()`.

        Raises:
            TypeError: `key` is not a `str`.
        """

    def __contains__(self, key: str, /) -> bool: ...
    @property
    def version(self) -> int:
        """The number of updates so far, of this multi-view and through its publishers.

        An update without a key does not count, nor does one of a single view. A publisher that
        leaves keys behind counts.
        """

    def create_publisher(self, *, exclusive: bool = False) -> Publisher:
        """Make a publisher: what its owner sets through it goes when it is closed.

        Args:
            exclusive: As long as it is open, nobody else can change its keys: an update that names
                one of them raises a `KeyOwnedError`.

        Returns:
            A `Publisher`, which is a context manager that closes itself.

        Raises:
            TypeError: `exclusive` is not a `bool`.
        """

    def create_view(
        self,
        prefixes: str | Iterable[str] | None = None,
        *,
        snapshot: bool = False,
        since: SupportsIndex | None = None,
        without: Publisher | None = None,
    ) -> ViewContext:
        """Give a context manager that makes a view on entry and removes it on exit.

        The view's first flush is the content at the moment of entry, merged with what came since;
        nothing is pending if that is empty. It is removed however the body ends. One use per
        call. Making a view takes the same time whatever the size of the content.

        Args:
            prefixes: One `str` or several. The view is about the keys that start with one of
                them: its flushes leave out other keys, and these wake nobody who waits for one.
                `None` stands for all keys.
            snapshot: The first flush comes at once, also if there is no content.
            since: A version up to which everything is known, or `None`. The view gives what has
                changed after it, removals included. If these are not known any more, the first
                flush comes at once and is complete instead: see `DictionaryChange.is_complete`.
            without: A publisher, or `None`. The view is not told of keys that were changed last
                through it: such changes are in none of its flushes and wake nobody.

        Raises:
            TypeError: `prefixes` is neither a `str` nor an iterable of `str`, `snapshot` is not a
                `bool`, `since` is not an integer, or `without` is not a `Publisher`.
            ValueError: There has been no version `since`, it was passed together with `snapshot`,
                or `without` is closed or belongs to another multi-view.
        """

    def remove_view(self, view: DictionaryChangeBuffer) -> None:
        """Freeze a view and stop feeding it. What was pending can be flushed once more.

        A buffer that is not a view of this multi-view, or not any more, is only frozen.

        Args:
            view: The buffer to remove.

        Raises:
            TypeError: `view` is not a `DictionaryChangeBuffer`.
        """

    def subscribe_changes(
        self,
        interval: SupportsFloat | SupportsIndex = 0,
        prefixes: str | Iterable[str] | None = None,
        *,
        snapshot: bool = False,
        since: SupportsIndex | None = None,
        without: Publisher | None = None,
    ) -> Subscription:
        """Iterate over the changes of the shared dictionary, paced, beginning with its content.

        Like `DictionaryChangeBuffer.subscribe_changes()`, over a private view that is made when
        the first change is asked for and removed when the iterator is exhausted, closed or
        dropped.

        Args:
            interval: Seconds between two deliveries, 0 or more, on the monotonic clock; in a
                task, on its event loop's.
            prefixes: One `str` or several, as for `create_view()`.
            snapshot: As for `create_view()`.
            since: As for `create_view()`.
            without: As for `create_view()`.

        Raises:
            TypeError: `interval` is not a number, or another argument is as for `create_view()`.
            ValueError: `interval` is negative or NaN, or another argument is as for
                `create_view()`.
            OverflowError: `interval` is longer than 292 years.
        """

    def freeze(self) -> None:
        """Take no more updates, freeze every view and wake every thread that waits.

        A view made later gives the final content once. Freezing twice is not an error.
        """

    def copy_content(self) -> dict[str, Any]:
        """Copy the shared dictionary.

        Returns:
            A new `dict`, shallow, in the order a plain one would have after the same operations.
        """

    def stats(self) -> Stats:
        """Count keys, views, waiters and more, for operations.

        Takes time in proportion to the number of views and to the history, whatever they hold: it
        can be polled.
        """

@disjoint_base
class Publisher:
    """Updates a multi-view on behalf of one owner, whose keys go with it.

    Made by `DictionaryChangeMultiView.create_publisher()`. It works as a context manager that
    closes it. Any number of threads may call any method at any time. Can be subclassed.

    Args:
        multi_view: What it updates.
        exclusive: As long as it is open, nobody else can change its keys.

    Raises:
        TypeError: `multi_view` is not a `DictionaryChangeMultiView`, or `exclusive` is not a
            `bool`.
    """

    def __new__(cls, multi_view: DictionaryChangeMultiView, *, exclusive: bool = False) -> Self: ...
    def update(
        self,
        updates: Mapping[str, Any] | None = None,
        removals: Iterable[str] | None = None,
        *,
        unchanged_since: SupportsIndex | None = None,
    ) -> None:
        """Apply a change to the shared dictionary and to every view, as the publisher's own.

        What it sets is the publisher's own until another changes it: a key goes with the publisher
        if its last change was made here. Otherwise as `DictionaryChangeMultiView.update()`.

        Args:
            updates: Mapping of `str` keys to values of any type, or `None`. Values are kept by
                reference.
            removals: Iterable of `str` keys, or `None`.
            unchanged_since: A version of the multi-view, or `None`. The update is refused if a key
                that it names has changed after that.

        Raises:
            ObjectFrozenError: The multi-view is frozen.
            KeyOwnedError: A key belongs to another publisher, which is exclusive.
            ConflictError: A key has changed after `unchanged_since`, or that is not known.
            TypeError: `updates` is not a mapping, `removals` is not an iterable or is a single
                string, a key is not a `str`, or `unchanged_since` is not an integer.
            ValueError: The publisher is closed, or there has been no version `unchanged_since`.
        """

    def close(self) -> None:
        """Take no more updates, and remove the keys that are the publisher's own.

        These are the keys whose last change was made through it; they go in one atomic step. In a
        frozen multi-view nothing changes any more, so they stay. Closing twice is not an error. A
        publisher that is dropped is closed too.
        """

    @property
    def closed(self) -> bool:
        """Whether it was closed."""

    @property
    def owned_keys(self) -> int:
        """How many keys are its own now: those that would go with it."""

    @property
    def exclusive(self) -> bool:
        """Whether nobody else can change its keys."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> Literal[False]:
        """Close the publisher, whatever happened."""

@final
class Subscription:
    """An iterator over the changes of a buffer or a multi-view, at a pace.

    Made by `subscribe_changes()`. It serves `for` and `async for`, one of them: the next change
    is waited for until there is one and it is due, and the iteration ends when the source is
    frozen and drained, or the subscription is closed. It works as a context manager, with `with`
    and with `async with`, that closes it.

    One thread or task at a time may wait for the next change, another gets a `ValueError`; any
    thread may call `close()` or set `interval`.
    """

    def __iter__(self) -> Self: ...
    def __next__(self) -> DictionaryChange: ...
    def __aiter__(self) -> Self: ...
    def __anext__(self) -> NextChange: ...
    @property
    def interval(self) -> float:
        """Seconds that lie at least between two deliveries. Setting it takes effect at once."""

    @interval.setter
    def interval(self, value: SupportsFloat | SupportsIndex) -> None: ...
    def close(self) -> None:
        """End the iteration and remove the private view, if there is one.

        A thread or task that waits for the next change is woken and its iteration ends. Closing
        twice is not an error.
        """

    def aclose(self) -> Coroutine[Any, Any, None]:
        """Do what `close()` does. To be awaited."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> Literal[False]:
        """Close the subscription."""

    def __aenter__(self) -> Coroutine[Any, Any, Self]:
        """Give the subscription. To be awaited."""

    def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> Coroutine[Any, Any, None]:
        """Close the subscription. To be awaited."""

@final
class Stats:
    """How a multi-view was at one moment. Made by `DictionaryChangeMultiView.stats()`.

    Does not change, can be compared, pickled and copied.
    """

    @property
    def keys(self) -> int:
        """Keys of the content."""

    @property
    def tombstones(self) -> int:
        """Removed keys that are kept for views that have not seen their removal."""

    @property
    def history(self) -> int:
        """Removed keys that all views know of, kept for those that come with an old version."""

    @property
    def horizon(self) -> int:
        """The oldest version that a view can go on from: see `create_view(since=...)`."""

    @property
    def publishers(self) -> int:
        """Publishers that are open."""

    @property
    def owned_keys(self) -> int:
        """Keys that go with their publisher."""

    @property
    def views(self) -> int:
        """Views that follow the shared dictionary, frozen or not."""

    @property
    def waiting_threads(self) -> int:
        """Threads that wait for a change, or for the next one to be due."""

    @property
    def waiting_tasks(self) -> int:
        """Asyncio tasks that wait for a change, or for the next one to be due."""

    @property
    def version(self) -> int:
        """The number of updates so far, of the multi-view and through its publishers."""

    @property
    def lag_versions(self) -> int:
        """How many versions the slowest view is behind."""

    @property
    def lag_keys(self) -> int:
        """How many keys the next flush of any view names at most.

        A key that changed twice counts twice, up to all keys there are.
        """

    @property
    def updates(self) -> int:
        """Updates so far that named a key.

        Those of single views are counted too, if the key is one that the view is about.
        """

    @property
    def flushes(self) -> int:
        """Flushes so far that gave a change, those of subscriptions included."""

    def as_dict(self) -> dict[str, int]:
        """Give all counts as a new `dict`, by name, in the order of the documentation."""

    def __reduce__(self) -> tuple[Any, ...]:
        """How `copy` and `pickle` make another."""

    def __eq__(self, other: object, /) -> bool: ...

@final
class NextChange:
    """A coroutine that gives the next change of a subscription or a buffer."""

    def __await__(self) -> Generator[Any, None, DictionaryChange]: ...
    def __iter__(self) -> Generator[Any, None, DictionaryChange]: ...
    def __next__(self) -> Any: ...
    def send(self, value: Any, /) -> Any:
        """Run until there is something to wait for, and give that."""

    def throw(
        self,
        kind: type[BaseException] | BaseException,
        value: object = None,
        traceback: TracebackType | None = None,
        /,
    ) -> NoReturn:
        """End the wait with this exception, as a task does that is cancelled."""

    def close(self) -> None:
        """Give up. What is pending stays pending."""

@final
class SharedStore:
    """A store as a Python object.

    A multi-view and its views all refer to one of these, and this one alone shows the content to
    the garbage collector: every reference must be shown exactly once. What a view holds for
    itself is shown by that view. Never seen by users.
    """

    def open_hub(self, ring: Callable[[Callable[[], None]], bool]) -> int:
        """Tasks of an event loop are going to wait here.

        `ring` is called, in any thread, when they are to be told of something. It has the loop
        call its argument, and says whether the loop will.
        """

    def close_hub(self, hub: int) -> None:
        """The event loop is closed."""

@final
class Ticks:
    """The timers of one event loop. Never seen by users."""

    def __new__(cls, asyncio_loop: AbstractEventLoop) -> Self: ...

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
