"""gevent and eventlet: green threads, which share one thread of the system."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest

from helpers import run_child
from packages import needs

HUBS = {
    "gevent": """
        from gevent import monkey
        monkey.patch_all()
        import gevent
        from gevent import sleep, spawn
        in_a_thread = gevent.get_hub().threadpool.apply
        join = gevent.joinall
    """,
    "eventlet": """
        import warnings
        warnings.simplefilter("ignore")  # it says of itself that it is at its end
        import eventlet
        eventlet.monkey_patch()
        from eventlet import sleep, spawn, tpool
        in_a_thread = lambda function, args: tpool.execute(function, *args)
        join = lambda threads: [thread.wait() for thread in threads]
    """,
}


@pytest.fixture(params=HUBS)
def hub(request: pytest.FixtureRequest) -> str:
    """What a program starts with that uses one of them."""
    needs(request.param)
    return textwrap.dedent(HUBS[request.param])


def in_hub(hub: str, code: str) -> str:
    # What they do to the process is not silent.
    return run_child(hub + textwrap.dedent(code), "-W", "ignore")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs signals of Unix")
@pytest.mark.parametrize(
    "wait",
    [
        "DictionaryChangeBuffer().flush_changed_blocking()",
        "next(DictionaryChangeMultiView().subscribe_changes())",
    ],
)
def test_ctrl_c_ends_a_wait_in_a_green_thread(hub: str, wait: str) -> None:
    code = f"""
from change_buffers import *
def waiting():
    print("waiting", flush=True)
    {wait}
join([spawn(waiting)])
"""
    child = subprocess.Popen(
        [sys.executable, "-c", hub + code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == "waiting\n"
        time.sleep(0.3)
        assert child.poll() is None
        child.send_signal(signal.SIGINT)
        _, errors = child.communicate(timeout=10)
    finally:
        child.kill()
    assert child.returncode != 0
    assert "KeyboardInterrupt" in errors


def test_a_green_thread_that_looks_again_lets_others_run(hub: str) -> None:
    output = in_hub(
        hub,
        """
        from change_buffers import *

        def changes_of(view, seconds):
            '''What `subscribe_changes(seconds)` is to threads.'''
            while True:
                try:
                    change = view.flush_changed_nowait()
                except ObjectFrozenError:
                    return
                if change is not None:
                    yield change
                sleep(seconds)

        def follow(replica):
            with room.create_view() as view:
                for change in changes_of(view, 0.005):
                    replica.update(change.updates)

        def produce():
            for step in range(20):
                room.update({"step": step})
                sleep(0.002)
            room.freeze()

        room = DictionaryChangeMultiView()
        replicas = [{} for _ in range(10)]
        join([spawn(follow, replica) for replica in replicas] + [spawn(produce)])
        assert replicas == [{"step": 19}] * 10, replicas
        print("done")
        """,
    )
    assert output == "done\n"


def test_a_real_thread_waits_while_green_ones_run(hub: str) -> None:
    output = in_hub(
        hub,
        """
        from change_buffers import *

        def follow():
            changes = room.subscribe_changes(0.005)
            while (change := in_a_thread(next, (changes, None))) is not None:
                replica.update(change.updates)

        def produce():
            for step in range(20):
                room.update({"step": step})
                sleep(0.005)
                beats.append(step)
            room.freeze()

        room, replica, beats = DictionaryChangeMultiView(), {}, []
        join([spawn(follow), spawn(produce)])
        assert replica == {"step": 19} and len(beats) == 20
        print("done")
        """,
    )
    assert output == "done\n"


def test_a_wait_that_is_native_does_not_let_others_run(hub: str) -> None:
    # That is how it is, and written down in docs/works-with.md.
    output = in_hub(
        hub,
        """
        from change_buffers import *

        def waiting():
            try:
                DictionaryChangeBuffer().flush_changed_blocking(timeout=0.3)
            except TimeoutError:
                beats.append("waited")

        def beating():
            beats.append("beat")

        beats = []
        join([spawn(waiting), spawn(beating)])
        print(beats)
        """,
    )
    assert output == "['waited', 'beat']\n"
