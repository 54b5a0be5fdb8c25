"""Children that run NanoVer's own code, on its own module or on ours."""

from __future__ import annotations

import textwrap
from collections.abc import Callable

from helpers import run_child

SIDES = {
    "alone": "",
    "installed": "change_buffers.install()",
    "encoding": "change_buffers.install(encode=True)",
}

Child = Callable[[str], str]

PRELUDE = """
import sys
sys.path.insert(0, "with_nanover")
import change_buffers
{side}
import nanover.utilities.change_buffers
IS_OURS = {is_ours}
from nanover.utilities.change_buffers import DictionaryChange
assert (DictionaryChange is change_buffers.DictionaryChange) is IS_OURS
import numpy
from rooms import *
"""


def run_side(side: str, code: str) -> str:
    """Run code in a process of its own, with NanoVer as one side has it."""
    prelude = PRELUDE.format(side=SIDES[side], is_ours=side != "alone")
    # What websockets says about the calls that NanoVer makes is not ours to mend.
    return run_child(prelude + textwrap.dedent(code), "-W", "ignore::DeprecationWarning")
