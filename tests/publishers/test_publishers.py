"""Publishers: keys that go with their owner."""

from __future__ import annotations

import gc
import weakref

import pytest

import change_buffers
from change_buffers import (
    DictionaryChangeMultiView,
    KeyOwnedError,
    ObjectFrozenError,
    Publisher,
)
from event_loops import run, start
from helpers import BoomError, PlainMapping, Thing, Worker, assert_collected, flush, run_child


def content_of(multi_view):
    return multi_view.copy_content()


def close_by_method(multi_view, publishers):
    publishers.pop().close()


def close_by_leaving(multi_view, publishers):
    with publishers.pop():
        pass


def close_by_raising(multi_view, publishers):
    with pytest.raises(BoomError), publishers.pop():
        raise BoomError


def close_by_dropping(multi_view, publishers):
    publishers.clear()
    gc.collect()


WAYS = [close_by_method, close_by_leaving, close_by_raising, close_by_dropping]


# What goes


@pytest.mark.parametrize("close", WAYS)
def test_the_keys_that_are_still_its_own_go_with_it_in_one_change(multi_view, view, close):
    publishers = [multi_view.create_publisher()]
    publishers[0].update({"a": 1, "b": 1})
    publishers[0].update({"c": 1, "d": 1, "e": 1}, ["never", "e"])
    multi_view.update({"b": 2, "other": 2})
    multi_view.update(None, ["c"])
    flush(view)
    version = multi_view.version
    close(multi_view, publishers)
    assert flush(view) == ({}, {"a", "d"})
    assert multi_view.version == version + 1
    assert content_of(multi_view) == {"b": 2, "other": 2}


@pytest.mark.parametrize("close", WAYS)
def test_whoever_waits_is_woken(multi_view, view, close):
    publishers = [multi_view.create_publisher()]
    publishers[0].update({"a": 1})
    flush(view)
    waiter = Worker(view.flush_changed_blocking)
    close(multi_view, publishers)
    assert waiter.result().removals == {"a"}


def test_tasks_that_wait_are_woken(multi_view):
    async def main():
        publisher = multi_view.create_publisher()
        publisher.update({"a": 1})
        with multi_view.create_view() as view:
            await view.flush_changed()
            waiting = await start(view.flush_changed())
            del publisher
            gc.collect()
            assert (await waiting).removals == {"a"}

    run(main())


def test_a_key_that_comes_back_is_its_own_again(multi_view, publisher):
    publisher.update({"a": 1})
    multi_view.update({"a": 2})
    publisher.update({"a": 3})
    publisher.update({"b": 1})
    publisher.update(None, ["b"])
    multi_view.update({"b": 2})
    publisher.close()
    assert content_of(multi_view) == {"b": 2}


def test_nothing_goes_with_one_that_has_nothing(multi_view, view, publisher):
    multi_view.update({"a": 1})
    publisher.update({"b": 1})
    multi_view.update({"b": 2})
    flush(view)
    version = multi_view.version
    publisher.close()
    publisher.close()
    assert multi_view.version == version
    assert view.flush_changed_nowait() is None


def test_a_closed_one_takes_no_more_updates(multi_view, publisher):
    assert not publisher.closed
    publisher.close()
    assert publisher.closed
    for arguments in [({"a": 1},), (), (None, ["a"]), (5,)]:
        with pytest.raises(ValueError, match="closed"):
            publisher.update(*arguments)
    assert content_of(multi_view) == {}


def test_in_a_frozen_multi_view_keys_stay(multi_view):
    publisher = multi_view.create_publisher(exclusive=True)
    publisher.update({"a": 1})
    multi_view.freeze()
    with pytest.raises(ObjectFrozenError):
        publisher.update({"a": 2})
    publisher.close()
    assert content_of(multi_view) == {"a": 1}
    late = multi_view.create_publisher()
    with pytest.raises(ObjectFrozenError):
        late.update({"a": 2})


def test_values_are_released_with_the_publisher(multi_view):
    for is_copied in (False, True):
        publisher, value = multi_view.create_publisher(), Thing()
        publisher.update({"a": value})
        reference = weakref.ref(value)
        del value
        if is_copied:
            multi_view.copy_content()
        del publisher
        assert_collected(reference)
        assert "a" not in multi_view


def test_a_multi_view_that_holds_its_publisher_is_collected():
    class Room(DictionaryChangeMultiView):
        pass

    for hold in (
        lambda room, publisher: setattr(room, "publisher", publisher),
        lambda room, publisher: room.update({"publisher": publisher}),
        lambda room, publisher: publisher.update({"publisher": publisher}),
    ):
        room = Room()
        publisher = room.create_publisher()
        publisher.update({"a": room})
        hold(room, publisher)
        references = weakref.ref(room), weakref.ref(publisher)
        del room, publisher
        for reference in references:
            assert_collected(reference)


def test_a_publisher_keeps_the_multi_view(multi_view):
    publisher = DictionaryChangeMultiView().create_publisher()
    gc.collect()
    publisher.update({"a": 1})
    publisher.close()


# Counts


def test_publishers_and_their_keys_are_counted(multi_view):
    first, second = multi_view.create_publisher(), multi_view.create_publisher(exclusive=True)
    first.update({"a": 1, "b": 1})
    second.update({"c": 1})
    multi_view.update({"a": 2})
    stats = multi_view.stats()
    assert (stats.publishers, stats.owned_keys) == (2, 2)
    first.close()
    stats = multi_view.stats()
    assert (stats.publishers, stats.owned_keys, stats.keys) == (1, 1, 2)
    del second
    gc.collect()
    stats = multi_view.stats()
    assert (stats.publishers, stats.owned_keys, stats.keys) == (0, 0, 1)


