"""What was measured over sockets, as it is kept in the repository."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from report.figures import Machine, digest_of, shortened


@dataclass(frozen=True)
class Run:
    """One side with so many clients, once."""

    side: str
    clients: int
    seconds: float
    cpu: float
    """Seconds of processor in a second that the server took."""
    messages: float
    """For each client, in a second."""
    bytes_per_second: float
    """To all clients."""
    delays: dict[str, float]
    """Seconds from a publication until another client had it, by percentile; none if none had."""
    samples: int
    late: float
    """Seconds by which the clients were late with a publication, p99: their fault alone."""
    load_cpu: float
    """Seconds of processor in a second that all clients took."""

    def delay(self, level: int) -> float:
        return self.delays.get(str(level), math.inf)


@dataclass(frozen=True)
class Figures:
    quick: bool
    machine: Machine
    runs: list[Run]

    @property
    def sides(self) -> list[str]:
        return list(dict.fromkeys(run.side for run in self.runs))

    @property
    def clients(self) -> list[int]:
        return sorted({run.clients for run in self.runs})

    def median(self, side: str, clients: int, figure: Callable[[Run], float]) -> float:
        """Give the figure of the run in the middle, of those that were made alike."""
        return statistics.median_low(
            figure(run) for run in self.runs if (run.side, run.clients) == (side, clients)
        )

    def digest(self) -> str:
        """What the plot bears to tell that it belongs to these figures."""
        return digest_of(asdict(self))

    def save(self, path: Path) -> None:
        path.write_text(json.dumps(shortened(asdict(self)), indent=1) + "\n", encoding="utf-8")


def load(path: Path) -> Figures:
    read: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    runs = [Run(**run) for run in read["runs"]]
    return Figures(quick=read["quick"], machine=Machine(**read["machine"]), runs=runs)
