"""What packing for a whole room takes, out of the comparisons of `bench_encode.py`."""

from __future__ import annotations

from report.figures import Figures

LIBRARIES = ["msgpack", "ormsgpack", "orjson"]
SECTION = (
    "All avatars have moved, every view flushes and encodes: 100 views, 100 avatars of 400 bytes"
)
TOGETHER = "all views at the same pace"
APART = "no two views at the same position"


def ticks(figures: Figures) -> dict[str, dict[str, float]]:
    """Give the seconds by library, and then by who does it."""
    return {library: ticks_of(library, figures) for library in LIBRARIES}


def ticks_of(library: str, figures: Figures) -> dict[str, float]:
    ending = f" and {library}"
    others = {
        row.rival_name.removesuffix(ending): row.rival
        for row in figures.comparisons
        if row.section == SECTION and row.rival_name.endswith(ending)
    }
    together = figures.find(SECTION, TOGETHER, library)
    apart = figures.find(SECTION, APART, library)
    return {
        **{f"{name}, packed by hand": seconds for name, seconds in others.items()},
        "ours, packed by hand": together.rival,
        "ours, encode(), views apart": apart.ours,
        "ours, encode()": together.ours,
    }
