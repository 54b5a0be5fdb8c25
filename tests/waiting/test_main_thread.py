"""Which thread looks for signals while it waits: the one in which Python handles them."""

from __future__ import annotations

import os

import pytest

from helpers import run_child

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs signals of Unix")

INTERRUPTED = """
import os, signal, time

class Interrupted(Exception):
    pass

def interrupt(*_):
    raise Interrupted

def is_interrupted():
    '''Whether a signal ends a wait in this thread.'''
    from change_buffers import DictionaryChangeBuffer
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    try:
        DictionaryChangeBuffer().flush_changed_blocking(timeout=3)
    except Interrupted:
        return True
    except TimeoutError:
        return False

"""


def test_it_need_not_be_the_thread_that_imported_threading() -> None:
    run_child(
        INTERRUPTED
        + """
import _thread, sys
assert "threading" not in sys.modules

def import_it():
    import change_buffers, threading
    is_imported.release()

is_imported = _thread.allocate_lock()
is_imported.acquire()
_thread.start_new_thread(import_it, ())
is_imported.acquire()
signal.signal(signal.SIGALRM, interrupt)
assert is_interrupted()
"""
    )


def test_what_threading_says_may_have_been_replaced() -> None:
    run_child(
        INTERRUPTED
        + """
import threading
told = threading.get_ident, threading.main_thread
threading.get_ident, threading.main_thread = lambda: 1, None
signal.signal(signal.SIGALRM, interrupt)
assert is_interrupted()
threading.get_ident, threading.main_thread = told
"""
    )


def test_in_a_forked_child_it_is_the_thread_that_forked() -> None:
    run_child(
        INTERRUPTED
        + """
import threading, warnings
warnings.simplefilter("ignore", DeprecationWarning)  # newer versions warn of forks amid threads

def fork():
    # It has asked before, and was not the main one.
    assert not is_interrupted_here()
    child = os.fork()
    if child == 0:
        os._exit(0 if is_interrupted() else 1)
    statuses.append(os.waitpid(child, 0)[1])

def is_interrupted_here():
    from change_buffers import DictionaryChangeBuffer
    try:
        DictionaryChangeBuffer().flush_changed_blocking(timeout=0.01)
    except TimeoutError:
        return False

statuses = []
signal.signal(signal.SIGALRM, interrupt)
thread = threading.Thread(target=fork)
thread.start()
thread.join()
assert statuses == [0], statuses
"""
    )
