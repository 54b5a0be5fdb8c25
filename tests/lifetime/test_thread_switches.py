"""Threads that are switched as often as can be, in the middle of everything, do no harm.

A thread that holds the GIL and wants the lock, and another that holds the lock and wants the GIL,
would wait for each other for ever: so nothing may release the GIL while it holds the lock. Tracing
allocations and the development mode make more of what is called do so. (H7 in docs/reliability.md)
"""

from __future__ import annotations

import pytest

from helpers import LONGER, run_child

UNFRIENDLY = """
import sys, threading
from change_buffers import DictionaryChangeMultiView, ObjectFrozenError

sys.setswitchinterval(1e-6)
multi_view = DictionaryChangeMultiView()
errors = []

def run(function):
    def body():
        try:
            function()
        except BaseException as error:
            errors.append(error)
            raise
    thread = threading.Thread(target=body)
    thread.start()
    return thread

def produce():
    for i in range(1500 * LONGER):
        multi_view.update({f"key {i % 20}": [i]}, [f"key {i % 7}"])

def look():
    for i in range(400 * LONGER):
        multi_view.copy_content(), multi_view.stats(), repr(multi_view)
        with multi_view.create_view() as view, multi_view.create_view("key 1") as picky:
            view.update({"private": [i]}, ["key 1"])
            view._pending_changes, view._pending_removals
            change = view.flush_changed_blocking()
            if codec:
                change.encode(codec)
            repr(change)
            view.freeze()
            picky.flush_changed_nowait()
            try:
                picky.flush_changed_blocking(1e-6)
            except TimeoutError:
                pass
            multi_view.remove_view(picky)
        with multi_view.subscribe_changes(1e-6, "key") as changes:
            changes.interval = 0
            if multi_view.copy_content():
                repr(next(changes))

def follow():
    replica = {}
    for updates, removals in multi_view.subscribe_changes():
        replica.update(updates)
        for key in removals:
            replica.pop(key, None)
    assert replica == multi_view.copy_content()

multi_view.update({"key": 0})
followers = [run(follow) for _ in range(2)]
for thread in [run(produce), run(produce), run(look), run(look)]:
    thread.join()
multi_view.freeze()
for thread in followers:
    thread.join()
assert not errors
"""


@pytest.mark.parametrize(
    ("options", "first"),
    [
        pytest.param((), "", id="plain"),
        pytest.param((), "import tracemalloc; tracemalloc.start()", id="tracemalloc"),
        pytest.param(("-X", "dev"), "", id="development mode"),
        pytest.param(
            (), "from change_buffers.codecs import JSONCodec; codec = JSONCodec()", id="encoding"
        ),
    ],
)
def test_frequent_thread_switches_do_no_harm(options, first):
    script = f"LONGER, codec = {LONGER}, None\n{first}\n{UNFRIENDLY}"
    run_child(script, *options, timeout=30 * LONGER)
