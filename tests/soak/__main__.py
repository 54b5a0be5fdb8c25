"""Everything at once, for a long time: does memory stay flat, and does everybody stay right?

Rounds of a few seconds follow each other. In each, threads and an event loop update, follow,
stall, come and go around two multi-views, one that is frozen at the end of the round and one that
lasts, while signals arrive on the main thread. When the actors have left, every replica must equal
the content, no view and no tombstone may be left, and memory is measured.
"""

from __future__ import annotations

import argparse
import faulthandler
import sys

from rich.console import Console

from soak.report import Progress, problems, table
from soak.rounds import Run, soak

OK, WRONG = 0, 1
FAULTS = ["leak", "lose", "forget", "die"]


def parse_arguments() -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(
        prog="python -m soak", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--seconds", type=float, default=900.0, help="default: %(default)s")
    parser.add_argument(
        "--operations", type=int, default=10_000_000, help="go on until then; default: %(default)s"
    )
    parser.add_argument(
        "--rounds", type=int, default=1, help="go on until then; default: %(default)s"
    )
    parser.add_argument("--round", type=float, default=2.0, help="seconds; default: %(default)s")
    parser.add_argument("--seed", type=int, default=0, help="default: %(default)s")
    parser.add_argument(
        "--fault",
        action="append",
        choices=FAULTS,
        default=[],
        help="do on purpose what must be noticed: leak values, lose deliveries, forget to close "
        "views, die in a thread",
    )
    return parser.parse_args()


def main() -> int:
    """Run, and say how it went."""
    options = parse_arguments()
    console = Console()
    # A deadlock holds the GIL, so the timer must be able to end the process from outside it.
    faulthandler.enable()
    with Progress(console, options.seconds) as progress:
        run = soak(
            Run(set(options.fault), options.seed),
            options.seconds,
            options.operations,
            options.rounds,
            options.round,
            progress.show,
        )
    console.print(table(run))
    found = problems(run)
    for problem in found:
        console.print(f"WRONG: {problem}", style="red", markup=False, soft_wrap=True)
    if not found:
        console.print("all is well")
    return WRONG if found else OK


if __name__ == "__main__":
    sys.exit(main())
