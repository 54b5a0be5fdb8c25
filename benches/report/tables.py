"""The tables of the performance page and of the README, as Markdown."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby

from ratios import Row, asks_who_is_faster
from report import beside
from report.encoding import LIBRARIES, ticks
from report.figures import Figures, Machine, Spread
from report.headline import IDLE_VIEW, LINES
from report.numbers import count, digits, quantities, times
from report.whole_path import stages

LEVEL = 1.1
"""What is less than that much faster is called level."""
SERIES = {
    "update": "update of 1 key, {} views",
    "large_update": "update of {} keys that nobody follows",
    "buffer_flush": "update and flush of one buffer, {} keys",
    "view_flush": "flush of one of 100 views, {} keys",
    "views_apart": "update of {} keys, 100 views apart flush, all told",
    "room": "a tick of a room of {} clients",
}
"""Those in which the rival has a line beside ours."""
PERCENTILES = {"1": "p1", "50": "p50", "90": "p90", "99": "p99", "99.9": "p99.9"}


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def headline(figures: Figures) -> str:
    """What is worth knowing first: the same in the README and on the page."""
    rows = []
    for line in LINES:
        row = figures.find(line.section, line.what, line.against)
        rows.append([line.label, *quantities([row.rival, row.ours], row.unit), times(row.ratio)])
    idle = figures.find(*IDLE_VIEW)
    return (
        f"{short_machine(figures.machine)}\n\n"
        f"{table(['work', figures.rival, 'ours', 'ratio'], rows)}\n\n"
        f"An idle view takes {quantities([idle.ours], 'B')[0]}."
    )


def short_machine(machine: Machine) -> str:
    return f"{machine.python}, {machine.cpu}, {cores(machine)}."


def cores(machine: Machine) -> str:
    return f"{machine.cores} cores{' of a virtual machine' if machine.virtual else ''}"


def machine(figures: Figures) -> str:
    it = figures.machine
    pairs = [(r.our_median, r.ours) for r in figures.comparisons if r.estimate == "minimum"]
    excess = statistics.median(median / best - 1 for median, best in pairs if median is not None)
    versions = ", ".join(f"{name} {version}" for name, version in it.versions.items())
    facts = [
        ("processor", f"{it.cpu}, {cores(it)}"),
        ("memory", f"{it.memory_gib:.0f} GiB"),
        ("system", it.system),
        ("Python", it.python),
        ("versions", versions),
        ("load average, before and after", ", ".join(f"{load:.1f}" for load in it.load)),
        ("how far the median round was above the fastest", f"{excess:.0%}"),
    ]
    return table(["what", "here"], facts)


def series(figures: Figures, name: str, what: str, unit: str = "s") -> str:
    """One row for each point: all contenders, and the rival against ours where both are there."""
    lines = figures.series[name].lines
    rival = figures.rival
    both = {rival, "ours"} <= set(lines)
    rows = []
    for index, point in enumerate(figures.series[name].points):
        cells = quantities([line.best[index] for line in lines.values()], unit)
        if both:
            cells.append(times(lines[rival].best[index] / lines["ours"].best[index]))
        rows.append([count(point), *cells])
    return table([what, *map(code, lines), *[f"{rival} / ours"] * both], rows)


def code(label: str) -> str:
    return f"`{label}`" if label == "dict.update" else label


def wake_ups(spreads: dict[str, Spread]) -> str:
    rows = []
    for name, spread in spreads.items():
        seconds = [spread.seconds[level] for level in PERCENTILES]
        rows.append([name, *[digits(second * 1e6) for second in seconds], count(spread.samples)])
    return table(["in us", *PERCENTILES.values(), "samples"], rows)


def behind(figures: Figures) -> str:
    """All that is not clearly faster than something else, without exception."""
    rows = [row for row in figures.comparisons if asks_who_is_faster(row) and row.ratio < LEVEL]
    rows.sort(key=lambda row: row.ratio)
    missed = [row for row in figures.comparisons if row.reached is False]
    level = table(
        ["work", "against", "theirs", "ours", "ratio"],
        [
            [
                f"{heading(row)}: {row.what}",
                row.rival_name,
                *quantities([row.rival, row.ours], row.unit),
                times(row.ratio),
            ]
            for row in rows
        ],
    )
    text = f"Less than {LEVEL} times as fast:\n\n{level}\n\n{behind_in_series(figures)}\n\n"
    if not missed:
        return text + "No target was missed."
    targets = table(
        ["work", "against", "ratio", "target"],
        [
            [f"{heading(row)}: {row.what}", row.rival_name, times(row.ratio), target(row)]
            for row in missed
        ],
    )
    return f"{text}Targets that were missed:\n\n{targets}"


def behind_in_series(figures: Figures) -> str:
    rows = []
    for name, what in SERIES.items():
        series = figures.series[name]
        rival = series.lines[figures.rival].best
        for label, line in series.lines.items():
            for point, theirs, ours in zip(series.points, rival, line.best, strict=True):
                if label.startswith("ours") and theirs / ours < LEVEL:
                    cells = [*quantities([theirs, ours], "s"), times(theirs / ours)]
                    rows.append([what.format(count(point)), label, *cells])
    if not rows:
        return "At no point of the plots."
    heads = ["work", "side", figures.rival, "ours", "ratio"]
    return f"And at these points of the plots:\n\n{table(heads, rows)}"


def heading(row: Row) -> str:
    return row.section.partition(":")[0]


def target(row: Row) -> str:
    return "" if row.target is None else f"> {times(row.target)}"


def everything(figures: Figures) -> str:
    parts = []
    for section, rows in groupby(figures.comparisons, key=lambda row: row.section):
        cells = [
            [
                row.what,
                row.rival_name,
                *quantities([row.rival, row.ours], row.unit),
                times(row.ratio),
                target(row),
            ]
            for row in rows
        ]
        heads = ["work", "against", "theirs", "ours", "ratio", "target"]
        parts.append(f"**{section}**\n\n{table(heads, cells)}")
    return "\n\n".join(parts)


def interpreters(figures: Figures) -> str:
    """The ratios to NanoVer's module, or the model of it, on each interpreter."""
    others = beside.load_all()
    columns = beside.columns(figures, others)
    rows = []
    for (section, what), ratio in columns[beside.series(figures.machine)].items():
        others_here = [column.get((section, what)) for column in list(columns.values())[1:]]
        cells = ["" if other is None else emphasised(other) for other in others_here]
        rows.append([f"{section.partition(':')[0]}: {what}", emphasised(ratio), *cells])
    against = [
        f"{other.machine.python}, against {beside.rival(other.comparisons)}"
        for other in (figures, *others)
    ]
    explained = f"{'; '.join(against)}. Below 1, in bold, ours is slower."
    return f"{explained}\n\n{table(['work', *columns], rows)}"


