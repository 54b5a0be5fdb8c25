"""The stubs carry the same text as the running module."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest

import change_buffers
from change_buffers import _core

STUB = Path(change_buffers.__file__).with_name("_core.pyi")


def documented(body: list[ast.stmt], owner: object) -> Iterator[tuple[str, str | None, object]]:
    """Every class and function of the stub with its docstring and the running object."""
    for node in body:
        if isinstance(node, (ast.ClassDef, ast.FunctionDef)):
            running = inspect.getattr_static(owner, node.name)
            yield node.name, ast.get_docstring(node), getattr(running, "__func__", running)
        if isinstance(node, ast.ClassDef):
            yield from documented(node.body, getattr(owner, node.name))


STUBBED = list(documented(ast.parse(STUB.read_text(encoding="utf-8")).body, _core))


@pytest.mark.parametrize(("name", "text", "running"), STUBBED, ids=[name for name, *_ in STUBBED])
def test_a_docstring_is_the_same_in_the_stub_and_at_run_time(
    name: str, text: str | None, running: object
) -> None:
    if text is None:
        assert name.startswith("__") or name == "interval", f"{name} has no docstring in the stub"
    else:
        assert inspect.cleandoc(running.__doc__ or "") == text


def test_the_module_has_a_docstring_in_the_stub_too() -> None:
    text = ast.get_docstring(ast.parse(STUB.read_text(encoding="utf-8")))
    assert text == inspect.cleandoc(_core.__doc__ or "")
