"""Actors that update: small values and huge ones, keys that stay and keys that come once."""

from __future__ import annotations

import itertools
import random
import time
from collections import deque

from change_buffers import DictionaryChangeMultiView, ObjectFrozenError
from soak.stage import SoakError, Stage, Tally

MOST_KEYS = 20
"""Keys that one update names at most."""
WRITERS = 2
IN_FLIGHT = 10 * WRITERS * MOST_KEYS
"""Tombstones that may be there for updates that are about to look after the copied content."""

HUGE_KEYS, HUGE_SIZE = [f"huge.{i}" for i in range(5)], 1_000_000

SERIAL = itertools.count()
"""For keys that nobody has ever used."""
KEPT: list[bytes] = []
"""Where values go that are leaked on purpose, to see that it is noticed."""


def value(chance: random.Random) -> object:
    """Make a value of nearly any size."""
    draw = chance.random()
    if draw < 0.8:
        return (draw, draw, draw)
    if draw < 0.97:
        return bytes(400)  # about an avatar
    return bytes(20_000)


def check_counts(multi_view: DictionaryChangeMultiView) -> None:
    """Check that no more removed keys are kept than the slowest view still owes."""
    stats = multi_view.stats()
    if stats.tombstones > stats.lag_keys + IN_FLIGHT:
        raise SoakError(f"tombstones that nobody is owed: {stats}")


def write(stage: Stage, tally: Tally, chance: random.Random) -> None:
    """Update both multi-views, the one of the round until it is frozen."""
    own: dict[int, deque[str]] = {id(stage.room): deque(), id(stage.lasting): deque()}
    targets = [stage.room, stage.room, stage.lasting]
    while not stage.closing.is_set():
        multi_view = chance.choice(targets)
        once = own[id(multi_view)]
        try:
            for _ in range(10):
                _update(multi_view, once, tally, chance)
        except ObjectFrozenError:
            if multi_view is stage.lasting:
                raise
            tally["updates refused"] += 1
            targets = [stage.lasting]
        if "leak" in stage.faults:
            KEPT.append(bytes(20_000))
        if chance.random() < 0.02:
            time.sleep(0.001)
    stage.lasting.update(None, own[id(stage.lasting)])


def _update(
    multi_view: DictionaryChangeMultiView,
    once: deque[str],
    tally: Tally,
    chance: random.Random,
) -> None:
    """Do one thing out of many, the frequent ones first."""
    draw = chance.random()
    if draw < 0.6:
        multi_view.update({f"avatar.{chance.randrange(50)}": value(chance)})
        tally["updates of one key"] += 1
    elif draw < 0.7:
        names = chance.sample(range(200), MOST_KEYS)
        multi_view.update({f"chat.{name}": value(chance) for name in names})
        tally["updates of many keys"] += 1
    elif draw < 0.8:
        multi_view.update(None, [f"chat.{chance.randrange(200)}" for _ in range(MOST_KEYS)])
        tally["removals of many keys"] += 1
    elif draw < 0.9:
        key = f"once.{next(SERIAL)}"
        multi_view.update({key: value(chance)})
        once.append(key)
        if len(once) > 20:
            multi_view.update(None, [once[0]])
            once.popleft()
            tally["removals of one key"] += 1
        tally["updates of a new key"] += 1
    elif draw < 0.96:
        key = f"avatar.{chance.randrange(50)}"
        multi_view.update({key: value(chance), "title": draw}, [key, "never there"])
        tally["updates with removals"] += 1
    elif draw < 0.98:
        check_counts(multi_view)
        tally["statistics"] += 1
    elif draw < 0.9995:
        multi_view.copy_content()
        tally["copies of the content"] += 1
    else:
        multi_view.update({chance.choice(HUGE_KEYS): bytes(HUGE_SIZE)})
        tally["updates with a huge value"] += 1
