"""Rooms that processes share stand on the public interface alone, and on the client of Redis."""

from __future__ import annotations

import ast
import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "python" / "change_buffers" / "redis"
MODULES = sorted(PACKAGE.glob("*.py"))
NEEDED = {"msgpack", "redis"}


def imports(path: Path) -> Iterator[tuple[str, str | None]]:
    """Give each module that a file imports, and each name from it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, None
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name} imports relatively"
            assert node.module is not None
            for alias in node.names:
                yield node.module, alias.name


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_it_imports_public_names_only(path: Path) -> None:
    for module, name in imports(path):
        if module.split(".")[0] != "change_buffers" or module.startswith("change_buffers.redis"):
            continue
        assert module in {"change_buffers", "change_buffers.codecs"}
        assert name in importlib.import_module(module).__all__


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_it_needs_little_else(path: Path) -> None:
    roots = {module.split(".")[0] for module, _ in imports(path)}
    # What is for type checkers alone is not imported.
    others = roots - {"change_buffers", "__future__", "typing_extensions"}
    assert others - set(sys.stdlib_module_names) <= NEEDED


def test_the_package_is_not_imported_by_others() -> None:
    for path in PACKAGE.parent.glob("*.py"):
        assert not any("redis" in module for module, _ in imports(path)), path
