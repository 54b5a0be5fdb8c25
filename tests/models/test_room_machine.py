"""Random calls of publishers, of versions and on conditions, to a model and to the extension."""

from __future__ import annotations

from types import SimpleNamespace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

import change_buffers
import reference
import reference_rooms
import test_state_machine
from test_state_machine import (
    Value,
    arguments,
    assert_same_change,
    bad_arguments,
    can_flush,
    keys,
    outcome,
    prefixes,
)


class RoomMachine(test_state_machine.MultiViewMachine):
    """What the other machine does too, to multi-views that have publishers and a history."""

    model = SimpleNamespace(
        DictionaryChangeBuffer=reference_rooms.Buffer,
        DictionaryChangeMultiView=reference_rooms.Room,
    )

    def __init__(self):
        self.history = 0
        self.publishers = []
        super().__init__()

    def make_multi_view(self):
        ours = change_buffers.DictionaryChangeMultiView(history=self.history)
        self.multi_views.append((reference_rooms.Room(), ours))
        self.publishers.clear()

    numbers = test_state_machine.MultiViewMachine.numbers

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

    @precondition(lambda self: self.multi_views[-1][0]._frozen)
    @rule(history=st.sampled_from([0, 1, 3, 10]))
    def start_another(self, history):
        self.history = history
        self.make_multi_view()


TestRoom = RoomMachine.TestCase
TestRoom.settings = settings(max_examples=250, stateful_step_count=60)
