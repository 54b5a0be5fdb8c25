"""How a room is doing."""

from __future__ import annotations

import math
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from change_buffers.server.room import Room
    from change_buffers.server.session import Session


@dataclass
class Counts:
    """What has gone through all connections so far."""

    messages_in: int = 0
    messages_out: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    errors: int = 0


@dataclass(frozen=True)
class RoomStats:
    """How a room was at one moment.

    Attributes:
        cpu_seconds: The time that the processor has worked for this process so far.
        epoch: What tells this room from the next: it goes with a version.
        version: The updates of the content so far.
        keys: Keys of the content.
        clients: Who is there.
        visits: How many have come so far.
        groups: How many views serve all those who keep up.
        behind: How many are served by a view of their own, since they have not kept up.
        messages_in: Messages from clients, of those who have gone, too.
        messages_out: Messages to clients.
        bytes_in: Bytes from clients.
        bytes_out: Bytes to clients.
        errors: Messages that were refused.
        delay_p50: Seconds from when a message was made until it was handed to the system to be
            sent, for the last message of each client: the median.
        delay_p99: The same, for 99 of 100 clients.
        slowest: The client with the longest delay: `session`, `name`, `delay` in seconds, and
            whether it is `behind`. `None` if nobody is there.
    """

    cpu_seconds: float
    epoch: str
    version: int
    keys: int
    clients: int
    visits: int
    groups: int
    behind: int
    messages_in: int
    messages_out: int
    bytes_in: int
    bytes_out: int
    errors: int
    delay_p50: float
    delay_p99: float
    slowest: dict[str, Any] | None

    def as_dict(self) -> dict[str, Any]:
        """Give all of it as a new `dict`, by name."""
        return asdict(self)

    @classmethod
    def of(cls, room: Room, now: float) -> RoomStats:
        """Ask the room and its sessions."""
        sessions = list(room.sessions.values())
        content = room.multi_view.stats()
        delays = sorted((session.delay_at(now), session.id) for session in sessions)
        slowest = room.sessions[delays[-1][1]] if delays else None
        return cls(
            cpu_seconds=time.process_time(),
            epoch=room.epoch,
            version=content.version,
            keys=content.keys,
            clients=len(sessions),
            visits=room.visits,
            groups=room.groups,
            behind=sum(session.is_away for session in sessions),
            **asdict(room.counts),
            delay_p50=_percentile(delays, 50),
            delay_p99=_percentile(delays, 99),
            slowest=None if slowest is None else _one(slowest, delays[-1][0]),
        )


def _one(session: Session, delay: float) -> dict[str, Any]:
    away = session.is_away
    return {"session": session.id, "name": session.name, "delay": delay, "behind": away}


def _percentile(values: list[tuple[float, str]], level: int) -> float:
    return values[math.ceil(len(values) * level / 100) - 1][0] if values else 0.0
