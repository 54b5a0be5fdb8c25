"""One update.

Nobody flushes meanwhile, as between two looks of the slowest client.
"""

from __future__ import annotations

from types import ModuleType

import pytest

from contenders import OURS, RIVAL, Room, count, numbered
from measure import Compare, Timed

TARGETS = {(1, 0): 4, (1, 1): 8, (1, 1000): 1000}
FLAT = 1 / 1.3


def update(implementation: ModuleType, keys: int, views: int) -> Timed:
    room = Room(implementation, keys=keys, views=views)
    return Timed(
        "update(updates)",
        {"update": room.multi_view.update, "updates": numbered(keys), "room": room},
    )


@pytest.mark.parametrize(
    ("keys", "views"),
    [(1, 0), (1, 1), (1, 10), (1, 100), (1, 1000), (10, 0), (10, 1000), (1000, 0)],
)
def test_update(compare: Compare, keys: int, views: int) -> None:
    compare(
        f"{count(keys, 'key')}, {count(views, 'view')}",
        rival=update(RIVAL, keys, views),
        ours=update(OURS, keys, views),
        target=TARGETS.get((keys, views)),
    )


@pytest.mark.parametrize("views", [10, 100, 1000])
def test_update_is_flat(compare: Compare, views: int) -> None:
    compare(
        f"1 key, {count(views, 'view')}",
        rival=update(OURS, keys=1, views=1),
        ours=update(OURS, keys=1, views=views),
        against="ours, 1 view",
        target=FLAT,
    )
