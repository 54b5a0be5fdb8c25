"""The module is for the main interpreter; anywhere else it says so."""

from __future__ import annotations

import sys

import pytest

from helpers import run_child

MODULE = "_interpreters" if sys.version_info >= (3, 13) else "_xxsubinterpreters"

SCRIPT = """
try:
    import change_buffers
except ImportError:
    print("refused", flush=True)
"""


@pytest.mark.parametrize("before", ["", "import change_buffers"])
def test_a_sub_interpreter_is_refused(before: str) -> None:
    output = run_child(
        f"import {MODULE} as interpreters\n{before}\n"
        f"other = interpreters.create()\n"
        f"interpreters.run_string(other, {SCRIPT!r})\n"
        f"interpreters.destroy(other)\n"
    )
    assert output == "refused\n"
