"""What was measured over sockets, as a plot that can be read on white and on black."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes

from report.plots import STYLE, in_plain_numbers, panels, save
from sockets.figures import Figures, Run
from sockets.nanover_server import ALONE, ENCODING, INSTALLED
from sockets.own_server import OWN

COLOURS = {ALONE: "#b565d8", INSTALLED: "#e0703a", ENCODING: "#0f9d8a", OWN: "#3b82d6"}


def lines(figures: Figures, figure: Callable[[Run], float], title: str) -> Callable[[Axes], None]:
    """Draw one figure of each side over the number of clients."""

    def draw(axes: Axes) -> None:
        for side in figures.sides:
            values = [figures.median(side, clients, figure) for clients in figures.clients]
            axes.plot(figures.clients, values, marker="o", color=COLOURS[side], label=side)
        axes.set(xlabel="clients", title=title)
        axes.set_xticks(figures.clients)
        axes.grid(visible=True)
        axes.legend()

    return draw


def delays(figures: Figures, level: int) -> Callable[[Axes], None]:
    title = f"until another client has it, p{level}, ms"
    draw_lines = lines(figures, lambda run: run.delay(level) * 1e3, title)

    def draw(axes: Axes) -> None:
        draw_lines(axes)
        axes.set(yscale="log")
        in_plain_numbers(axes, "y")

    return draw


def cpu(figures: Figures) -> Callable[[Axes], None]:
    draw_lines = lines(figures, lambda run: run.cpu * 100, "CPU of the server, % of a core")

    def draw(axes: Axes) -> None:
        draw_lines(axes)
        axes.set(ylim=0)

    return draw


def draw(figures: Figures, path: Path) -> None:
    with mpl.rc_context(STYLE):
        save(panels(cpu(figures), delays(figures, 99)), path, figures.digest())
