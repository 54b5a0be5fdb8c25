"""Random sequences of calls, made to the model and to the extension, must have the same results."""

from __future__ import annotations

from collections import OrderedDict
from contextlib import suppress
from types import MappingProxyType
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

import change_buffers
import encoded_stores
import reference
import reference_prefixes
from helpers import BoomError, PlainMapping, RaisingMapping, raising_iterator


class Name(str):
    """A key of a subclass that behaves as a string should."""

    __slots__ = ()


class Stranger(str):
    """A key of a subclass that is equal to itself alone."""

    __slots__ = ()

    def __eq__(self, other):
        return self is other

    def __ne__(self, other):
        return self is not other

    def __hash__(self):
        return hash(str(self)) ^ 1


class Value:
    """A value to be told from others, in a report as well."""

    count = 0

    def __init__(self):
        Value.count += 1
        self.number = Value.count

    def __repr__(self):
        return f"value {self.number}"


TEXTS = ["a", "b", "c", "d", "", "\0", "\ud800", "\U0001f600", "long" * 1000]
keys = st.sampled_from(TEXTS) | st.builds(
    lambda kind, text: kind(text), st.sampled_from([Name, Stranger]), st.sampled_from("ab")
)
mappings = st.sampled_from([dict, OrderedDict, MappingProxyType, PlainMapping])
iterables = st.sampled_from([list, tuple, set, frozenset, dict.fromkeys, iter])
prefixes = st.none() | st.lists(
    st.sampled_from(["", "a", "b", "lo", "\0", "\ud800", "\U0001f600", "no key"]), max_size=3
)
contents = st.lists(keys, max_size=5).map(lambda names: {name: Value() for name in names})

# Arguments come as functions that make them, for both sides must get an iterator of their own.
good_updates = st.none().map(lambda none: lambda: none) | st.builds(
    lambda kind, content: lambda: kind(content), mappings, contents
)
good_removals = st.none().map(lambda none: lambda: none) | st.builds(
    lambda kind, names: lambda: kind(names), iterables, st.lists(keys, max_size=4)
)
bad_updates = st.sampled_from(
    [
        lambda: 5,
        lambda: "abc",
        lambda: [("a", 1)],
        lambda: {1: 1},
        lambda: {"a": 1, None: 1},
        lambda: PlainMapping({"a": 1, b"b": 1}),
        lambda: RaisingMapping({"a": 1, "b": 1}),
    ]
)
bad_removals = st.sampled_from(
    [
        lambda: 5,
        lambda: "abc",
        lambda: b"abc",
        lambda: Name("a"),
        lambda: ["a", 1],
        lambda: ["a", []],
        lambda: (key for key in ("a", None)),
        lambda: raising_iterator("a", "b"),
    ]
)
arguments = st.tuples(good_updates, good_removals)
bad_arguments = st.tuples(bad_updates, good_removals) | st.tuples(good_updates, bad_removals)


def outcome(function: Any, *args: Any) -> Any:
    """Give what a call returned, or the name of the error's type."""
    try:
        return function(*args)
    except Exception as error:
        return type(error).__name__


def same(left: Any, right: Any) -> bool:
    """Whether two dicts are equal, their values by identity."""
    return left.keys() == right.keys() and all(left[key] is right[key] for key in left)


def assert_same_pending(model: Any, ours: Any) -> None:
    assert same(ours._pending_changes, model._pending_changes)
    assert ours._pending_removals == model._pending_removals
    assert all(type(key) is str for key in (*ours._pending_changes, *ours._pending_removals))


def assert_same_change(model: Any, ours: Any) -> None:
    if isinstance(model, str):  # the name of an error
        assert ours == model
        return
    assert type(ours) is change_buffers.DictionaryChange
    assert same(ours.updates, model.updates)
    assert ours.removals == model.removals
    if hasattr(model, "version"):
        assert (ours.version, ours.is_complete) == (model.version, model.is_complete)
    assert {type(key) for key in (*ours.updates, *ours.removals)} <= {str}
    if len(ours.updates) == 3:  # now and then; its store keeps bytes from here on
        with suppress(ValueError):  # a key may have a lone surrogate
            encoded_stores.encode(ours)
    vandalise(ours)


