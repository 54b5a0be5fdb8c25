"""The example of a client that comes back, run as its users run it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

RECONNECT = Path(__file__).parents[2] / "examples" / "reconnect.py"


def test_a_client_that_comes_back_gets_what_it_has_missed():
    command = [sys.executable, "-W", "error", RECONNECT]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    first, missed, anew = map(int, re.findall(r"\d+", done.stdout))
    assert 0 < missed < 200 < 10_000 < anew < first


def test_it_is_short():
    assert len(RECONNECT.read_text(encoding="utf-8").splitlines()) < 80
