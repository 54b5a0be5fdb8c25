"""The garbage collector finds every cycle through our objects, and takes nothing that is alive."""

from __future__ import annotations

import gc
import weakref

import pytest

from change_buffers import DictionaryChange, DictionaryChangeBuffer, DictionaryChangeMultiView
from helpers import Thing, Worker, assert_collected, flush, run_child


def cycle_of_a_buffer():
    buffer = DictionaryChangeBuffer()
    buffer.update({"self": buffer})
    return buffer


def cycle_of_a_buffer_with_a_change_of_several_keys():
    buffer = DictionaryChangeBuffer()
    buffer.update({"a": 1, "b": 1, "c": 1, "self": buffer})
    return buffer


def cycle_of_a_buffer_that_merged():
    buffer = DictionaryChangeBuffer()
    buffer.update({"a": 1}, ["b"])
    buffer.update({"self": buffer})
    return buffer


def cycle_of_a_value():
    thing = Thing()
    thing.buffer = DictionaryChangeBuffer()
    thing.buffer.update({"thing": thing})
    return thing


def cycle_of_a_multi_view():
    multi_view = DictionaryChangeMultiView()
    multi_view.update({"self": multi_view})
    return multi_view


def cycle_of_a_multi_view_that_was_copied():
    multi_view = cycle_of_a_multi_view()
    multi_view.copy_content()
    return multi_view


def cycle_of_a_view_in_the_content():
    multi_view = DictionaryChangeMultiView()
    view = multi_view.create_view().__enter__()
    multi_view.update({"view": view})
    return view


def cycle_of_a_view_in_itself():
    view = DictionaryChangeMultiView().create_view().__enter__()
    view.update({"view": view})
    return view


def cycle_of_a_frozen_view():
    multi_view = DictionaryChangeMultiView()
    view = multi_view.create_view().__enter__()
    multi_view.update({"view": view})
    view.freeze()
    multi_view.update(None, ["view"])
    return view


def cycle_of_a_removed_value():
    # Set and removed at once, the value is no content, but the lagging view has yet to give it.
    multi_view = DictionaryChangeMultiView()
    view = multi_view.create_view().__enter__()
    multi_view.update({"view": view}, ["view"])
    return view


def cycle_of_a_context():
    context = DictionaryChangeMultiView().create_view()
    context.__enter__().update({"context": context})
    return context


def cycle_of_a_subscription():
    multi_view = DictionaryChangeMultiView()
    subscription = multi_view.subscribe_changes()
    multi_view.update({"subscription": subscription})
    next(subscription)
    return subscription


def cycle_of_a_subscription_that_has_not_begun():
    buffer = DictionaryChangeBuffer()
    subscription = buffer.subscribe_changes()
    buffer.update({"subscription": subscription})
    return subscription


def cycle_of_what_rings_a_loop():
    buffer = DictionaryChangeBuffer()
    buffer.update({"self": buffer})
    shared = next(it for it in gc.get_referents(buffer) if type(it).__name__ == "SharedStore")
    shared.open_hub(lambda answer: buffer)
    return buffer


def cycle_of_a_change():
    change = DictionaryChange()
    change.updates["self"] = change
    return change


def cycles_through_attributes():
    for base in (DictionaryChange, DictionaryChangeBuffer, DictionaryChangeMultiView):
        subclass = type(f"Sub{base.__name__}", (base,), {})
        for kind in (base, subclass):

            def cycle(kind=kind):
                thing = kind()
                thing.me = thing
                return thing

            yield pytest.param(cycle, id=f"attribute of a {kind.__name__}")


CYCLES = [
    pytest.param(make, id=name.removeprefix("cycle_of_"))
    for name, make in list(globals().items())
    if name.startswith("cycle_of_")
]


@pytest.mark.parametrize("make", [*CYCLES, *cycles_through_attributes()])
def test_a_cycle_is_collected(make):
    reference = weakref.ref(make())
    assert_collected(reference)


@pytest.mark.parametrize("make", CYCLES)
def test_a_cycle_is_kept_as_long_as_it_is_reachable(make):
    anchor = make()
    reference = weakref.ref(anchor)
    for _ in range(3):
        gc.collect()
    assert reference() is anchor
    if isinstance(anchor, DictionaryChangeBuffer):
        updates, _ = flush(anchor)
        assert anchor in updates.values()


# In quantity


def test_instances_leave_nothing_behind():
    run_child(
        """
        import gc, tracemalloc
        from change_buffers import *

        def use():
            for i in range(4000):
                change = DictionaryChange({"a": i}, ["b"])
                change.note = i
                buffer = DictionaryChangeBuffer()
                buffer.update({"a": change, "b": buffer, "c": i})
                for _ in buffer.subscribe_changes():
                    break
                mv = DictionaryChangeMultiView()
                mv.update({"a": change}, ["b"])
                with mv.create_view() as view:
                    view.update({"view": view})
                next(mv.subscribe_changes())
                mv.copy_content()
                shared.update({f"key {i}": change}, [f"key {i - 1}"])
                next(shared.subscribe_changes())
                shared.create_view().__enter__()

        shared = DictionaryChangeMultiView()
        tracemalloc.start()
        use()
        gc.collect()
        before, _ = tracemalloc.get_traced_memory()
        use()
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
        assert after - before < 50_000, after - before
        """
    )


def test_instances_with_attributes_leave_nothing_behind():
    # For each class a hundred thousand instances whose `__dict__` has been made (H39 in
    # docs/reliability.md).
    run_child(
        """
        import gc, tracemalloc
        from change_buffers import *

        def use(kind, count):
            for _ in range(count):
                kind().note = "any"
            gc.collect()
            return tracemalloc.get_traced_memory()[0]

        tracemalloc.start()
        for kind in (DictionaryChange, DictionaryChangeBuffer, DictionaryChangeMultiView):
            before = use(kind, 1000)
            assert use(kind, 100_000) - before < 10_000, kind
        """,
        timeout=60,
    )


def test_views_may_come_and_go_at_any_rate():
    run_child(
        """
        import gc
        from change_buffers import *

        class Holder:
            def __init__(self, *held):
                self.held, self.me = held, self
            def __del__(self):
                del self.held

        gc.set_threshold(1)
        mv = DictionaryChangeMultiView()
        mv.update({"a": 1})
        for i in range(10_000):
            context = mv.create_view()
            view = context.__enter__()
            subscription = mv.subscribe_changes()
            next(subscription)
            mv.update({"a": Holder(view, context, subscription)}, ["b"])
        gc.set_threshold(700)
        mv.update({"a": 2})
        gc.collect()
        with mv.create_view() as view:
            assert view.flush_changed_blocking().updates == {"a": 2}
        """
    )


def test_views_may_be_dropped_by_other_threads_while_it_is_busy(multi_view):
    def come_and_go():
        for _ in range(3000):
            view = multi_view.create_view().__enter__()
            view.update({"private": Thing()})
            references.append(weakref.ref(view))

    references = []
    workers = [Worker(come_and_go) for _ in range(3)]
    while any(worker.is_alive() for worker in workers):
        multi_view.update({"a": Thing()}, ["b"])
        multi_view.copy_content()
    for worker in workers:
        worker.result()
    assert not any(reference() for reference in references)
    value = Thing()
    multi_view.update({"a": value})
    reference = weakref.ref(value)
    del value
    multi_view.update(None, ["a"])
    assert reference() is None
