"""NanoVer's modules by name, and where they can be seen once they are imported."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

ROOT = "nanover"
PARENT = "nanover.utilities"
MODULE = "nanover.utilities.change_buffers"


def places(*names: str) -> Iterator[tuple[dict[str, Any], str]]:
    """Where a loaded module can be seen: ``sys.modules`` and the namespace of its parent."""
    for name in names:
        yield sys.modules, name
        parent, _, child = name.rpartition(".")
        package = sys.modules.get(parent)
        if isinstance(package, ModuleType):
            yield vars(package), child


def modules_that_keep_the_old_classes() -> list[str]:
    """Name the loaded modules of NanoVer that hold its change buffers, or the module of these."""
    old = sys.modules.get(MODULE)
    keepers = set()
    for name, module in sys.modules.copy().items():
        if name == MODULE or not f"{name}.".startswith(f"{ROOT}."):
            continue
        for key, value in getattr(module, "__dict__", {}).copy().items():
            if isinstance(value, type):
                keeps = value.__module__ == MODULE
            else:
                # The attribute of the parent is exchanged together with the module.
                keeps = value is old is not None and f"{name}.{key}" != MODULE
            if keeps:
                keepers.add(name)
    return sorted(keepers)
