"""Children that run NanoVer's own code, on its own module or on ours."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from sides import SIDES, Child, run_side

# The state machine is one of these.
sys.path.append(str(Path(__file__).parents[1] / "models"))


@pytest.fixture(params=SIDES)
def child(request: pytest.FixtureRequest) -> Child:
    side: str = request.param
    return lambda code: run_side(side, code)