def vandalise(change: Any) -> None:
    """Do what the owner of a change may do; nobody else must be affected."""
    change.updates.clear()
    change.updates["a"] = change.removals
    change.removals.add("b")


def can_flush(model: Any) -> bool:
    """Whether a flush would not wait."""
    if hasattr(model, "_is_pending"):
        return model._frozen or model._is_pending()
    return bool(model._frozen or model._pending_changes or model._pending_removals)


class BufferMachine(RuleBasedStateMachine):
    """One buffer; it is the first of `buffers`, to which the other machine adds views."""

    model: Any = reference_prefixes
    """What ours is compared with: a module, or whatever else has the same names."""

    def __init__(self):
        super().__init__()
        self.buffers = [
            (self.model.DictionaryChangeBuffer(), change_buffers.DictionaryChangeBuffer())
        ]

    def update_both(self, pair, make_updates, make_removals):
        model, ours = pair
        expected = outcome(reference.strict_update, model, make_updates(), make_removals())
        assert outcome(ours.update, make_updates(), make_removals()) == expected

    def pick(self, number):
        return self.buffers[number % len(self.buffers)]

    numbers = st.integers(0, 50)

    @rule(number=numbers, arguments=arguments)
    def update_buffer(self, number, arguments):
        self.update_both(self.pick(number), *arguments)

    @rule(number=numbers, arguments=bad_arguments)
    def update_buffer_badly(self, number, arguments):
        self.update_both(self.pick(number), *arguments)

    @rule(number=numbers)
    def flush(self, number):
        model, ours = self.pick(number)
        if can_flush(model):
            expected = outcome(model.flush_changed_blocking)
            assert_same_change(expected, outcome(ours.flush_changed_blocking))

    @rule(number=numbers, in_time=st.booleans())
    def flush_at_once(self, number, in_time):
        model, ours = self.pick(number)
        if can_flush(model):
            expected = outcome(model.flush_changed_blocking)
        else:
            expected = "TimeoutError" if in_time else None
        flushed = (
            outcome(ours.flush_changed_blocking, 0)
            if in_time
            else outcome(ours.flush_changed_nowait)
        )
        if expected is None:
            assert flushed is None
        else:
            assert_same_change(expected, flushed)

    @rule()
    def flush_all(self):
        for number in range(len(self.buffers)):
            self.flush(number)

    @rule(number=numbers)
    def iterate(self, number):
        # A subscription without an interval does what flushes would do.
        model, ours = self.pick(number)
        if can_flush(model):
            expected = outcome(next, model.subscribe_changes())
            with ours.subscribe_changes() as subscription:
                assert_same_change(expected, outcome(next, subscription))

    # Looking is a rule and no invariant, since looking may well prepare something for later.
    @rule(number=numbers)
    def look(self, number):
        assert_same_pending(*self.pick(number))

    @rule(number=numbers, now=st.integers(0, 3))
    def freeze_buffer(self, number, now):
        if now == 0:  # not as often as everything else, which it would put an end to
            model, ours = self.pick(number)
            model.freeze()
            ours.freeze()

    def teardown(self):
        for model, ours in self.buffers:
            assert_same_pending(model, ours)
            if can_flush(model):
                expected = outcome(model.flush_changed_blocking)
                assert_same_change(expected, outcome(ours.flush_changed_blocking))
            assert_same_pending(model, ours)
            model.freeze()
            ours.freeze()
            assert outcome(ours.flush_changed_blocking) == "ObjectFrozenError"


