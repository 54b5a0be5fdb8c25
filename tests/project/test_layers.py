"""The folders of the binding stand in the order in which data flows: imports point one way."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BINDING = ROOT / "rust" / "binding" / "src"

ORDER = ["args", "kept", "bytes", "change", "tasks", "journal", "follow", "view"]

MODULE = re.compile(r"^    pub\(crate\) mod (\w+);|^mod (\w+) \{", re.MULTILINE)
IMPORT = re.compile(r"\bcrate::(\w+)::(\w+)")


def imports() -> dict[tuple[str, str], set[tuple[str, str]]]:
    """For each module of a folder, the modules of folders that it names."""
    return {
        (path.parent.name, path.stem): {
            (folder, module)
            for folder, module in IMPORT.findall(path.read_text(encoding="utf-8"))
            if folder in ORDER
        }
        for path in BINDING.glob("*/*.rs")
    }


def test_the_folders_are_declared_in_their_order() -> None:
    text = (BINDING / "lib.rs").read_text(encoding="utf-8")
    declared = [folder for _, folder in MODULE.findall(text) if folder in ORDER]
    assert declared == ORDER
    assert {path.parent.name for path in BINDING.glob("*/*.rs")} == set(ORDER)


@pytest.mark.parametrize("folder", ORDER)
def test_a_folder_imports_from_those_before_it_only(folder: str) -> None:
    allowed = ORDER[: ORDER.index(folder) + 1]
    found = {
        f"{folder}/{module}.rs imports {other}::{name}"
        for (of, module), named in imports().items()
        if of == folder
        for other, name in named
        if other not in allowed
    }
    assert not found


def test_no_module_imports_itself_by_way_of_others() -> None:
    graph = imports()
    while leaves := {module for module, named in graph.items() if not named & graph.keys()}:
        graph = {module: named for module, named in graph.items() if module not in leaves}
    assert not graph, f"a ring among {sorted('/'.join(module) for module in graph)}"
