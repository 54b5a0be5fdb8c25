"""Processes that fork or exit while threads wait, in processes of their own."""

from __future__ import annotations

import os

import pytest

from helpers import IS_FREE_THREADED, LONGER, run_child

RUNS = 10 * LONGER
"""How often to repeat what depends on the moment at which threads are caught."""


def test_daemon_threads_may_wait_while_the_process_exits():
    """Sixteen of them, some waking up all the time. (H14 in docs/reliability.md)"""
    for _ in range(RUNS):
        run_child(
            """
            import threading, time
            from change_buffers import *

            def flush(view):
                while True:
                    view.flush_changed_blocking()

            def follow(interval):
                for _ in multi_view.subscribe_changes(interval):
                    pass

            def try_to_flush():
                while True:
                    try:
                        idle.flush_changed_blocking(0.001)
                    except TimeoutError:
                        pass

            def produce():
                i = 0
                while True:
                    i += 1
                    multi_view.update({"a": i}, ["b"])
                    time.sleep(0.0005)

            multi_view, idle = DictionaryChangeMultiView(), DictionaryChangeBuffer()
            contexts = [multi_view.create_view() for _ in range(4)]
            jobs = [(flush, context.__enter__()) for context in contexts]
            jobs += [(follow, interval) for interval in (0, 0.001, 0.001, 0.001, 1000)]
            jobs += [(flush, idle)] * 3 + [(try_to_flush,)] * 3
            jobs += [(produce,)]
            for function, *args in jobs:
                threading.Thread(target=function, args=args, daemon=True).start()
            time.sleep(0.03)
            """,
            timeout=10,
        )


@pytest.mark.parametrize("waiting", [0, 4])
def test_a_finalizer_may_use_everything_while_the_process_exits(waiting):
    """Also what daemon threads wait for that never run again. (H17 in docs/reliability.md)"""
    output = run_child(
        f"        waiting = {waiting}"
        """
        import atexit, sys, threading
        from change_buffers import *

        class Last:
            def __init__(self, *objects):
                self.objects = objects
                self.error = ObjectFrozenError
                self.used = False
            def __del__(self):
                if not self.used:
                    self.use()
            def use(self):
                self.used = True
                multi_view, view, buffer, subscription, awaited, slept_in = self.objects
                multi_view.update({"b": 2}, ["a"])
                multi_view.copy_content()
                with multi_view.create_view() as other:
                    other.flush_changed_blocking()
                view._pending_changes
                view.flush_changed_blocking()
                buffer.update({"a": 1})
                buffer.flush_changed_blocking()
                next(subscription)
                awaited.update({"b": 1})
                slept_in.interval = 1
                slept_in.close()
                multi_view.freeze()
                try:
                    view.flush_changed_blocking()
                except self.error:
                    print("used")

        def make():
            multi_view = DictionaryChangeMultiView()
            multi_view.update({"a": 1})
            context = multi_view.create_view()
            view, buffer = context.__enter__(), DictionaryChangeBuffer()
            for _ in range(waiting):
                threading.Thread(target=buffer.flush_changed_blocking, daemon=True).start()
            other = DictionaryChangeMultiView()
            other.update({"a": 1})
            slept_in = other.subscribe_changes(1000)
            next(slept_in)
            if waiting:
                threading.Thread(target=next, args=[slept_in, None], daemon=True).start()
            fresh, subscription = DictionaryChangeBuffer(), multi_view.subscribe_changes()
            last = Last(multi_view, view, fresh, subscription, buffer, slept_in)
            last.context = context
            return last

        # One goes with its module, one is called, one is in a cycle, one is in its own content.
        sys.modules["last"] = make()
        atexit.register(make().use)
        cycle = make()
        cycle.me = cycle
        inside = make()
        inside.objects[0].update({"inside": inside})
        """,
        timeout=10,
    )
    # Without the GIL, Python does not collect what is in cycles when threads are left.
    ends = [4 * "used\n"] + [2 * "used\n"] * bool(waiting and IS_FREE_THREADED)
    assert output in ends


