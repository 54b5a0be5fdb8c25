"""What the sources must not say, because no test that runs would notice every case of it.

The rules are those of docs/design.md; H2, H3, H8, H10 and H37 in docs/reliability.md say why.
"""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
BINDING = sorted((ROOT / "rust" / "binding" / "src").rglob("*.rs"))
CORE = sorted(
    path for path in (ROOT / "rust" / "core" / "src").rglob("*.rs") if "tests" not in path.name
)
COMMENT = re.compile(r"//.*")


def text_of(path: Path) -> str:
    return COMMENT.sub("", path.read_text(encoding="utf-8"))


def functions(text: str, name: str) -> list[str]:
    """Give the bodies of the functions of this name, a regular expression."""
    bodies = []
    for found in re.finditer(rf"\bfn (?:{name})\b[^;{{]*{{", text):
        depth, end = 1, found.end()
        while depth:
            depth += {"{": 1, "}": -1}.get(text[end], 0)
            end += 1
        bodies.append(text[found.start() : end])
    return bodies


def test_what_the_collector_calls_never_waits() -> None:
    # Nor may it change a count, make an object or attach: the collector is in the middle of it.
    forbidden = re.compile(
        r"\.lock\(\)|clone|attach|Python::|format!|\bdrop\(|assert|expect|unwrap|\bnew\("
    )
    bodies = []
    for path in [*BINDING, *CORE]:
        bodies += functions(text_of(path), r"__traverse__|visit\w*|try_each_\w+")
    assert len(bodies) > 15
    assert [body for body in bodies if forbidden.search(body)] == []


def test_the_lock_is_taken_in_one_place() -> None:
    taken = {
        path.name: found
        for path in CORE
        if path.parent.name != "sync"  # what it is a model of is not taken there
        if (found := re.findall(r"\bdata\s*\.\s*(\w*lock\w*)\(", text_of(path)))
    }
    # By `take()`, in forked children another way, and where it is only tried.
    store = text_of(ROOT / "rust" / "core" / "src" / "store" / "departed.rs")
    assert taken == {
        # Also by whatever may happen in the middle of anything: that is tried alone.
        "departed.rs": ["lock", *["try_lock"] * 5],
        "collect.rs": ["try_lock", "try_lock"],
    }
    tried = ("leave", "depart", "look_after_departed", "wake_in_passing")
    for name in ("take", "take_without_a_queue", *tried):
        (body,) = functions(store, name)
        assert re.search(r"\bdata\s*\.\s*\w*lock\(", body), name


def test_threads_detach_for_nothing_but_sleep() -> None:
    detached = [
        found
        for path in BINDING
        for found in re.findall(r".*\b(?:detach|allow_threads|SuspendAttach)\b.*", text_of(path))
    ]
    assert len(detached) >= 2
    closure = re.compile(r"py\.detach\(\|\| sleeper\.sleep\([^|]*\)\)")
    assert [line for line in detached if not closure.search(line)] == []


def test_helpers_that_attach_under_a_lock_are_refused() -> None:
    lints = (ROOT / "clippy.toml").read_text(encoding="utf-8")
    for helper in ("lock_py_attached", "read_py_attached", "write_py_attached"):
        assert f"::{helper}" in lints
        assert not [path for path in BINDING if helper in text_of(path)]
    assert 'disallowed_methods = "deny"' in (ROOT / "Cargo.toml").read_text(encoding="utf-8")
    silenced = r"(?:allow|expect)\([^)]*disallowed_methods"
    assert not [path for path in [*BINDING, *CORE] if re.search(silenced, text_of(path))]


def test_every_class_is_checked_when_it_is_compiled() -> None:
    classes = set()
    for path in BINDING:
        text = text_of(path)
        declared = re.findall(r"#\[pyclass\b([^\]]*)\][^;{]*?\bstruct (\w+)", text)
        assert len(declared) == len(re.findall(r"#\[pyclass\b", text)), path
        assert all("frozen" in options for options, _ in declared), path
        assert not re.search(r"&mut self", "".join(functions(text, r"__\w+__"))), path
        classes |= {name for _, name in declared}
    checked = text_of(ROOT / "rust" / "binding" / "src" / "classes.rs")
    (listed,) = re.findall(r"^check!\((.*?)\);", checked, re.MULTILINE | re.DOTALL)
    assert set(re.findall(r"\w+", listed)) == classes
