"""What is imported when, and that tools which collect a program's modules can see all of it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers import run_child

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "python" / "change_buffers"
BINDING = ROOT / "rust" / "binding" / "src"

PYTHON_NEEDS = {"os", "copyreg", "_signal", "time"}
"""Imported by the interpreter by itself, or built into it."""


def imported_by_statement() -> Iterator[str]:
    for path in PACKAGE.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                assert node.module is not None
                yield node.module
                yield from (f"{node.module}.{alias.name}" for alias in node.names)


def imported_by_rust() -> Iterator[str]:
    for path in BINDING.rglob("*.rs"):
        text = path.read_text(encoding="utf-8")
        for arguments in re.findall(r"\bimport(?:_bound)?\(([^;]*?)\)", text):
            [module, *_] = re.findall(r'"([^"]+)"', arguments)
            yield module


def test_whatever_rust_imports_is_imported_by_a_statement_too() -> None:
    found = set(imported_by_rust())
    assert {"asyncio", "change_buffers"} <= found, "this no longer finds what it looks for"
    assert found - PYTHON_NEEDS - {"change_buffers"} <= set(imported_by_statement())


def test_nothing_is_imported_by_a_name_that_is_put_together() -> None:
    # The runner of programs has to be told what to run; NanoVer is no part of programs without it.
    others = {PACKAGE / "nanover.py", PACKAGE / "_nanover_encoding.py"}
    for path in set(PACKAGE.glob("*.py")) - others:
        text = path.read_text(encoding="utf-8")
        assert not re.findall(r"import_module\(|__import__\(", text), path


@pytest.mark.parametrize("use", ["", "r.update({'a': 1}); next(r.subscribe_changes())"])
def test_asyncio_is_not_imported_before_something_awaits(use: str) -> None:
    run_child(f"""
        import sys
        import change_buffers
        r = change_buffers.DictionaryChangeMultiView()
        {use}
        assert not {{"asyncio", "json", "msgpack", "ormsgpack", "orjson"}} & sys.modules.keys()
        r.create_view().__enter__().flush_changed
        async def use():
            async with r.subscribe_changes():
                pass
        try:
            use().send(None)
        except StopIteration:
            pass
        assert "asyncio" in sys.modules
    """)
