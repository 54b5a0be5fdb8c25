"""Numbers for people: no more digits than mean something, and one unit in a row."""

from __future__ import annotations

from collections.abc import Iterable

UNITS = {
    "s": [(1.0, "s"), (1e-3, "ms"), (1e-6, "us")],
    "B": [(1e6, "MB"), (1e3, "KB"), (1.0, "B")],
}
SMALLEST = 0.01


def unit_for(values: Iterable[float], unit: str) -> tuple[float, str]:
    """Choose what suits the largest, unless it leaves the smallest with too many zeros."""
    largest, smallest = max(values := list(values)), min(values)
    for scale, name in UNITS[unit]:
        if largest >= scale and smallest >= SMALLEST * scale:
            return scale, name
    return UNITS[unit][-1]


def quantities(values: Iterable[float], unit: str) -> list[str]:
    values = list(values)
    scale, name = unit_for(values, unit)
    return [f"{digits(value / scale)} {name}" for value in values]


def digits(value: float) -> str:
    """Three that count, two below one."""
    if value == 0 or value >= 100:
        return f"{value:,.0f}"
    if value < 1:
        return f"{float(f'{value:.2g}'):.{decimals_of(value)}f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def decimals_of(value: float) -> int:
    decimals = 2
    while value < 0.095 and decimals < 6:
        value *= 10
        decimals += 1
    return decimals


def times(ratio: float) -> str:
    """Two digits that count: a ratio is not known better."""
    rounded = float(f"{ratio:.2g}")
    return f"{rounded:,.0f}" if rounded >= 10 else f"{rounded:.{1 if rounded >= 1 else 2}f}"


def count(number: int) -> str:
    return f"{number:,}"
