"""No collection takes a value that is alive for garbage, whatever other threads do meanwhile.

The collector looks at every container twice. Should a thread without the GIL lock a store just
then, one pass would see its values and the other would not, and what is reachable from nowhere else
would be declared garbage: finalized, cleared, its weak references dead. (H3 in docs/reliability.md)
"""

from __future__ import annotations

from helpers import LONGER, run_child


def test_nothing_alive_is_taken_for_garbage_while_threads_wait():
    output = run_child(
        f"""
        import gc, sys, threading, time, weakref
        from change_buffers import *

        class Cyclic:
            def __init__(self):
                self.me = self
            def __del__(self):
                finalized.append(self)

        def ended(reference):
            dead.append(reference)

        def cycle(view):
            while not stopped:
                try:
                    view.flush_changed_blocking(1e-4)
                except TimeoutError:
                    pass
                except ObjectFrozenError:
                    return

        def follow(subscription):
            for _ in subscription:
                pass

        gc.collect()
        gc.freeze()  # what is there already need not be looked at again and again
        finalized, dead, stopped = [], [], False
        mv = DictionaryChangeMultiView()
        kept = [mv.create_view().__enter__() for _ in range(9)]
        for target in (mv, *kept):
            target.update({{f"key {{i}}": Cyclic() for i in range(30)}})

        def contents():
            # What a view was given by its own update is newer than the content.
            return [mv.copy_content(), *(view._pending_changes for view in kept)]

        references = [
            weakref.ref(value, ended) for values in contents() for value in values.values()
        ]
        assert len(references) == 300
        contexts = [mv.create_view() for _ in range(4)]
        views = [context.__enter__() for context in contexts]
        for view in views:
            view.flush_changed_blocking()

        threads = [threading.Thread(target=cycle, args=[view]) for view in views * 4]
        threads += [
            threading.Thread(target=follow, args=[mv.subscribe_changes(interval, "nothing")])
            for interval in (0, 1e-4)
        ]
        for thread in threads:
            thread.start()
        sys.setswitchinterval(1e-5)
        collections, end = 0, time.monotonic() + {LONGER * 4}
        while time.monotonic() < end and not finalized and not dead:
            gc.collect()
            collections += 1
            if collections % 16 == 0:
                mv.update({{"nothing": collections}})
        stopped = True
        mv.freeze()
        for thread in threads:
            thread.join()
        assert not finalized, (len(finalized), collections)
        assert not dead, (len(dead), collections)
        for values in contents():
            values.pop("nothing", None)
            assert len(values) == 30
            assert all(vars(value)["me"] is value for value in values.values())
        print(collections)
        sys.stdout.flush()
        import os
        os._exit(0)  # so that nothing is finalized that is expected to be
        """,
        timeout=30 * LONGER,
    )
    assert int(output) > 500, "too few collections to be sure of anything"
