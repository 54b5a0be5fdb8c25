"""Actors that open views and leave them in every way there is, the rude ones included."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from contextlib import suppress

from change_buffers import (
    ConflictError,
    DictionaryChangeBuffer,
    DictionaryChangeMultiView,
    KeyOwnedError,
    ObjectFrozenError,
)
from soak.stage import SoakError, Stage, Tally, frozen

LEFT_OPEN: list[DictionaryChangeBuffer] = []
"""Where views go that are left open on purpose, to see that it is noticed."""


class DeathError(Exception):
    """What the threads die of that are meant to."""


def break_out(multi_view: DictionaryChangeMultiView, chance: random.Random) -> None:
    last = chance.randrange(4)
    for number, _ in enumerate(multi_view.subscribe_changes(prefixes="avatar.")):
        if number == last:
            break


def close_subscription(multi_view: DictionaryChangeMultiView, chance: random.Random) -> None:
    subscription = multi_view.subscribe_changes(chance.choice([0, 1000]))
    next(subscription, None)
    subscription.close()


def drop_subscription(multi_view: DictionaryChangeMultiView, chance: random.Random) -> None:
    next(multi_view.subscribe_changes(0, ["avatar.", "chat."]), None)


def raise_in_body(multi_view: DictionaryChangeMultiView, chance: random.Random) -> None:
    with suppress(DeathError), multi_view.create_view() as view:
        view.flush_changed_nowait()
        raise DeathError


def drop_view(multi_view: DictionaryChangeMultiView, chance: random.Random) -> None:
    view = multi_view.create_view().__enter__()
    view.flush_changed_nowait()


def drop_view_in_a_cycle(multi_view: DictionaryChangeMultiView, chance: random.Random) -> None:
    view = multi_view.create_view("once.").__enter__()
    view.itself = view  # type: ignore[attr-defined]


def remove_view(multi_view: DictionaryChangeMultiView, chance: random.Random) -> None:
    with multi_view.create_view() as view:
        view.update({"private": chance.random()})
        multi_view.remove_view(view)
        if "private" not in view.flush_changed_blocking().updates:
            raise SoakError("what was pending went with the view")
        if not frozen(view.flush_changed_nowait):
            raise SoakError("a removed view is fed")


def freeze_view(multi_view: DictionaryChangeMultiView, chance: random.Random) -> None:
    with multi_view.create_view("private") as view:
        view.update(None, ["private"])
        view.freeze()
        if view.flush_changed_blocking().removals != {"private"}:
            raise SoakError("what was pending went when the view was frozen")
        if not frozen(lambda: view.update({"private": 1})):
            raise SoakError("a frozen view takes updates")


def wait_in_vain(multi_view: DictionaryChangeMultiView, chance: random.Random) -> None:
    with multi_view.create_view("nobody has this key") as view:
        try:
            view.flush_changed_blocking(timeout=0.001)
        except TimeoutError:
            return
        raise SoakError("something came of nothing")


def die_with_a_view(multi_view: DictionaryChangeMultiView, chance: random.Random) -> None:
    def live() -> None:
        try:
            with suppress(TimeoutError), multi_view.create_view() as view:
                for _ in range(3):
                    view.flush_changed_blocking(timeout=0.002)
                raise DeathError
        except DeathError:
            pass

    thread = threading.Thread(target=live)
    thread.start()
    thread.join()


def live_and_freeze(multi_view: DictionaryChangeMultiView, chance: random.Random) -> None:
    whole = DictionaryChangeMultiView()
    views = [whole.create_view(prefixes).__enter__() for prefixes in (None, "a", "b")]
    content = dict.fromkeys(("a", "b", "c"), multi_view)
    whole.update(content)
    whole.freeze()
    with whole.create_view() as late:
        views.append(late)
        given = [len(view.flush_changed_blocking().updates) for view in views]
    if given != [3, 1, 1, 3] or not all(frozen(view.flush_changed_nowait) for view in views):
        raise SoakError(f"a frozen multi-view gave {given}")


def publish_and_go(multi_view: DictionaryChangeMultiView, chance: random.Random) -> None:
    keys = [f"published.{chance.random()}" for _ in range(10)]
    with multi_view.create_publisher(exclusive=True) as publisher:
        publisher.update(dict.fromkeys(keys, publisher))
        with suppress(KeyOwnedError):
            multi_view.update({keys[0]: 1})
            raise SoakError("a key of an exclusive publisher was set by another")
        if keys[0] not in multi_view:
            raise SoakError("a key has gone before its publisher")
    if any(key in multi_view for key in keys):
        raise SoakError("a key has not gone with its publisher")


def drop_publisher(multi_view: DictionaryChangeMultiView, chance: random.Random) -> None:
    publisher = multi_view.create_publisher()
    key = f"dropped.{chance.random()}"
    publisher.update({key: bytes(1000), f"avatar.{chance.randrange(50)}": 1})
    view = multi_view.create_view(key, without=publisher).__enter__()
    del publisher
    if key in multi_view:
        raise SoakError("a key has not gone with its publisher")
    if view.flush_changed_nowait() is not None:
        raise SoakError("a view was told of what it did not want to hear")


def come_back(multi_view: DictionaryChangeMultiView, chance: random.Random) -> None:
    key = f"missed.{chance.random()}"
    version = multi_view.version
    multi_view.update({key: 1})
    with multi_view.create_view(key, since=version) as view:
        change = view.flush_changed_blocking(timeout=10)
        if change.updates != {key: 1} or change.version <= version:
            raise SoakError("what was missed was not caught up with")
        multi_view.update(None, [key])
        clone = view.clone()
        for each in (view, clone):
            if each.flush_changed_blocking(timeout=10).removals != {key}:
                raise SoakError("a clone does not owe the same")


def count_on_condition(multi_view: DictionaryChangeMultiView, chance: random.Random) -> None:
    key = f"count.{chance.random()}"
    multi_view.update({key: 0})
    version = multi_view.version
    multi_view.update({key: multi_view.get(key) + 1}, unchanged_since=version)
    with suppress(ConflictError):
        multi_view.update({key: 5}, unchanged_since=version)
        raise SoakError("a conflict was not seen")
    multi_view.update(None, [key])


VIEWS_OPENED: dict[Callable[[DictionaryChangeMultiView, random.Random], None], int] = {
    break_out: 1,
    close_subscription: 1,
    drop_subscription: 1,
    raise_in_body: 1,
    drop_view: 1,
    drop_view_in_a_cycle: 1,
    remove_view: 1,
    freeze_view: 1,
    wait_in_vain: 1,
    die_with_a_view: 1,
    live_and_freeze: 4,
    publish_and_go: 0,
    drop_publisher: 1,
    come_back: 2,
    count_on_condition: 0,
}


def loiter(stage: Stage, tally: Tally, chance: random.Random) -> None:
    """Do all of it, over and over, to both multi-views while they are updated."""
    acts = list(VIEWS_OPENED)
    while not stage.leaving.is_set():
        act = chance.choice(acts)
        try:
            act(chance.choice([stage.room, stage.lasting]), chance)
        except ObjectFrozenError as error:
            raise SoakError("frozen before its time") from error
        tally[act.__name__.replace("_", " ")] += 1
        tally["views opened"] += VIEWS_OPENED[act]
    if "forget" in stage.faults:
        LEFT_OPEN.append(stage.lasting.create_view().__enter__())
