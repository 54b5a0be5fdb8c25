"""The plots, as SVG without a background: their colours are to be read on white and on black."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("svg")

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from report.encoding import ticks
from report.figures import Figures, Series, Spread
from report.numbers import digits
from report.whole_path import FLOOR, stages

GREY = "#808080"
COLOURS = {
    "ours": "#0f9d8a",
    "model": "#e0703a",
    "NanoVer": "#b565d8",
    "dict.update": "#8a8a8a",
    "SimpleQueue": "#8a8a8a",
    "call_soon_threadsafe": "#8a8a8a",
}
DASHES = {"dict.update": "--", "ours, views apart": ":", "all to be seen": "-", "all seen": ":"}
STAGES = {"update": "#e0703a", "flush": "#0f9d8a", "encode": "#b565d8"}
STYLE: dict[Any, Any] = {
    "axes.edgecolor": GREY,
    "axes.labelcolor": GREY,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlecolor": GREY,
    "axes.titlesize": "medium",
    "figure.constrained_layout.use": True,
    # The one that comes with matplotlib, so that the layout is the same everywhere.
    "font.family": "DejaVu Sans",
    "font.size": 12,
    "grid.color": GREY,
    "grid.alpha": 0.3,
    "legend.frameon": False,
    "legend.labelcolor": GREY,
    "lines.linewidth": 2,
    "lines.markersize": 5,
    "savefig.transparent": True,
    # Names of elements that do not differ from run to run, and text that stays text.
    "svg.fonttype": "none",
    "svg.hashsalt": "change-buffers",
    "text.color": GREY,
    "xtick.color": GREY,
    "ytick.color": GREY,
}
WIDTH, HEIGHT = 6.0, 3.4
"""Inches of a panel: on a phone they shrink to about half, and their text has to stay readable."""
PER_SECOND = {"us": 1e6, "ms": 1e3}


def colour(label: str) -> str:
    return COLOURS[label.partition(", ")[0]]


def dash(label: str) -> str:
    return next((dash for ending, dash in DASHES.items() if label.endswith(ending)), "-")


def panels(*draw_each: Callable[[Axes], None], height: float = HEIGHT) -> Figure:
    figure = Figure(figsize=(WIDTH, height * len(draw_each)))
    column = figure.subplots(len(draw_each), 1, squeeze=False)[:, 0]
    for axes, draw in zip(column, draw_each, strict=True):
        draw(axes)
    return figure


def against(series: Series, x: str, unit: str, title: str) -> Callable[[Axes], None]:
    """Draw all contenders over the points, both axes logarithmic."""

    def draw(axes: Axes) -> None:
        for label, line in series.lines.items():
            values = [seconds * PER_SECOND[unit] for seconds in line.best]
            axes.plot(
                series.points, values, dash(label), marker="o", color=colour(label),
                label=label, zorder=3 if label.startswith("ours") else 2,
            )  # fmt: skip
        axes.set(xscale="log", yscale="log", xlabel=x, ylabel=unit, title=title)
        in_plain_numbers(axes, "x")
        in_plain_numbers(axes, "y")
        axes.grid(visible=True)
        axes.legend()

    return draw


def in_plain_numbers(axes: Axes, which: str) -> None:
    axis = axes.xaxis if which == "x" else axes.yaxis
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
    axis.set_minor_formatter(NullFormatter())


def memory(series: Series) -> Callable[[Axes], None]:
    def draw(axes: Axes) -> None:
        for label, line in series.lines.items():
            megabytes = [size / 1e6 for size in line.best]
            axes.plot(
                series.points, megabytes, dash(label), marker="o", color=colour(label), label=label
            )
        axes.set(xlabel="views", ylabel="MB", title="Growth of the process", xlim=0, ylim=0)
        in_plain_numbers(axes, "x")
        axes.grid(visible=True)
        axes.legend()

    return draw


def wake_ups(spreads: Mapping[str, Spread], title: str) -> Callable[[Axes], None]:
    """Draw a row for each: thin from p1 to p99, thick for the middle half, a dot for the median."""

    def draw(axes: Axes) -> None:
        for row, (label, spread) in enumerate(spreads.items()):
            us = {level: seconds * 1e6 for level, seconds in spread.seconds.items()}
            shade = colour(label)
            axes.plot([us["1"], us["99"]], [row, row], color=shade, linewidth=2)
            axes.plot([us["25"], us["75"]], [row, row], color=shade, linewidth=9, alpha=0.6)
            axes.plot(us["50"], row, "o", color=shade, markersize=8)
            axes.annotate(
                f"{digits(us['50'])}", (us["50"], row), (0, 9), textcoords="offset points",
                ha="center", size="small",
            )  # fmt: skip
            axes.plot(us["99"], row, "|", color=shade, markersize=12, markeredgewidth=2)
            axes.annotate(
                f"{digits(us['99'])}", (us["99"], row), (0, 9), textcoords="offset points",
                ha="center", size="small",
            )  # fmt: skip
        axes.set_yticks(range(len(spreads)), list(spreads))
        axes.set(xscale="log", xlabel="us, median and p99", title=title)
        axes.set_ylim(len(spreads) - 0.4, -0.7)
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 3)))
        in_plain_numbers(axes, "x")
        axes.grid(visible=True, axis="x")

    return draw


def encode(figures: Figures) -> Callable[[Axes], None]:
    def draw(axes: Axes) -> None:
        seconds = ticks(figures)
        labels = list(next(iter(seconds.values())))
        height = 0.8 / len(labels)
        for index, label in enumerate(labels):
            where = [row + index * height for row in range(len(seconds))]
            milliseconds = [by_label[label] * 1e3 for by_label in seconds.values()]
            packed_by_hand = label.startswith("ours") and label.endswith("by hand")
            alpha = 0.35 if packed_by_hand else 0.65 if label.endswith("apart") else 1
            bars = axes.barh(
                where, milliseconds, height * 0.9, color=colour(label), alpha=alpha, label=label
            )
            axes.bar_label(bars, [digits(value) for value in milliseconds], padding=3, size="small")
        middle = (len(labels) - 1) / 2 * height
        axes.set_yticks([row + middle for row in range(len(seconds))], list(seconds))
        axes.invert_yaxis()
        axes.set(xscale="log", xlabel="ms", title="100 views flush and pack 100 changed avatars")
        in_plain_numbers(axes, "x")
        axes.grid(visible=True, axis="x")
        axes.set_axisbelow(True)
        axes.legend(loc="upper center", bbox_to_anchor=(0.4, -0.15))

    return draw


def whole_path(figures: Figures) -> Callable[[Axes], None]:
    """Draw a bar for each stage, of each room and pace: what it takes for each client."""

    def draw(axes: Axes) -> None:
        rows = [
            (f"{clients}, {pace}", pace, [seconds[stage] / clients * 1e6 for stage in STAGES])
            for clients, paces in stages(figures).items()
            for pace, seconds in paces.items()
        ]
        height = 0.8 / len(STAGES)
        for index, (stage, shade) in enumerate(STAGES.items()):
            where = [row + index * height for row in range(len(rows))]
            values = [each[index] for _, _, each in rows]
            bars = axes.barh(where, values, height * 0.9, color=shade, label=stage)
            for bar, (_, pace, _) in zip(bars, rows, strict=True):
                bar.set_alpha(0.5 if pace == FLOOR else 1)
            axes.bar_label(bars, [digits(value) for value in values], padding=3, size="small")
        axes.set_yticks([row + height for row in range(len(rows))], [label for label, *_ in rows])
        axes.invert_yaxis()
        axes.set(xscale="log", xlabel="us for each client", title="a tick: clients, and their pace")
        in_plain_numbers(axes, "x")
        axes.margins(x=0.1)
        axes.grid(visible=True, axis="x")
        axes.set_axisbelow(True)
        axes.legend(ncols=len(STAGES), loc="upper center", bbox_to_anchor=(0.4, -0.12))

    return draw


def drawings(figures: Figures) -> dict[str, Figure]:
    series = figures.series
    us = "us"
    return {
        "update": panels(
            against(series["update"], "views", us, "update of 1 key"),
            against(series["large_update"], "keys", us, "update that nobody follows"),
        ),
        "flush": panels(
            against(series["buffer_flush"], "keys", us, "update and flush of one buffer"),
            against(series["view_flush"], "keys", us, "flush alone of each of 100 views"),
        ),
        "room": panels(
            against(series["room"], "clients", "ms", "a tick of a room"),
            against(series["views_apart"], "keys", "ms", "100 views apart, all told"),
        ),
        "wake-up": panels(
            wake_ups(figures.thread_wake_ups, "a thread is woken"),
            wake_ups(figures.task_wake_ups, "a task is woken"),
        ),
        "memory": panels(memory(series["memory"])),
        "encode": panels(encode(figures), height=6.0),
        "whole-path": panels(whole_path(figures), height=6.0),
    }


def draw(figures: Figures, folder: Path) -> None:
    with mpl.rc_context(STYLE):
        for name, figure in drawings(figures).items():
            save(figure, folder / f"{name}.svg", figures.digest())


def save(figure: Figure, path: Path, digest: str) -> None:
    """Save a figure that tells to which measurement it belongs, and nothing else of its making."""
    figure.savefig(path, metadata={"Date": None, "Creator": None, "Description": digest})
