"""No public operation leaves memory behind, be it Python's or Rust's."""

from __future__ import annotations

import ctypes
import inspect
import json
import sys
import textwrap

import pytest

import change_buffers
import operations
import refcounts
from helpers import IS_FREE_THREADED, run_child

STEPS = 1000
"""Each step makes several calls, and what undoes them."""
BOUND = 8000
"""Bytes that may be left for other reasons; an object for every step is more than that."""

PYTHON = """
    import tracemalloc
    tracemalloc.start()

    def measure():
        return tracemalloc.get_traced_memory()[0]
"""

ALL = """
    import ctypes

    class Info(ctypes.Structure):
        _fields_ = [(f"field_{i}", ctypes.c_size_t) for i in range(10)]

    mallinfo2 = ctypes.CDLL(None).mallinfo2
    mallinfo2.restype = Info

    def measure():
        info = mallinfo2()
        return info.field_4 + info.field_7  # mapped by itself, and in use
"""

needs_mallinfo = pytest.mark.skipif(
    sys.platform == "win32" or IS_FREE_THREADED or not hasattr(ctypes.CDLL(None), "mallinfo2"),
    reason="needs mallinfo2(), of glibc 2.33, and a build of Python that can allocate there",
)


def grown(measure: str, names: str = "operations.OPERATIONS", more: str = "") -> dict[str, int]:
    """Give the bytes by which each operation lets a process grow."""
    script = f"""
        import json
        import operations
        print(json.dumps(operations.growth({names}, {STEPS}, measure, {BOUND})))
    """
    parts = (measure, more, script)
    return json.loads(run_child("\n".join(map(textwrap.dedent, parts)), timeout=90))


def too_much(growth: dict[str, int]) -> dict[str, int]:
    return {name: left for name, left in growth.items() if left > BOUND}


def test_operations_leave_no_memory_of_python_behind():
    growth = grown(PYTHON)
    assert growth.keys() == operations.OPERATIONS.keys()
    assert too_much(growth) == {}


@needs_mallinfo
def test_operations_leave_no_memory_at_all_behind(monkeypatch):
    # Without pools of Python's own, every object is an allocation of the C library, as Rust's are.
    monkeypatch.setenv("PYTHONMALLOC", "malloc")
    growth = grown(ALL)
    assert growth.keys() == operations.OPERATIONS.keys()
    assert too_much(growth) == {}


@needs_mallinfo
def test_an_odd_update_leaves_no_memory_behind_while_its_multi_view_lives():
    script = """
        from change_buffers import DictionaryChangeMultiView

        multi_view = DictionaryChangeMultiView()
        multi_view.update({"a": 1})
        names = ["unknown"] * 1_000_000
        before = measure()
        multi_view.update(None, names)
        print(measure() - before)
    """
    kept = int(run_child("\n".join(map(textwrap.dedent, (ALL, script)))))
    assert kept < 100_000


@pytest.mark.parametrize("measure", [PYTHON, pytest.param(ALL, marks=needs_mallinfo)])
def test_a_leak_of_one_small_object_would_be_noticed(measure, monkeypatch):
    if measure == ALL:
        monkeypatch.setenv("PYTHONMALLOC", "malloc")
    leak = """
        import operations

        kept = [None] * 100_000  # so that the list itself does not grow
        numbers = iter(range(100_000))

        @operations.operation
        def leak():
            def step():
                kept[next(numbers)] = object()

            return step
    """
    growth = grown(measure, "['leak', 'update_one_key']", leak)
    assert too_much(growth).keys() == {"leak"}


def test_counting_references_notices_a_leak():
    # A debug build counts references; what any build can count stands in for it here.
    output = run_child(
        """
        import sys
        import operations, refcounts

        def leak():
            return lambda: kept.append(object())

        kept = []
        sys.gettotalrefcount = sys.getallocatedblocks
        operations.OPERATIONS["leak"] = leak
        print(refcounts.report(["leak", "update_one_key"], 500))
        """
    )
    assert "left by 500 steps" in output
    assert output.endswith("\n['leak']\n")


@pytest.mark.skipif(hasattr(sys, "gettotalrefcount"), reason="this build counts references")
def test_counting_references_needs_a_debug_build(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["refcounts.py"])
    with pytest.raises(SystemExit, match="no debug build"):
        refcounts.main()


def test_no_public_method_is_forgotten():
    parts = (operations.data, operations.publishers, operations.views, operations.encode)
    source = "".join(map(inspect.getsource, parts))
    for name in change_buffers.__all__:
        thing = getattr(change_buffers, name)
        if inspect.isfunction(thing):
            assert f"{name}(" in source
        elif inspect.isclass(thing) and thing.__module__.startswith("change_buffers"):
            for method in dir(thing):
                if not method.startswith("_") and not hasattr(Exception, method):
                    assert f".{method}" in source or thing is change_buffers.Stats, method