# Bad input


def test_it_is_made_by_a_multi_view_alone(multi_view):
    with pytest.raises(TypeError):
        Publisher()
    with pytest.raises(TypeError, match="exclusive must be a bool, not int"):
        multi_view.create_publisher(exclusive=1)
    with pytest.raises(TypeError):
        multi_view.create_publisher(True)
    assert multi_view.stats().publishers == 0
    assert "Publisher" in change_buffers.__all__
    assert Publisher.__module__ == "change_buffers"


@pytest.mark.parametrize("method", ["create_view", "subscribe_changes"])
def test_without_is_an_open_publisher_of_the_same_multi_view(multi_view, publisher, method):
    follow = getattr(multi_view, method)
    with pytest.raises(TypeError, match="without must be a Publisher, not str"):
        follow(without="abc")
    with pytest.raises(ValueError, match="without must be a publisher of this multi-view"):
        follow(without=DictionaryChangeMultiView().create_publisher())
    publisher.close()
    with pytest.raises(ValueError, match="without must be a publisher that is not closed"):
        follow(without=publisher)
    assert multi_view.stats().views == 0


def test_a_refused_update_changes_nothing(multi_view, publisher):
    publisher.update({"a": 1})
    for arguments in [({1: 1},), ({"b": 1}, "a"), ({"b": 1}, [1])]:
        with pytest.raises(TypeError):
            publisher.update(*arguments)
    assert content_of(multi_view) == {"a": 1}
    assert multi_view.version == 1


# In the middle of anything


def test_dropping_one_within_an_update_of_the_same_multi_view(multi_view, view):
    class Dropping(PlainMapping):
        def __getitem__(self, key):
            publishers.clear()
            return content_of(multi_view)

    publishers = [multi_view.create_publisher()]
    publishers[0].update({"a": 1})
    multi_view.update(Dropping({"b": 1}))
    assert flush(view) == ({"b": {}}, {"a"})


@pytest.mark.parametrize("in_the_same_thread", [True, False])
def test_dropping_one_because_of_an_exception(in_the_same_thread):
    # It is on its way while the loop is rung, which is Python code. In a child: it might crash.
    output = run_child(
        f"""
        import asyncio
        from change_buffers import DictionaryChangeMultiView

        room = DictionaryChangeMultiView()

        def publisher():
            publisher = room.create_publisher()
            publisher.update({{"its own": 1}})
            return publisher

        def fail(*boxes):
            try:
                [box.pop() for box in boxes] + [1 / 0]
            except ZeroDivisionError as error:
                print(error)

        async def main():
            with room.create_view() as view:
                boxes = [[publisher()]]
                await view.flush_changed()
                waiting = asyncio.ensure_future(view.flush_changed())
                await asyncio.sleep(0.01)
                if {in_the_same_thread}:
                    fail(*boxes)
                else:
                    await asyncio.to_thread(fail, *boxes)
                print((await asyncio.wait_for(waiting, 10)).removals)

        asyncio.run(main())
        """
    )
    assert output == "division by zero\n{'its own'}\n"


def test_at_exit_they_go_in_any_order():
    run_child(
        """
        import asyncio, threading
        from change_buffers import *

        room = DictionaryChangeMultiView()

        class Client:
            def __init__(self, number):
                self.publisher = room.create_publisher(exclusive=number % 2 == 0)
                self.publisher.update({f"avatar {number}": self})

            def __del__(self):
                self.publisher.update({"last words": 1})
                room.get("last words")
                room.copy_content()

        clients = [Client(number) for number in range(10)]
        views = [room.create_view(without=client.publisher).__enter__() for client in clients]
        def read(view):
            for _ in view.subscribe_changes():
                pass

        for view in views[:5]:
            threading.Thread(target=read, args=(view,), daemon=True).start()

        async def main():
            async def follow():
                async for _ in room.subscribe_changes():
                    pass
            task = asyncio.ensure_future(follow())
            await asyncio.sleep(0.01)

        asyncio.run(main())
        """
    )


def test_how_many_keys_are_its_own(multi_view):
    publisher = multi_view.create_publisher()
    assert publisher.owned_keys == 0
    publisher.update({"a": 1, "b": 1, "c": 1}, ["c"])
    assert publisher.owned_keys == 2
    multi_view.update({"a": 2})
    assert publisher.owned_keys == 1
    publisher.close()
    assert publisher.owned_keys == 0
    frozen = multi_view.create_publisher()
    frozen.update({"d": 1})
    multi_view.freeze()
    assert frozen.owned_keys == 0, "nothing goes any more"


def test_it_can_be_subclassed(multi_view):
    class Own(Publisher):
        def __new__(cls, multi_view, name, **options):
            publisher = super().__new__(cls, multi_view, **options)
            publisher.name = name
            return publisher

    with Own(multi_view, "ada", exclusive=True) as ada, multi_view.create_view(without=ada) as view:
        ada.update({"a": 1})
        assert (ada.name, ada.exclusive, ada.owned_keys) == ("ada", True, 1)
        assert view.flush_changed_nowait() is None
        with pytest.raises(KeyOwnedError):
            multi_view.update({"a": 2})
    assert multi_view.copy_content() == {}
    with pytest.raises(TypeError, match="multi_view must be a DictionaryChangeMultiView, not int"):
        Publisher(1)
    with pytest.raises(TypeError, match="exclusive must be a bool"):
        Publisher(multi_view, exclusive=1)