class MultiViewMachine(BufferMachine):
    """Several multi-views, of which at most one is not frozen, their views and subscriptions."""

    def __init__(self):
        super().__init__()
        self.multi_views = []
        self.contexts = []
        self.subscriptions = []
        self.make_multi_view()

    def make_multi_view(self):
        self.multi_views.append(
            (self.model.DictionaryChangeMultiView(), change_buffers.DictionaryChangeMultiView())
        )

    def pick_multi_view(self, number):
        # The latest is the one that is likely to be alive.
        return self.multi_views[-1 if number % 4 else number // 4 % len(self.multi_views)]

    numbers = BufferMachine.numbers

    @rule(number=numbers, arguments=arguments)
    def update(self, number, arguments):
        self.update_both(self.pick_multi_view(number), *arguments)

    @rule(number=numbers, arguments=arguments)
    def update_again(self, number, arguments):
        self.update_both(self.pick_multi_view(number), *arguments)

    @rule(number=numbers, arguments=bad_arguments)
    def update_badly(self, number, arguments):
        self.update_both(self.pick_multi_view(number), *arguments)

    @rule(number=numbers)
    def copy_content(self, number):
        model, ours = self.pick_multi_view(number)
        expected, content = model.copy_content(), ours.copy_content()
        assert list(content) == list(expected)
        assert same(content, expected)
        assert all(type(key) is str for key in content)
        content.clear()

    @rule(number=numbers, prefixes=prefixes)
    def make_view(self, number, prefixes):
        model, ours = self.pick_multi_view(number)
        model, ours = self.model.create_view(model, prefixes), ours.create_view(prefixes)
        self.contexts.append((model, ours))
        self.buffers.append((model.__enter__(), ours.__enter__()))

    @precondition(lambda self: self.contexts)
    @rule(number=numbers, raises=st.booleans())
    def leave_view(self, number, raises):
        model, ours = self.contexts.pop(number % len(self.contexts))
        error = BoomError() if raises else None
        arguments = (type(error), error, None) if raises else (None, None, None)
        with suppress(BoomError):
            model.__exit__(*arguments)
        assert not ours.__exit__(*arguments)

    @rule(number=numbers, other=numbers)
    def remove_view(self, number, other):
        # Any buffer will do: a view of another multi-view, one that is removed already, no view.
        model, ours = self.pick_multi_view(number)
        model_view, our_view = self.pick(other)
        model.remove_view(model_view)
        ours.remove_view(our_view)

    @rule(number=numbers)
    def drop_view(self, number):
        # The model feeds it for ever, which makes no difference to anything else.
        if len(self.buffers) > 1:
            del self.buffers[1 + number % (len(self.buffers) - 1)]

    @rule(number=numbers, prefixes=prefixes)
    def subscribe(self, number, prefixes):
        model, ours = self.pick_multi_view(number)
        ours = ours.subscribe_changes(prefixes=prefixes)
        self.subscriptions.append([model, prefixes, None, ours])

    @precondition(lambda self: self.subscriptions)
    @rule(number=numbers)
    def receive(self, number):
        # The model of a subscription is a view that is made when it is needed first.
        subscription = self.subscriptions[number % len(self.subscriptions)]
        multi_view, prefixes, view, ours = subscription
        if view is None:
            view = self.model.add_view(multi_view, prefixes)
            if not can_flush(view):  # its first `next()` would have to wait
                multi_view.remove_view(view)
                return
            subscription[2] = view
        if can_flush(view):
            expected = outcome(view.flush_changed_blocking)
            expected = "StopIteration" if expected == "ObjectFrozenError" else expected
            assert_same_change(expected, outcome(next, ours))

    @precondition(lambda self: self.subscriptions)
    @rule(number=numbers, close=st.booleans())
    def end_subscription(self, number, close):
        *_, ours = self.subscriptions.pop(number % len(self.subscriptions))
        if close:
            ours.close()
            assert outcome(next, ours) == "StopIteration"

    @rule(now=st.integers(0, 5))
    def freeze(self, now):
        if now == 0:
            model, ours = self.multi_views[-1]
            model.freeze()
            ours.freeze()

    @precondition(lambda self: self.multi_views[-1][0]._frozen)
    @rule()
    def start_another(self):
        self.make_multi_view()

    def teardown(self):
        for number in range(len(self.multi_views)):
            self.copy_content(4 * number)
        super().teardown()


TestBuffer = BufferMachine.TestCase
TestBuffer.settings = settings(max_examples=100, stateful_step_count=30)

TestMultiView = MultiViewMachine.TestCase
TestMultiView.settings = settings(max_examples=250, stateful_step_count=60)