def emphasised(ratio: float) -> str:
    return times(ratio) if ratio >= 1 else f"**{times(ratio)}**"


def journal(figures: Figures) -> str:
    names = sorted(figures.journal, key=natural)
    rows = [[name.replace("/", ", "), *quantities([figures.journal[name]], "s")] for name in names]
    return table(["work", "median"], rows)


def natural(name: str) -> list[tuple[int, str]]:
    """Order by the numbers in a name as numbers."""
    words = name.replace("/", " ").split()
    return [(int(word), "") if word.isdigit() else (-1, word) for word in words]


def encode(figures: Figures) -> str:
    seconds = ticks(figures)
    rows = [
        [label, *quantities([seconds[library][label] for library in LIBRARIES], "s")]
        for label in seconds[LIBRARIES[0]]
    ]
    return table(["flush and pack, 100 views", *LIBRARIES], rows)


def whole_path(figures: Figures) -> str:
    """One row for each room and pace: per key, per view, and per key of each view."""
    rows = []
    for clients, paces in stages(figures).items():
        for pace, seconds in paces.items():
            each = [seconds["update"] / clients]
            each += [seconds[stage] / clients for stage in ("flush", "encode")]
            both = (seconds["flush"] + seconds["encode"]) / clients**2
            rows.append(
                [
                    count(clients),
                    pace,
                    *quantities(each, "s"),
                    f"{digits(both * 1e9)} ns",
                    *quantities([sum(seconds.values())], "s"),
                ]
            )
    heads = ["clients", "pace", "update, per key", "flush, per view", "encode, per view"]
    return table([*heads, "flush and encode, per key of a view", "the whole tick"], rows)


BLOCKS: dict[str, Callable[[Figures], str]] = {
    "headline": headline,
    "machine": machine,
    "update": lambda figures: series(figures, "update", "views"),
    "large update": lambda figures: series(figures, "large_update", "keys"),
    "buffer flush": lambda figures: series(figures, "buffer_flush", "keys"),
    "view flush": lambda figures: series(figures, "view_flush", "keys"),
    "views apart": lambda figures: series(figures, "views_apart", "keys"),
    "room": lambda figures: series(figures, "room", "clients"),
    "memory": lambda figures: series(figures, "memory", "views", "B"),
    "threads": lambda figures: wake_ups(figures.thread_wake_ups),
    "tasks": lambda figures: wake_ups(figures.task_wake_ups),
    "encode": encode,
    "whole path": whole_path,
    "behind": behind,
    "interpreters": interpreters,
    "everything": everything,
    "journal": journal,
}
