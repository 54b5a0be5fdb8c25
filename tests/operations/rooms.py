"""Operations of publishers, on single keys, on a condition, and of those who catch up."""

from __future__ import annotations

import asyncio
import pickle
from contextlib import suppress

import pytest

from change_buffers import ConflictError, DictionaryChangeMultiView, KeyOwnedError
from helpers import BoomError
from operations.data import MANY
from operations.repeat import Step, operation


def _multi_view() -> DictionaryChangeMultiView:
    # It has forgotten what a step removed before the step ends.
    multi_view = DictionaryChangeMultiView(history=2)
    multi_view.update(MANY)
    return multi_view


# Publishers


@operation
def publish_and_go() -> Step:
    multi_view = _multi_view()

    def step() -> None:
        for exclusive in (False, True):
            publisher = multi_view.create_publisher(exclusive=exclusive)
            publisher.update({"own": object(), "itself": publisher}, ["b"])
            assert not publisher.closed
            assert publisher.exclusive is exclusive
            publisher.close()
            with suppress(ValueError):
                publisher.update({"own": object()})
        with suppress(BoomError), multi_view.create_publisher() as publisher:
            publisher.update({"own": object()})
            raise BoomError

    return step


@operation
def drop_a_publisher() -> Step:
    multi_view = _multi_view()

    def step() -> None:
        publisher = multi_view.create_publisher()
        publisher.update({"own": object()})
        multi_view.create_view(without=publisher)
        multi_view.subscribe_changes(without=publisher)

    return step


@operation
def follow_without_a_publisher() -> Step:
    multi_view = _multi_view()

    def step() -> None:
        with (
            multi_view.create_publisher() as publisher,
            multi_view.create_view("own", without=publisher) as view,
        ):
            publisher.update({"own": object()})
            view.flush_changed_nowait()
            multi_view.update({"own": object()})
            view.flush_changed_nowait()

    return step


@operation
def be_refused_a_key() -> Step:
    multi_view = _multi_view()

    def step() -> None:
        with multi_view.create_publisher(exclusive=True) as publisher:
            publisher.update({"own": object()})
            with pytest.raises(KeyOwnedError) as error:
                multi_view.update({"own": object(), "a": object()})
            assert pickle.loads(pickle.dumps(error.value)).keys == error.value.keys == ("own",)

    return step


# One key, and conditions


@operation
def ask_for_a_key() -> Step:
    multi_view = _multi_view()

    def step() -> None:
        multi_view.update({"a": object()})
        assert multi_view.get("a") is not multi_view.get("b", object())
        assert "a" in multi_view
        for key in (1, []):
            with suppress(TypeError):
                multi_view.get(key)  # type: ignore[call-overload]

    return step


@operation
def update_on_a_condition() -> Step:
    multi_view = _multi_view()

    def step() -> None:
        version = multi_view.version
        multi_view.update({"a": object()}, unchanged_since=version)
        with pytest.raises(ConflictError) as error:
            multi_view.update({"a": object()}, unchanged_since=version)
        assert pickle.loads(pickle.dumps(error.value)).keys == error.value.keys == ("a",)
        with suppress(ValueError):
            multi_view.update({"a": object()}, unchanged_since=version + 10)

    return step


# Catching up


@operation
def catch_up() -> Step:
    multi_view = _multi_view()

    def step() -> None:
        for key in ("1", "2", "3"):
            multi_view.update({key: object()})
            multi_view.update(None, [key])
        version = multi_view.version
        multi_view.update({"a": object()})
        for since in (0, version):
            with multi_view.create_view(since=since) as view:
                change = view.flush_changed_blocking()
                assert change.is_complete is (since == 0)
                assert change.version == multi_view.version
        with suppress(ValueError):
            multi_view.create_view(since=version + 10)

    return step


@operation
def begin_with_a_snapshot() -> Step:
    multi_view = _multi_view()

    def step() -> None:
        with multi_view.create_view("key", snapshot=True) as view:
            view.flush_changed_blocking()
        next(multi_view.subscribe_changes(snapshot=True))

    return step


@operation
def clone_a_view() -> Step:
    multi_view = _multi_view()

    def step() -> None:
        with multi_view.create_view() as view:
            view.update({"private": object()})
            clone = view.clone()
            clone.update({"itself": clone})
            clone.clone().flush_changed_blocking()

    return step


@operation
def wait_in_an_event_loop_without_a_publisher() -> Step:
    multi_view = _multi_view()

    async def step() -> None:
        publisher = multi_view.create_publisher()
        with multi_view.create_view(without=publisher) as view:
            view.flush_changed_blocking()
            waiting = asyncio.ensure_future(view.flush_changed())
            await asyncio.sleep(0)
            publisher.update({"own": object()})
            multi_view.update({"a": object()})
            await waiting
            publisher.close()

    return step
