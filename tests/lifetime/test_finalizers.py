"""Finalizers may use the very object whose operation has released the value.

They run when a value is replaced, removed or dropped, and wherever garbage is collected. A hang
would hold the GIL, hence the child processes. (H1, H2 and H4 in docs/reliability.md)
"""

from __future__ import annotations

import pytest

from helpers import run_child

stores = pytest.mark.parametrize("encodes", [False, True], ids=["plain", "encoded"])


@stores
def test_finalizers_may_call_everything(encodes):
    output = run_child(f"import finalizer_calls; finalizer_calls.run(encodes={encodes})")
    assert len(output.splitlines()) > 400


@stores
def test_callbacks_of_weak_references_may_call_everything(encodes):
    output = run_child(f"import finalizer_calls; finalizer_calls.run(True, encodes={encodes})")
    assert len(output.splitlines()) > 400


def test_garbage_may_be_collected_anywhere():
    run_child(
        """
        import gc, sysconfig
        from change_buffers import *

        class Cycle:
            def __init__(self):
                self.me = self

            def __del__(self):
                # What is collected here may itself be waiting to use what is being used.
                try:
                    buffer.update({"a": 1}, ["b"])
                    mv.update({"a": None}, ["b"])
                    with mv.create_view() as view:
                        view._pending_changes
                    mv.copy_content()
                    finalized.append(1)
                except ObjectFrozenError:
                    pass

        # Without the GIL the threshold is no less than some hundred objects.
        collect = gc.collect if sysconfig.get_config_var("Py_GIL_DISABLED") else int

        finalized = []
        for _ in range(30):
            buffer, mv = DictionaryChangeBuffer(), DictionaryChangeMultiView()
            gc.set_threshold(1)
            with mv.create_view() as view, mv.subscribe_changes() as subscription:
                for i in range(10):
                    mv.update({"a": Cycle(), f"key {i}": Cycle()}, [f"key {i - 1}"])
                    buffer.update({"a": Cycle(), "c": Cycle(), "d": i}, [f"key {i}"])
                    view.update({"private": Cycle()})
                    view._pending_changes, view._pending_removals, mv.copy_content()
                    view.flush_changed_blocking()
                    next(subscription)
                    buffer._pending_changes, buffer._pending_removals
                    buffer.flush_changed_blocking()
                    repr(DictionaryChange({"a": Cycle()}, ["b"]))
                    collect()
                mv.freeze()
            gc.set_threshold(700)
            gc.collect()
        assert len(finalized) > 300
        """
    )


def test_garbage_may_be_collected_in_every_operation():
    # Until Python 3.11 an allocation may collect, so with a threshold of 1 nearly every one does.
    output = run_child(
        """
        import gc, sysconfig, weakref
        import operations
        from operations.repeat import run
        from change_buffers import *

        class Cycle:
            def __init__(self):
                self.me = self

            def __del__(self):
                global finalized
                finalized += 1
                if going:
                    Cycle()  # for the next collection
                for thing in list(alive):
                    if isinstance(thing, DictionaryChangeMultiView):
                        thing.stats(), thing.copy_content()
                        with thing.create_view() as view:
                            view._pending_changes
                    else:
                        thing._pending_changes, thing._pending_removals

        def registering(kind):
            class Registering(kind):
                def __init__(self):
                    super().__init__()
                    alive.add(self)
            return Registering

        # The finalizers are to find the very objects that are being used.
        for module in (operations.data, operations.views):
            for kind in (DictionaryChangeBuffer, DictionaryChangeMultiView):
                setattr(module, kind.__name__, registering(kind))
        finalized, going, alive = 0, True, weakref.WeakSet()
        gc.collect()
        gc.freeze()  # what is there already need not be looked at again and again
        for name in operations.OPERATIONS:
            before = finalized
            Cycle()
            gc.set_threshold(1)
            run(name, 10)
            gc.set_threshold(700)
            gc.collect()
            assert finalized > before, name
        # Without the GIL the threshold is no less than some hundred objects.
        is_eager = not sysconfig.get_config_var("Py_GIL_DISABLED")
        assert finalized > (1000 if is_eager else len(operations.OPERATIONS))
        going = False
        print(len(operations.OPERATIONS))
        """,
        timeout=60,
    )
    assert int(output) >= 30


def test_finalizers_do_not_disturb_the_order_of_the_content():
    run_child(
        """
        import random
        from change_buffers import *

        class Value:
            def __del__(self):
                global depth
                if depth < 3 and chance.random() < 0.3:
                    depth += 1
                    act()
                    depth -= 1

        def act():
            updates = chance.sample(keys, chance.randint(0, 3))
            removals = chance.sample(keys, chance.randint(0, 2))
            log.append((updates, removals))
            mv.update({key: Value() for key in updates}, removals)
            if chance.random() < 0.2:
                mv.copy_content()

        keys = [f"key {i}" for i in range(12)]
        for seed in range(60):
            chance, depth = random.Random(seed), 3
            mv, plain, log = DictionaryChangeMultiView(), {}, []
            for _ in range(150):
                depth = 0
                act()
                if chance.random() < 0.1:
                    while True:
                        length = len(log)
                        order = list(mv.copy_content())
                        if len(log) == length:  # no finalizer came in between
                            break
                    for updates, removals in log:
                        plain.update(dict.fromkeys(updates))
                        for key in removals:
                            plain.pop(key, None)
                    log.clear()
                    assert order == list(plain)
            depth = 3
            del mv
        """
    )
