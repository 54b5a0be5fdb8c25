"""NanoVer's own module. A test file that imports this is skipped where NanoVer is not installed."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

NEEDED = "CHANGE_BUFFERS_TESTS_NEED_NANOVER"
"""Set where these tests have to run: then a missing NanoVer is an error."""


def imported(name: str) -> ModuleType:
    """Import a module of NanoVer, or skip the test file and say what would bring it."""
    if os.environ.get(NEEDED) or importlib.util.find_spec("nanover") is not None:
        return importlib.import_module(name)
    if sys.version_info < (3, 13):
        reason = "NanoVer needs Python 3.13 or newer"
    else:
        reason = "NanoVer is not installed"
    return pytest.skip(f"{reason}: make test-nanover", allow_module_level=True)


OWN: Any = imported("nanover.utilities.change_buffers")
PACKAGE = Path(OWN.__file__).parents[1]
