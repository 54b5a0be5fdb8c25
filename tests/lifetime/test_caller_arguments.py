"""What is passed belongs to the caller, who may have it changed while it is read.

By another thread, or by the finalizers of what happens to be collected meanwhile: until Python 3.11
any allocation may collect. The update must be of a state that the dictionary was in, or raise as
reading it would, but never crash. (H33 in docs/reliability.md)
"""

from __future__ import annotations

from helpers import LONGER, run_child


def test_garbage_that_is_collected_meanwhile_may_change_what_is_passed():
    run_child(
        """
        import gc
        from change_buffers import *

        class Key(str):
            pass

        class Garbage:
            def __init__(self, act):
                self.me, self.act = self, act
            def __del__(self):
                self.act()
                finalized.append(1)

        def change():
            if shrink:
                updates.pop(Key("key 7"), None)
            else:
                updates[Key(f"late {len(updates)}")] = 1

        finalized = []
        for shrink in (False, True):
            for kind in (str, Key):
                for target in (DictionaryChangeBuffer(), DictionaryChangeMultiView()):
                    for round in range(30):
                        updates = {kind(f"key {i}"): i for i in range(10)}
                        gc.disable()
                        gc.collect()
                        for _ in range(4):
                            Garbage(change)
                        gc.enable()
                        gc.set_threshold(1)
                        target.update(updates, (kind(key) for key in ("a", "b")))
                        gc.set_threshold(700)
        gc.collect()
        assert len(finalized) == 2 * 2 * 2 * 30 * 4
        """
    )


def test_another_thread_may_change_what_is_passed():
    run_child(
        f"""
        import sys, threading
        from change_buffers import *

        class Key(str):
            pass

        def change():
            number = 0
            while not stopped:
                number += 1
                for kind in (str, Key):
                    updates[kind(f"key {{number % 50}}")] = number
                    updates.pop(kind(f"key {{(number + 25) % 50}}"), None)

        def publish(target):
            for _ in range({300 * LONGER}):
                target.update(updates)
                change = DictionaryChange(updates)
                assert change.updates.keys() <= known

        sys.setswitchinterval(1e-5)
        known = {{f"key {{i}}" for i in range(50)}}
        stopped, updates = False, {{}}
        multi_view = DictionaryChangeMultiView()
        changers = [threading.Thread(target=change) for _ in range(2)]
        targets = [multi_view, multi_view, DictionaryChangeBuffer()]
        publishers = [threading.Thread(target=publish, args=[target]) for target in targets]
        for thread in changers + publishers:
            thread.start()
        for thread in publishers:
            thread.join()
        stopped = True
        for thread in changers:
            thread.join()
        assert multi_view.copy_content().keys() <= known
        """
    )
