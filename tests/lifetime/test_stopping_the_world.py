"""Collections and forks stop all threads, wherever they are, and go on.

On a free-threaded build both wait until every thread is at a place where it can be stopped, and a
thread that waits for a lock in an extension is at no such place: so the lock is held for a few
steps only, of which none can be stopped, and whoever waits for long is detached. (H34 in
docs/reliability.md)
"""

from __future__ import annotations

import os

import pytest

from helpers import LONGER, run_child

AT_WORK = """
import gc, os, signal, threading, warnings
from change_buffers import *

warnings.simplefilter("ignore", DeprecationWarning)  # 3.12 warns of forks amid threads

def write(name):
    number = 0
    while not stopped:
        number += 1
        multi_view.update({f"{name} {number % 20}": [number]}, [f"{name} {number % 7}"])

def follow(interval):
    replica = {}
    for updates, removals in multi_view.subscribe_changes(interval):
        replica.update(updates)
        for key in removals:
            replica.pop(key, None)
    replicas.append(replica)

multi_view, stopped, replicas = DictionaryChangeMultiView(), False, []
threads = [threading.Thread(target=write, args=[i]) for i in range(8)]
threads += [threading.Thread(target=follow, args=[i % 2 / 1000]) for i in range(8)]
for thread in threads:
    thread.start()
"""

END = """
stopped = True
for thread in threads[:8]:
    thread.join()
multi_view.freeze()
for thread in threads[8:]:
    thread.join()
assert replicas == [multi_view.copy_content()] * 8
print("done")
"""


def test_collections_go_on_amid_writers_and_waiters():
    output = run_child(
        AT_WORK
        + f"""
for _ in range({30 * LONGER}):
    gc.collect()
"""
        + END,
        timeout=60 * LONGER,
    )
    assert output == "done\n"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_forks_go_on_amid_writers_and_waiters():
    output = run_child(
        AT_WORK
        + f"""
for _ in range({15 * LONGER}):
    child = os.fork()
    if child == 0:
        signal.alarm(10)  # nobody else would end a child that hangs
        own = DictionaryChangeBuffer()
        own.update({{"a": 1}})
        own.flush_changed_blocking()
        gc.collect()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
"""
        + END,
        timeout=60 * LONGER,
    )
    assert output == "done\n"
