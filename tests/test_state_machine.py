"""Random sequences of calls, made to the model and to the extension, must have the same results."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

import change_buffers
import reference
import reference_rooms
from helpers import BoomError
from random_arguments import Value, arguments, bad_arguments, keys, prefixes


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
    assert ours.version == getattr(model, "version", None)
    assert ours.is_complete == getattr(model, "is_complete", False)
    assert {type(key) for key in (*ours.updates, *ours.removals)} <= {str}
    vandalise(ours)


def vandalise(change: Any) -> None:
    """Do what the owner of a change may do; nobody else must be affected."""
    change.updates.clear()
    change.updates["a"] = change.removals
    change.removals.add("b")


def can_flush(model: Any) -> bool:
    """Whether a flush would not wait."""
    return model._frozen or model._is_pending()


class BufferMachine(RuleBasedStateMachine):
    """One buffer; it is the first of `buffers`, to which the other machine adds views."""

    def __init__(self):
        super().__init__()
        self.buffers = [(reference_rooms.Buffer(), change_buffers.DictionaryChangeBuffer())]

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
        self.publishers = []
        self.make_multi_view(0)

    def make_multi_view(self, history):
        ours = change_buffers.DictionaryChangeMultiView(history=history)
        self.multi_views.append((reference_rooms.Room(), ours))
        self.history = history
        self.publishers.clear()

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

    # Publishers belong to the latest multi-view.

    @rule(exclusive=st.booleans())
    def make_publisher(self, exclusive):
        model, ours = self.multi_views[-1]
        self.publishers.append(
            (
                reference_rooms.Publisher(model, exclusive),
                ours.create_publisher(exclusive=exclusive),
            )
        )

    @precondition(lambda self: self.publishers)
    @rule(number=numbers, arguments=arguments | bad_arguments)
    def publish(self, number, arguments):
        model, ours = self.publishers[number % len(self.publishers)]
        if model.closed:  # that comes before everything else
            assert outcome(ours.update, *(make() for make in arguments)) == "ValueError"
        else:
            self.update_both((model, ours), *arguments)

    @rule(number=numbers, arguments=arguments, version=numbers)
    def update_on_condition(self, number, arguments, version):
        model, ours = self.multi_views[-1]
        horizon = ours.stats().horizon
        version %= model.version + 2
        model, ours = [(model, ours), *self.publishers][number % (1 + len(self.publishers))]
        make_updates, make_removals = arguments
        checked = (
            reference.checked_updates(make_updates()),
            reference.checked_removals(make_removals()),
        )
        expected = outcome(model.update, *checked, version, horizon)
        result = outcome(
            lambda: ours.update(make_updates(), make_removals(), unchanged_since=version)
        )
        assert result == expected

    @precondition(lambda self: self.publishers)
    @rule(number=numbers, way=st.sampled_from(["close", "leave", "drop"]))
    def close_publisher(self, number, way):
        model, ours = self.publishers[number % len(self.publishers)]
        model.close()
        if way == "close":
            ours.close()
        elif way == "leave":
            with ours:
                pass
        else:
            self.publishers.remove((model, ours))
            del ours
        self.look_at_counts()

    @rule(key=keys)
    def get(self, key):
        model, ours = self.multi_views[-1]
        default, key_of_model = Value(), str.__str__(key)
        assert ours.get(key, default) is model.get(key_of_model, default)
        assert (key in ours) == (key_of_model in model._content)

    @rule()
    def look_at_counts(self):
        model, ours = self.multi_views[-1]
        stats = ours.stats()
        owners = [publisher for publisher, _ in self.publishers if not publisher.closed]
        assert ours.version == stats.version == model.version
        assert stats.keys == len(model._content)
        assert stats.publishers == len(owners)
        assert stats.owned_keys == sum(len(publisher.keys()) for publisher in owners)
        assert stats.history <= self.history

    def options(self, model, ours, publisher, since, snapshot):
        """Give what a view is asked for, of the model and of ours."""
        asked, asked_of_ours = {}, {}
        if self.publishers and model is self.multi_views[-1][0] and publisher % 2:
            one, other = self.publishers[publisher // 2 % len(self.publishers)]
            if not one.closed:
                asked, asked_of_ours = {"without": one}, {"without": other}
        if since % 3 == 0:
            horizon = ours.stats().horizon
            since = since // 3 % (model.version + 1)
            if model is self.multi_views[-1][0]:
                is_remembered = model.removals_since(since) <= self.history
                assert since >= horizon or not is_remembered
            asked |= {"since": since, "horizon": horizon}
            asked_of_ours |= {"since": since}
        elif snapshot:
            asked |= {"snapshot": True}
            asked_of_ours |= {"snapshot": True}
        return asked, asked_of_ours

    @rule(
        number=numbers,
        prefixes=prefixes,
        publisher=numbers,
        since=numbers,
        snapshot=st.booleans(),
    )
    def make_view(self, number, prefixes, publisher, since, snapshot):
        model, ours = self.pick_multi_view(number)
        asked, asked_of_ours = self.options(model, ours, publisher, since, snapshot)
        model = model.create_view(prefixes, **asked)
        ours = ours.create_view(prefixes, **asked_of_ours)
        self.contexts.append((model, ours))
        self.buffers.append((model.__enter__(), ours.__enter__()))

    @rule(number=numbers)
    def clone_view(self, number):
        model, ours = self.pick(number)
        self.buffers.append((model.clone(), ours.clone()))

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

    @rule(number=numbers, prefixes=prefixes, publisher=numbers, snapshot=st.booleans())
    def subscribe(self, number, prefixes, publisher, snapshot):
        model, ours = self.pick_multi_view(number)
        asked, asked_of_ours = self.options(model, ours, publisher, 1, snapshot)
        ours = ours.subscribe_changes(prefixes=prefixes, **asked_of_ours)
        self.subscriptions.append([model, {"prefixes": prefixes, **asked}, None, ours])

    @precondition(lambda self: self.subscriptions)
    @rule(number=numbers)
    def receive(self, number):
        # The model of a subscription is a view that is made when it is needed first.
        subscription = self.subscriptions[number % len(self.subscriptions)]
        multi_view, asked, view, ours = subscription
        if view is None:
            view = multi_view.add_view(**asked)
            if not can_flush(view):  # its first `next()` would have to wait
                multi_view._views.remove(view)
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
    @rule(history=st.sampled_from([0, 1, 3, 10]))
    def start_another(self, history):
        self.make_multi_view(history)

    def teardown(self):
        for number in range(len(self.multi_views)):
            self.copy_content(4 * number)
        super().teardown()


TestBuffer = BufferMachine.TestCase
TestBuffer.settings = settings(max_examples=100, stateful_step_count=30)

TestMultiView = MultiViewMachine.TestCase
TestMultiView.settings = settings(max_examples=250, stateful_step_count=60)
