"""Measure this tree against another commit of it, to see what a change is worth.

Both builds run in processes of their own that take turns. Where the objects of a process happen to
lie matters as much as many a change, so there are several processes of each; the fastest round of
all counts.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import track

from ratios import Row, report
from remote import Remote

ROOT = Path(__file__).parents[1]
WORKLOADS = ROOT / "benches" / "workloads.py"
WIDTH_OF_A_FILE = 120
MODES = {"plain": "Nothing is encoded", "encoding": "Changes are encoded"}


def run(*command: str | Path, folder: Path = ROOT, **variables: str) -> str:
    environment = {**os.environ, **variables}
    done = subprocess.run(
        command, cwd=folder, check=True, env=environment, stdout=subprocess.PIPE, text=True
    )
    return done.stdout.strip()


@contextmanager
def checked_out(commit: str, folder: Path) -> Iterator[Path]:
    git = ("git", "worktree")
    run(*git, "add", "--quiet", "--detach", folder, commit)
    try:
        yield folder
    finally:
        run(*git, "remove", "--force", folder)


def installed(commit: str, folder: Path) -> Path:
    """Build a commit as this tree was built, and give the folder to import it from."""
    maturin = (sys.executable, "-m", "maturin", "build", "--release", "--locked", "--quiet")
    with checked_out(commit, folder / "tree") as tree:
        run(
            *(*maturin, "--interpreter", sys.executable, "--out", folder),
            # Cargo looks for its settings from here on up.
            folder=tree,
            CARGO_TARGET_DIR=str(ROOT / "target" / "builds"),
        )
    (wheel,) = folder.glob("*.whl")
    site = folder / "site"
    pip = (sys.executable, "-m", "pip", "install", "--quiet", "--no-deps")
    run(*pip, "--target", site, wheel)
    where = "import change_buffers; print(change_buffers.__file__)"
    found = run(sys.executable, "-c", where, PYTHONPATH=str(site))
    assert Path(found).is_relative_to(site), f"{found} would be measured instead"
    return site


def measured(mode: str, site: Path, rounds: int, fastest: dict[str, list[float]]) -> None:
    """Let one process of each build take turns."""
    with (
        Remote(WORKLOADS, mode, PYTHONPATH=str(site)) as rival,
        Remote(WORKLOADS, mode) as ours,
    ):
        for workload in ours.names:
            known = fastest.setdefault(workload, [float("inf"), float("inf")])
            for _ in range(rounds):
                for number, remote in enumerate((rival, ours)):
                    known[number] = min(known[number], remote.ask(workload))


def measure(commit: str, processes: int, rounds: int) -> None:
    name = run("git", "rev-parse", "--short", f"{commit}^{{commit}}")
    console = Console(width=None if sys.stdout.isatty() else WIDTH_OF_A_FILE, highlight=False)
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        console.print(f"building {name}")
        site = installed(name, Path(folder))
        for mode, section in MODES.items():
            fastest: dict[str, list[float]] = {}
            for _ in track(range(processes), section, console=console):
                measured(mode, site, rounds, fastest)
            for what, (rival, ours) in fastest.items():
                rows.append(Row(section, what, name, rival, ours, target=None))
    console.print(report(rows, f"This tree against {name}"))


def main() -> None:
    parser = argparse.ArgumentParser(prog="builds.py", description=__doc__)
    parser.add_argument(
        "commit",
        nargs="?",
        default="HEAD",
        help="what to measure against, in any form that git knows; default: the last one",
    )
    parser.add_argument("--processes", type=int, default=5, help="default: %(default)s")
    parser.add_argument("--rounds", type=int, default=20, help="in each; default: %(default)s")
    arguments = parser.parse_args()
    try:
        measure(arguments.commit, arguments.processes, arguments.rounds)
    except subprocess.CalledProcessError as error:
        parser.exit(1, f"{parser.prog}: {' '.join(map(str, error.cmd))} has failed\n")
    except KeyboardInterrupt:
        parser.exit(130)


if __name__ == "__main__":
    main()
