"""Children that run NanoVer's own code, on its own module or on ours."""

from __future__ import annotations

import pytest

from sides import SIDES, Child, run_side


@pytest.fixture(params=SIDES)
def child(request: pytest.FixtureRequest) -> Child:
    side: str = request.param
    return lambda code: run_side(side, code)
