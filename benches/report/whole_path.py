"""Where a tick of a room spends its time: stage by stage, and what of that can't be spared."""

from __future__ import annotations

from report.figures import Figures

FLOOR = "floor"


def stages(figures: Figures) -> dict[int, dict[str, dict[str, float]]]:
    """Give seconds by clients, pace and stage."""
    series = figures.series["whole_path"]
    found: dict[int, dict[str, dict[str, float]]] = {}
    for label, line in series.lines.items():
        pace, _, stage = label.partition(", ")
        for clients, seconds in zip(series.points, line.best, strict=True):
            found.setdefault(clients, {}).setdefault(pace, {})[stage] = seconds
    return found
