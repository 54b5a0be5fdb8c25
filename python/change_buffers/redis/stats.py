"""How a shared room is doing: the counts of a multi-view, and those of the line to Redis."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from change_buffers import Stats

if TYPE_CHECKING:
    from change_buffers.redis.leases import Leases
    from change_buffers.redis.link import Link
    from change_buffers.redis.reader import Reader
    from change_buffers.redis.replica import Replica
    from change_buffers.redis.writer import Writer


@dataclass(frozen=True)
class RedisStats:
    """How a `RedisMultiView` was at one moment.

    It also has all that `Stats` has: `stats.keys`, `stats.views` and so on.
    """

    local: Stats
    """The counts of the multi-view in this process."""

    connected: bool
    """Whether Redis answers."""

    disconnected_since: float | None
    """Since when it does not, in seconds since 1970; `None` while it does."""

    error: str | None
    """What Redis or the line to it has last complained of; `None` while all is well."""

    lost_connections: int
    """How often the line was lost."""

    epoch: str
    """The history that versions belong to. Another one begins when Redis has lost something."""

    processes: int
    """Processes that share the room, this one included, as last looked."""

    entries: int
    """Updates that have come from Redis, one by one."""

    resyncs: int
    """Snapshots after the first: how often this process could not follow update by update."""

    batches: int
    """Messages with updates that Redis has taken from this process."""

    retries: int
    """How often one was sent again."""

    refused_keys: int
    """Keys of updates that nobody waited for, refused as an exclusive publisher's."""

    pending_keys: int
    """Keys of updates that wait to be sent."""

    ended_leases: int
    """Processes that were gone, as this one was the first to notice."""

    round_trip: float | None
    """Seconds from sending to Redis until it came back, of the last batch of this process."""

    @classmethod
    def of(
        cls,
        local: Stats,
        link: Link,
        reader: Reader,
        writer: Writer,
        leases: Leases,
        replica: Replica,
    ) -> RedisStats:
        """Collect them."""
        return cls(
            local=local,
            connected=link.connected,
            disconnected_since=link.disconnected_since,
            error=link.refusal or link.last_error,
            lost_connections=link.lost_connections,
            epoch=link.known.epoch,
            processes=leases.processes,
            entries=reader.counts.entries,
            resyncs=reader.counts.snapshots,
            batches=writer.counts.batches,
            retries=writer.counts.retries,
            refused_keys=writer.counts.refused,
            pending_keys=writer.outgoing.pending(),
            ended_leases=leases.ended,
            round_trip=replica.round_trip,
        )

    def __getattr__(self, name: str) -> Any:
        if name == "local":  # not there yet, while it is copied or unpickled
            raise AttributeError(name)
        return getattr(self.local, name)

    def as_dict(self) -> dict[str, Any]:
        """Give all of it as a new `dict`, by name."""
        own = asdict(self)
        del own["local"]
        return {**self.local.as_dict(), **own}
