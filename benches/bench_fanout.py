"""One update, then every view flushes."""

from __future__ import annotations

from types import ModuleType

import pytest

from contenders import OURS, RIVAL, Room, count, numbered
from measure import Compare, Timed

AHEAD = 1
TARGETS = {(10, 100): 3}
CLIENTS = 100


def fan_out(implementation: ModuleType, keys: int, views: int) -> Timed:
    room = Room(implementation, keys=keys, views=views)
    return Timed(
        "update(updates)\nfor flush in flushes: flush()",
        {
            "update": room.multi_view.update,
            "updates": numbered(keys),
            "flushes": [view.flush_changed_blocking for view in room.views],
            "room": room,
        },
    )


def room_tick(implementation: ModuleType, clients: int = CLIENTS) -> Timed:
    """Every client sets its avatar twice, then every client learns of all the others."""
    room = Room(implementation, views=clients)
    return Timed(
        """
for avatar in avatars:
    update(avatar)
    update(avatar)
for flush in flushes:
    flush()
""",
        {
            "update": room.multi_view.update,
            "avatars": [{f"avatar.{client}": object()} for client in range(clients)],
            "flushes": [view.flush_changed_blocking for view in room.views],
            "room": room,
        },
    )


@pytest.mark.parametrize("keys", [1, 10, 100])
@pytest.mark.parametrize("views", [1, 10, 100, 1000])
def test_fan_out(compare: Compare, keys: int, views: int) -> None:
    compare(
        f"{count(keys, 'key')}, {count(views, 'view')}",
        rival=fan_out(RIVAL, keys, views),
        ours=fan_out(OURS, keys, views),
        target=TARGETS.get((keys, views), AHEAD),
    )


def test_room_tick(compare: Compare) -> None:
    compare(f"a tick of a room of {CLIENTS} clients", rival=room_tick(RIVAL), ours=room_tick(OURS))
