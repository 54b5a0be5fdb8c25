"""Views without a publisher: no echo of what it has changed."""

from __future__ import annotations

import gc

import pytest

from event_loops import run, start
from helpers import Worker, flush, soon


@pytest.fixture
def publisher(multi_view):
    with multi_view.create_publisher() as publisher:
        yield publisher


@pytest.fixture(params=["view", "subscription"])
def follow(request, multi_view):
    """Follow all but what a publisher has changed; gives what is pending, or nothing."""
    contexts = []

    def follow(publisher, **options):
        if request.param == "subscription":
            subscription = multi_view.subscribe_changes(without=publisher, **options)
            contexts.append(subscription)

            def receive():
                multi_view.update({f"{options.get('prefixes', '')}mark": 1})
                updates, removals = soon(next, subscription)
                updates = {key: updates[key] for key in updates if not key.endswith("mark")}
                return (updates, removals) if updates or removals else None

            return receive
        context = multi_view.create_view(without=publisher, **options)
        contexts.append(context)
        view = context.__enter__()

        def receive():
            change = view.flush_changed_nowait()
            return change and tuple(change)

        return receive

    yield follow
    for context in contexts:
        context.__exit__(None, None, None)


def test_what_a_publisher_changed_last_is_not_delivered(multi_view, publisher, follow):
    publisher.update({"before": 1})
    multi_view.update({"others": 1})
    receive = follow(publisher)
    assert receive() == ({"others": 1}, set())
    publisher.update({"a": 1, "b": 1})
    assert receive() is None
    publisher.update(None, ["b", "others"])
    assert receive() is None
    multi_view.update({"a": 2, "b": 2})
    publisher.update({"b": 3})
    assert receive() == ({"a": 2}, set())
    multi_view.update(None, ["a", "b"])
    assert receive() == ({}, {"a", "b"})
    publisher.update({"both": 1}, ["both"])
    assert receive() is None
    publisher.update({"a": 1})
    publisher.close()
    assert receive() is None
    multi_view.update({"a": 4})
    assert receive() == ({"a": 4}, set())


def test_it_goes_with_prefixes_and_old_versions(multi_view, publisher, follow):
    multi_view.update({"a.1": 1, "b.1": 1})
    version = multi_view.version
    publisher.update({"a.2": 1, "b.2": 1})
    multi_view.update({"a.3": 1, "b.3": 1})
    assert follow(publisher, prefixes="a.")() == ({"a.1": 1, "a.3": 1}, set())
    assert follow(publisher, since=version)() == ({"a.3": 1, "b.3": 1}, set())
    assert follow(publisher, since=version, prefixes="b.")() == ({"b.3": 1}, set())


def test_whoever_is_yet_to_follow_without_it_does_not_keep_it(multi_view):
    publisher = multi_view.create_publisher()
    publisher.update({"a": 1})
    context = multi_view.create_view(without=publisher)
    subscription = multi_view.subscribe_changes(without=publisher, snapshot=True)
    del publisher
    gc.collect()
    assert "a" not in multi_view
    other = multi_view.create_publisher()
    other.update({"b": 1})
    with context as view:
        assert flush(view) == ({"b": 1}, set())
    assert next(subscription).updates == {"b": 1}


def test_it_wakes_nobody(multi_view, publisher):
    with multi_view.create_view(without=publisher) as view:
        waiter = Worker(view.flush_changed_blocking)
        for value in range(100):
            publisher.update({"a": value}, ["b"])
        assert multi_view.stats().waiting_threads == 1
        assert multi_view.stats().flushes == 0
        multi_view.update({"b": 1})
        assert tuple(waiter.result()) == ({"b": 1}, set())


def test_it_wakes_no_task(multi_view):
    async def main():
        with multi_view.create_publisher() as one, multi_view.create_publisher() as other:
            received = []

            async def follow(publisher):
                async for change in multi_view.subscribe_changes(without=publisher):
                    received.append((publisher, dict(change.updates)))
                    return

            tasks = [await start(follow(publisher)) for publisher in (one, other)]
            one.update({"a": 1})
            await tasks[1]
            assert received == [(other, {"a": 1})]
            assert not tasks[0].done()
            other.update({"b": 1})
            await tasks[0]
            assert received[1] == (one, {"b": 1})

    run(main())


def test_what_is_removed_by_the_publisher_is_not_kept_for_a_view_without_it(multi_view, publisher):
    with multi_view.create_view(without=publisher) as view:
        for i in range(10_000):
            publisher.update({f"key {i}": i})
            publisher.update(None, [f"key {i}"])
        assert multi_view.stats().tombstones < 3000
        assert view.flush_changed_nowait() is None
