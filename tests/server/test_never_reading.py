"""Clients that never read take next to no memory: `make bench-server` tries more, for longer."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("psutil")

BENCHES = Path(__file__).parents[2] / "benches"
CLIENTS = 100


def test_the_memory_of_the_server_is_bounded() -> None:
    command = [sys.executable, "-m", "sockets.sleepers", f"--clients={CLIENTS}", "--seconds=3"]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=60, cwd=BENCHES, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    # Ninety large values are a megabyte: as many messages in a queue for each would be 90 MB.
    assert found["grown"] < 40e6
    assert found["clients"] == CLIENTS
