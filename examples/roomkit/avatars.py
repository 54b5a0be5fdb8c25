"""The synthetic room: everybody moves an avatar about, and some come and go.

An avatar has the shape and the size (about 400 bytes as msgpack) of those that NanoVer's VR
clients publish: a headset and two hands, each with a rotation (a unit quaternion) and a
position in metres.
"""

from __future__ import annotations

import math
import random
import uuid
from collections.abc import Iterator, Sequence
from functools import partial

from roomkit.load import Load, Record, Visit, interval_of

PUBLISH_HZ = 30
DEVICES = {
    "headset": (0.0, 1.65, 0.0),
    "hand.left": (-0.3, 1.1, 0.2),
    "hand.right": (0.3, 1.1, 0.2),
}


def synthetic(
    *,
    clients: int,
    publishers: int | None = None,
    rate: float | None = None,
    seconds: float,
    seed: int,
    title: str = "synthetic",
) -> Load:
    """Return the load in which clients publish their avatar and follow everybody.

    All publish, or only the first few. Of every six clients one comes late, one leaves for good
    and one steps out for a while.
    """
    visits = [visits_of(client, rate, seconds, seed) for client in range(clients)]
    tracks = [
        partial(avatar_track, client_visits, seconds, seed) for client_visits in visits[:publishers]
    ]
    return Load(title, seconds, tracks, visits)


def visits_of(client: int, rate: float | None, seconds: float, seed: int) -> list[Visit]:
    """Return when this client is in the room."""
    rng = random.Random(f"visits {seed} {client}")
    interval = interval_of(client, rate)
    early, late = seconds * rng.uniform(0.2, 0.4), seconds * rng.uniform(0.5, 0.7)
    if client % 6 == 3:
        return [Visit(client, interval, joins=early)]
    if client % 6 == 4:
        return [Visit(client, interval, leaves=late)]
    if client % 6 == 5:
        return [Visit(client, interval, leaves=early), Visit(client, interval, joins=late)]
    return [Visit(client, interval)]


def avatar_track(visits: Sequence[Visit], seconds: float, seed: int) -> Iterator[Record]:
    """Yield what one client publishes during its visits."""
    rng = random.Random(f"avatar {seed} {visits[0].client}")
    avatar = Avatar(rng, f"player {visits[0].client}")
    # Everybody ticks at the same rate but not at the same moment, as on a real network.
    phase = rng.random() / PUBLISH_HZ
    for visit in visits:
        end = min(visit.leaves, seconds)
        t = visit.joins + phase
        yield Record(t, {avatar.area_key: avatar.area(), avatar.key: avatar.at(t)}, [])
        while (t := t + 1 / PUBLISH_HZ) < end:
            yield Record(t, {avatar.key: avatar.at(t)}, [])
        if visit.leaves < seconds:
            yield Record(visit.leaves, {}, [avatar.area_key, avatar.key])


class Avatar:
    """Somebody who walks in a circle, turns and waves."""

    def __init__(self, rng: random.Random, name: str) -> None:
        self.player = str(uuid.UUID(int=rng.getrandbits(128), version=4))
        self.key = f"avatar.{self.player}"
        self.area_key = f"playarea.{self.player}"
        self._name = name
        self._color = [rng.random(), rng.random(), rng.random(), 1.0]
        self._radius = rng.uniform(0.3, 2.0)
        self._turn = rng.uniform(-1.5, 1.5)
        self._wave = rng.uniform(0.5, 3.0)

    def at(self, t: float) -> dict[str, object]:
        """Return the avatar as it is at time `t`, a new object each time."""
        angle = self._turn * t
        x, z = self._radius * math.cos(angle), self._radius * math.sin(angle)
        wave = 0.1 * math.sin(self._wave * t)
        tilt = 0.2 * math.sin(self._wave * t + 1)
        rotation = [
            math.sin(tilt / 2) * math.cos(angle / 2),
            math.cos(tilt / 2) * math.sin(angle / 2),
            -math.sin(tilt / 2) * math.sin(angle / 2),
            math.cos(tilt / 2) * math.cos(angle / 2),
        ]
        components = [
            {"rotation": rotation, "position": [x + dx, y + wave, z + dz], "name": device}
            for device, (dx, y, dz) in DEVICES.items()
        ]
        return {
            "playerid": self.player,
            "components": components,
            "color": self._color,
            "name": self._name,
        }

    def area(self) -> dict[str, object]:
        """Return the corners of the floor that this player has."""
        r = self._radius + 1.0
        corners = {"A": (-r, -r), "B": (-r, r), "C": (r, r), "D": (r, -r)}
        return {corner: [x, 0.0, z] for corner, (x, z) in corners.items()}
