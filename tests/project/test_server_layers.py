"""The server stands on the public names of this package alone, and its parts on each other."""

from __future__ import annotations

import ast
import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers import run_child

PACKAGE = Path(__file__).parents[2] / "python" / "change_buffers" / "server"
MODULES = sorted(PACKAGE.glob("*.py"))
TRANSPORTS = {"connection", "serving", "asgi", "__main__", "__init__"}
"""Who knows sockets, or event loops."""
NEEDED = {"msgpack", "websockets"}
"""What the extra installs."""
FASTER = {"orjson", "uvloop"}
"""What is used if it is there."""


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
        if module.split(".")[0] != "change_buffers":
            continue
        parts = [*module.split("."), *([name] if name else [])]
        assert not any(part.startswith("_") for part in parts), parts
        if not module.startswith("change_buffers.server"):
            assert module in {"change_buffers", "change_buffers.codecs", "change_buffers.redis"}
            assert name in importlib.import_module(module).__all__


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_it_needs_little_else(path: Path) -> None:
    roots = {module.split(".")[0] for module, _ in imports(path)}
    others = roots - {"change_buffers", "__future__"} - set(sys.stdlib_module_names)
    assert others <= NEEDED | FASTER
    if path.stem not in {"connection", "frames"}:
        assert "websockets" not in others


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_only_transports_know_sockets_and_event_loops(path: Path) -> None:
    roots = {module.split(".")[0] for module, _ in imports(path)}
    allowed = {
        "asyncio": TRANSPORTS | {"room"},
        "socket": {"connection"},
        "ssl": {"serving", "__main__"},
        "selectors": set(),
    }
    assert [root for root in roots if path.stem not in allowed.get(root, {path.stem})] == []


def test_no_file_is_long() -> None:
    lengths = {p.name: len(p.read_text(encoding="utf-8").splitlines()) for p in MODULES}
    assert {name: length for name, length in lengths.items() if length > 400} == {}


def test_the_package_itself_needs_none_of_it() -> None:
    run_child("""
        import sys
        import change_buffers, change_buffers.codecs
        assert not {"websockets", "msgpack", "change_buffers.server"} & sys.modules.keys()
    """)
