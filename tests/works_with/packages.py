"""The packages of other people that these tests run against, each in a process of its own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PYPROJECT = Path(__file__).parents[2] / "pyproject.toml"


def needs(*modules: str) -> None:
    """Skip the test where one of these cannot be imported.

    They are not imported here: some of them change the whole process.
    """
    for module in modules:
        if find_spec(module) is None:
            pytest.skip(f"could not import {module!r}")


INTERPRETER_LACKS = "this interpreter lacks"
"""How the reason of a skip begins that no package could change."""


def wanted() -> Iterator[Requirement]:
    """Give the dependency group `works-with`, which `make` installs as far as it can be had."""
    text = PYPROJECT.read_text(encoding="utf-8")
    # Python reads TOML itself from 3.11 on only.
    [group] = re.findall(r"^works-with = \[\n(.*?)^\]", text, re.MULTILINE | re.DOTALL)
    return (Requirement(line) for line in re.findall(r'^ *"(.*?)",', group, re.MULTILINE))


def not_to_be_had() -> set[str]:
    """Give the packages that the group rules out for this interpreter, as indexes name them."""
    names = (p.name for p in wanted() if p.marker and not p.marker.evaluate())
    return {canonicalize_name(name) for name in names}
