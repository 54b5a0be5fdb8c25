"""What the page of differences says about NanoVer is so: one test for each row of its table."""

from __future__ import annotations

import copy
import inspect
import math
import re
import threading
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from helpers import HANG, SETTLE, PlainMapping, Worker, raising_iterator
from own import OWN

PAGE = Path(__file__).parents[2] / "docs" / "differences.md"
ROW = re.compile(r"^\| \[([^]]+)\]", re.MULTILINE)


@pytest.fixture
def multi_view() -> Any:
    return OWN.DictionaryChangeMultiView()


@pytest.fixture
def buffer() -> Any:
    return OWN.DictionaryChangeBuffer()


def pending(buffer: Any) -> tuple[Any, Any]:
    return buffer._pending_changes, buffer._pending_removals


def leave(context: Any, error: Exception) -> bool:
    """Whether a `with` body that raises ends without the error."""
    try:
        return bool(context.__exit__(type(error), error, None))
    except type(error):
        return False


def is_stuck(worker: Worker) -> bool:
    worker.join(20 * SETTLE)
    return worker.is_alive()


def a_with_body_raises(multi_view: Any, buffer: Any) -> None:
    context = multi_view.create_view()
    view = context.__enter__()
    error = RuntimeError()
    assert not leave(context, error)
    multi_view.update({"a": 1})
    assert pending(view) == ({"a": 1}, set())


def a_loop_is_left(multi_view: Any, buffer: Any) -> None:
    multi_view.update({"a": 1})
    for _ in multi_view.subscribe_changes():
        break
    assert len(multi_view._views) == 1


def a_view_is_dropped(multi_view: Any, buffer: Any) -> None:
    view = multi_view.create_view().__enter__()
    del view
    assert len(multi_view._views) == 1


def freezing_with_several_waiting(multi_view: Any, buffer: Any) -> None:
    waiting = [Worker(buffer.flush_changed_blocking) for _ in range(3)]
    time.sleep(SETTLE)
    buffer.freeze()
    assert sum(map(is_stuck, waiting)) == 2


def idle_time(multi_view: Any, buffer: Any) -> None:
    interval = 0.05
    buffer.update({"a": 1})
    changes = buffer.subscribe_changes(interval)
    next(changes)
    time.sleep(10 * interval)
    start = time.monotonic()
    for number in range(6):
        buffer.update({"a": number})
        next(changes)
    assert time.monotonic() - start < 5 * interval


def freezing_during_an_interval(multi_view: Any, buffer: Any) -> None:
    interval = 10 * SETTLE
    buffer.update({"a": 1})
    changes = buffer.subscribe_changes(interval)
    next(changes)
    end = Worker(next, changes, None)
    time.sleep(SETTLE)
    buffer.freeze()
    start = time.monotonic()
    assert end.result() is None
    assert time.monotonic() - start > interval / 2


def calling_back(multi_view: Any, buffer: Any) -> None:
    class Curious(PlainMapping):
        def __getitem__(self, key: Any) -> Any:
            return multi_view.copy_content()

    assert is_stuck(Worker(multi_view.update, Curious({"a": 1})))


def an_update_raises_half_way(multi_view: Any, buffer: Any) -> None:
    multi_view.update({"a": 1, "b": 2})
    with pytest.raises(Exception, match="c"):
        multi_view.update({"d": 3}, raising_iterator("a", "c"))
    assert multi_view.copy_content() == {"b": 2, "d": 3}


def keys(multi_view: Any, buffer: Any) -> None:
    multi_view.update({5: "five", None: "none"})
    assert multi_view.copy_content() == {5: "five", None: "none"}


def one_string_as_removals(multi_view: Any, buffer: Any) -> None:
    buffer.update(removals="abc")
    assert pending(buffer) == ({}, {"a", "b", "c"})


def an_iterator_as_removals(multi_view: Any, buffer: Any) -> None:
    multi_view.update({"a": 1})
    with multi_view.create_view() as view:
        view.flush_changed_blocking()
        multi_view.update(None, iter(["a"]))
        assert multi_view.copy_content() == {}
        assert pending(view) == ({}, set())
    buffer.update(None, iter(["a"]))
    assert pending(buffer) == ({}, set())


def arguments_of_other_kinds(multi_view: Any, buffer: Any) -> None:
    for nothing in ([], (), False, 0, ""):
        multi_view.update(nothing)
        buffer.update(nothing)
        buffer.update(None, nothing)
    multi_view.update([("a", 1)])
    buffer.update(None, ["a"])
    buffer.update({"a": 1}.items())
    assert multi_view.copy_content() == {"a": 1}
    # It was told of a pair where it expects a key, so the removal is not cancelled.
    assert pending(buffer) == ({"a": 1}, {"a"})


def invalid_intervals(multi_view: Any, buffer: Any) -> None:
    for interval in (-1, math.nan):
        changes = buffer.subscribe_changes(interval)
        for number in range(3):
            buffer.update({"a": number})
            assert Worker(next, changes).result(HANG).updates == {"a": number}


def the_order_of_keys_in_a_change(multi_view: Any, buffer: Any) -> None:
    with multi_view.create_view() as view:
        for key in ("a", "b", "a"):
            multi_view.update({key: 1})
        assert list(view.flush_changed_blocking().updates) == ["a", "b"]


def subclasses_that_override(multi_view: Any, buffer: Any) -> None:
    class Buffer(OWN.DictionaryChangeBuffer):
        def flush_changed_blocking(self) -> Any:
            return "its own"

    class MultiView(OWN.DictionaryChangeMultiView):
        def create_view(self) -> Any:
            return nullcontext(Buffer())

    assert next(Buffer().subscribe_changes()) == "its own"
    assert next(MultiView().subscribe_changes()) == "its own"


def what_the_objects_are(multi_view: Any, buffer: Any) -> None:
    assert inspect.isgenerator(buffer.subscribe_changes())
    assert callable(multi_view.create_view()(len))
    assert vars(buffer)["_pending_changes"] is buffer._pending_changes
    change = OWN.DictionaryChange({"a": 1}, set())
    assert vars(change)["updates"] is change.updates
    copied = copy.copy(buffer)
    copied.update({"a": 1})
    assert pending(buffer) == ({"a": 1}, set())

    class Forgetful(OWN.DictionaryChangeBuffer):
        def __init__(self) -> None:
            pass

    with pytest.raises(AttributeError):
        Forgetful().update({"a": 1})
    assert " at 0x" in repr(change)


def green_threads(multi_view: Any, buffer: Any) -> None:
    # gevent and eventlet put classes of their own in place of these.
    assert isinstance(buffer._any_changes, threading.Condition)


STATED = [
    a_with_body_raises,
    a_loop_is_left,
    a_view_is_dropped,
    freezing_with_several_waiting,
    idle_time,
    freezing_during_an_interval,
    calling_back,
    an_update_raises_half_way,
    keys,
    one_string_as_removals,
    arguments_of_other_kinds,
    an_iterator_as_removals,
    invalid_intervals,
    the_order_of_keys_in_a_change,
    subclasses_that_override,
    what_the_objects_are,
    green_threads,
]


def test_every_row_is_tested() -> None:
    rows = ROW.findall(PAGE.read_text(encoding="utf-8"))
    names = [re.sub("[ -]", "_", row.replace("`", "")) for row in rows]
    assert names == [stated.__name__ for stated in STATED]


@pytest.mark.parametrize("stated", STATED)
def test_nanover_is_as_the_page_says(stated: Any, multi_view: Any, buffer: Any) -> None:
    stated(multi_view, buffer)
