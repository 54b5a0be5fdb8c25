"""Count all references there are while every public operation is called over and over.

For a debug build of CPython, which keeps that count: `make test-refcounts` makes one of this
package for it. A reference too many or too few for each call shows, whatever it refers to.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable

import operations

SLACK = 20
"""References that may come or go in a whole run for other reasons than the calls."""


def measures() -> dict[str, Callable[[], int]]:
    """Give what is counted: references, and blocks of memory."""
    count = getattr(sys, "gettotalrefcount", None)
    if count is None:
        sys.exit(f"{sys.executable} is no debug build of Python: it does not count references")
    return {"references": count, "blocks": sys.getallocatedblocks}


def report(names: Iterable[str], times: int) -> list[str]:
    """Print by how much each count grew, and give the names of what did not stay as it was."""
    wrong = []
    print(f"{'references':>10} {'blocks':>7}  left by {times} steps of")
    for name in names:
        grown = {
            kind: operations.growth([name], times, measure, SLACK)[name]
            for kind, measure in measures().items()
        }
        # One too few would end in a crash, some day.
        if max(grown.values()) > SLACK or grown["references"] < -times // 20:
            wrong.append(name)
        print(f"{grown['references']:>+10} {grown['blocks']:>+7}  {name.replace('_', ' ')}")
    return wrong


def main() -> int:
    """Count, and say what did not stay as it was."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--steps", type=int, default=2000, help="default: %(default)s")
    options = parser.parse_args()
    wrong = report(operations.OPERATIONS, options.steps)
    for name in wrong:
        print(f"WRONG: {name} leaves references or memory behind, or takes some away")
    print(f"{len(operations.OPERATIONS)} operations, {len(wrong)} of them wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
