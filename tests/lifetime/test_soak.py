"""The long run of `make test-long`, made short, and that it would notice what it looks for."""

from __future__ import annotations

import re
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest

from helpers import run_child
from soak.memory import FEWEST, judge
from soak.report import problems
from soak.rounds import Run
from soak.stage import SoakError
from soak.writers import IN_FLIGHT, check_counts

MIB = 2**20


def soak(*options: str) -> tuple[int, str]:
    child = subprocess.run(
        [sys.executable, "-W", "error", "-m", "soak", "--operations", "0", *options],
        capture_output=True,
        text=True,
        timeout=100,
        cwd=Path(__file__).parents[1],
        check=False,
    )
    assert child.stderr == "", child.stderr
    return child.returncode, child.stdout


def figures(table: str) -> dict[str, int]:
    """Give the whole numbers of the table."""
    rows = re.findall(r"^. ([\w ]+\w) +. +([\d,]+) .$", table, re.MULTILINE)
    return {kind: int(number.replace(",", "")) for kind, number in rows}


def test_everything_at_once_goes_well():
    status, output = soak("--seconds", "3", "--round", "0.6")
    assert status == 0, output
    assert output.endswith("all is well\n")
    counted = figures(output)
    assert counted["all operations"] > 10_000
    # Each of these is a way to come, to stall, to leave or to die.
    for kind in [
        "break out",
        "cancelled waits",
        "close subscription",
        "collections",
        "deliveries to tasks",
        "deliveries to threads",
        "die with a view",
        "drop subscription",
        "drop view",
        "drop view in a cycle",
        "event loops",
        "flushes after a stall",
        "freeze view",
        "interrupted waits",
        "live and freeze",
        "loops of tasks left",
        "raise in body",
        "remove view",
        "signals",
        "timeouts of tasks",
        "tombstones that were owed",
        "updates of a new key",
        "updates refused",
        "updates with a huge value",
        "wait in vain",
    ]:
        assert counted[kind] > 0, output


@pytest.mark.parametrize(
    ("fault", "account"),
    [
        ("lose", "WRONG: _follow died of SoakError: the replica of a subscription"),
        ("forget", "WRONG: somebody left something"),
        ("die", "WRONG: stall died of RuntimeError: as told to"),
    ],
)
def test_it_notices_when_something_goes_wrong(fault, account):
    status, output = soak("--seconds", "0", "--round", "0.3", "--fault", fault)
    assert status == 1
    assert account in output


def test_it_notices_a_leak():
    rounds = ["--rounds", str(FEWEST), "--round", "0.03"]
    status, output = soak("--seconds", "0", *rounds, "--fault", "leak")
    assert status == 1
    assert "WRONG: resident memory is not flat" in output


@pytest.mark.parametrize(("kept", "noticed"), [(100 + IN_FLIGHT, False), (101 + IN_FLIGHT, True)])
def test_it_notices_tombstones_that_nobody_is_owed(kept, noticed):
    stats = SimpleNamespace(tombstones=kept, lag_keys=100)
    with pytest.raises(SoakError) if noticed else nullcontext():
        check_counts(SimpleNamespace(stats=lambda: stats))


# The verdict on memory


def test_memory_that_goes_up_and_down_is_flat():
    samples = [50 * MIB, 90 * MIB, *[(100 + i % 7) * MIB for i in range(100)]]
    verdict = judge(samples)
    assert verdict.judged
    assert verdict.flat


def test_memory_that_grows_slowly_is_not_flat():
    assert not judge([(100 + i * 0.1) * MIB for i in range(100)]).flat


def test_memory_that_was_not_flat_in_between_is_not_flat():
    assert not judge([100 * MIB] * 50 + [110 * MIB] * 20 + [100 * MIB] * 30).flat


def test_growth_while_it_warms_up_is_no_leak():
    assert judge([(80 + i) * MIB for i in range(20)] + [100 * MIB] * 80).flat


def test_too_few_samples_are_not_judged():
    run = Run(set(), 0)
    run.samples += [100 * MIB, 200 * MIB]
    assert not judge(run.samples).judged
    assert problems(run) == []
    run.samples += [200 * MIB] * FEWEST
    assert problems(run) == []
    run.samples += [400 * MIB] * FEWEST
    run.blocks += range(1, 100)
    assert len(problems(run)) == 2


def test_what_is_resident_is_what_a_process_has():
    # In a process of its own, for some systems tell only the most that there ever was.
    output = run_child(
        """
        from soak.memory import resident
        before = resident()
        data = b"x" * 50_000_000
        print(resident() - before)
        """
    )
    assert int(output) > 45_000_000
