"""What the tests rely on to see a hang does see it."""

from __future__ import annotations

import sys
from datetime import timedelta

import pytest

from helpers import PATIENCE, run_child


@pytest.mark.skipif(sys.platform == "win32", reason="needs a sleep() that holds the GIL")
def test_a_child_that_hangs_with_the_gil_is_ended_and_says_where():
    """Nothing in such a process could run but what needs no GIL. (H45 in docs/reliability.md)"""
    with pytest.raises(AssertionError) as raised:
        run_child(
            """
            import ctypes

            def hang():
                ctypes.PyDLL(None).sleep(300)  # unlike CDLL this keeps the GIL

            hang()
            """,
            timeout=1,
        )
    report = str(raised.value)
    assert f"Timeout ({timedelta(seconds=PATIENCE)})!" in report
    assert "in hang" in report


@pytest.mark.parametrize(
    "code",
    ["raise SystemExit(3)", "import os; os.abort()", "import sys; print(1, file=sys.stderr)"],
)
def test_a_child_that_does_not_end_well_and_silently_is_noticed(code):
    with pytest.raises(AssertionError):
        run_child(code)