def test_values_may_live_until_the_process_exits():
    run_child(
        """
        from change_buffers import *

        multi_view, buffer = DictionaryChangeMultiView(), DictionaryChangeBuffer()
        for target in (multi_view, buffer):
            target.update({"self": target, "other": buffer, "class": type("Local", (), {})()})
        context = multi_view.create_view()
        view = context.__enter__()
        subscription = multi_view.subscribe_changes()
        next(subscription)
        multi_view.copy_content()
        """,
        timeout=10,
    )


def test_a_thread_that_waits_can_be_released_for_the_exit():
    # Threads that are no daemons keep a process alive, in NanoVer as here; freezing lets them go.
    # (H20 in docs/reliability.md)
    output = run_child(
        """
        import threading
        from change_buffers import *

        def follow():
            for _ in multi_view.subscribe_changes():
                pass
            print("released")

        multi_view = DictionaryChangeMultiView()
        threads = [threading.Thread(target=follow) for _ in range(4)]
        for thread in threads:
            thread.start()
        multi_view.freeze()
        """,
        timeout=10,
    )
    assert output.count("released") == 4


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_can_use_objects_of_its_own():
    """A hundred children of a process with eight waiting threads. (H21 in docs/reliability.md)"""
    output = run_child(
        """
        import os, signal, threading, time, warnings
        from change_buffers import *

        # Newer versions of Python warn of what this test is about.
        warnings.simplefilter("ignore", DeprecationWarning)

        def follow(interval):
            for _ in multi_view.subscribe_changes(interval):
                pass

        def use_objects_of_its_own():
            multi_view = DictionaryChangeMultiView()
            with multi_view.create_view() as view:
                def produce():
                    time.sleep(0.002)
                    multi_view.update({"a": 1}, ["b"])
                thread = threading.Thread(target=produce)
                thread.start()
                updates, removals = view.flush_changed_blocking()
                assert (updates, removals) == ({"a": 1}, {"b"})
                thread.join()
                thread = threading.Thread(target=multi_view.freeze)
                thread.start()
                try:
                    view.flush_changed_blocking()
                except ObjectFrozenError:
                    thread.join()
                    return
            raise AssertionError("not frozen")

        multi_view = DictionaryChangeMultiView()
        threads = [threading.Thread(target=follow, args=[i % 2 / 1000]) for i in range(8)]
        for thread in threads:
            thread.start()
        for i in range(100):
            multi_view.update({"a": i}, ["b"])
            child = os.fork()
            if child == 0:
                signal.alarm(10)  # nobody else would end a child that hangs
                status = 1
                try:
                    use_objects_of_its_own()
                    status = 0
                finally:
                    os._exit(status)
            _, status = os.waitpid(child, 0)
            assert status == 0, (i, status)
        multi_view.freeze()
        for thread in threads:
            thread.join()
        print("done")
        """,
        timeout=60,
    )
    assert output == "done\n"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_child_forked_amid_sleeping_and_waking_can_use_objects_of_its_own():
    """Some thread of the parent is about to sleep or to wake at the moment of nearly every fork."""
    output = run_child(
        """
        import os, signal, sys, threading, time, warnings
        from change_buffers import *

        warnings.simplefilter("ignore", DeprecationWarning)  # 3.12 warns of forks amid threads

        def write():
            number = 0
            while not stop:
                number += 1
                room.update({f"key {number % 5}": number})
                time.sleep(0.0001)

        def follow(multi_view, interval):
            for _ in multi_view.subscribe_changes(interval):
                pass

        def start(count, function, *args):
            threads = [threading.Thread(target=function, args=args) for _ in range(count)]
            for thread in threads:
                thread.start()
            return threads

        def live():
            signal.alarm(5)  # kills a child that hangs
            own = DictionaryChangeMultiView()
            threads = start(6, follow, own, 0)
            for number in range(20):
                own.update({"number": number})
                time.sleep(0.0005)
            own.freeze()
            for thread in threads:
                thread.join()
            os._exit(0)

        stop, room = False, DictionaryChangeMultiView()
        followers, writers = start(4, follow, room, 0.0005), start(2, write)
        hung = 0
        for _ in range(40):
            child = os.fork()
            if child == 0:
                live()
            hung += os.waitpid(child, 0)[1] != 0
        stop = True
        for thread in writers:
            thread.join()
        room.freeze()
        for thread in followers:
            thread.join()
        print(hung)
        """,
        timeout=60,
    )
    assert output == "0\n"
