"""What is awaited is a coroutine like any other, in whatever loop and thread."""

from __future__ import annotations

import asyncio
import collections.abc
import sys
import weakref

import pytest

from change_buffers import DictionaryChangeBuffer, DictionaryChangeMultiView, ObjectFrozenError
from event_loops import RUNNERS, passes, run, start
from helpers import BoomError, Worker, assert_collected, pending

every_loop = pytest.mark.parametrize("run_one", RUNNERS)


def anext_of(buffer):
    return buffer.subscribe_changes().__anext__()


def flush_of(buffer):
    return buffer.flush_changed()


either = pytest.mark.parametrize("make", [anext_of, flush_of])


# Tasks


@either
def test_it_is_a_coroutine_to_everybody_who_asks(buffer, make):
    coroutine = make(buffer)
    assert isinstance(coroutine, collections.abc.Coroutine)
    assert asyncio.iscoroutine(coroutine)
    coroutine.close()


@either
@every_loop
def test_a_task_can_be_made_of_it(buffer, make, run_one):
    async def main():
        task = asyncio.create_task(make(buffer))
        assert repr(task)
        await passes()
        buffer.update({"a": 1})
        assert (await task).updates == {"a": 1}
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(make(buffer), 0.01)
        done, _ = await asyncio.wait([asyncio.create_task(make(buffer))], timeout=0.01)
        assert not done

    run_one(main())


@pytest.mark.skipif(sys.version_info < (3, 11), reason="TaskGroup came with Python 3.11")
@either
@every_loop
def test_a_task_group_takes_it(buffer, make, run_one):
    async def main():
        async with asyncio.TaskGroup() as group:
            task = group.create_task(make(buffer))
            await passes()
            buffer.update({"a": 1})
        assert task.result().updates == {"a": 1}

    run_one(main())


def test_the_end_of_an_iteration_ends_the_task(buffer):
    async def main():
        task = await start(anext_of(buffer))
        buffer.freeze()
        with pytest.raises(StopAsyncIteration):
            await task

    run(main())


@every_loop
def test_it_can_be_run_by_itself(buffer, run_one):
    buffer.update({"a": 1})
    assert run_one(buffer.flush_changed()).updates == {"a": 1}
    buffer.freeze()
    with pytest.raises(ObjectFrozenError):
        run_one(buffer.flush_changed())


def test_asyncio_run_takes_it(buffer):
    buffer.update({"a": 1})
    assert asyncio.run(buffer.flush_changed()).updates == {"a": 1}


@either
@every_loop
def test_it_can_be_made_in_a_thread_and_awaited_in_a_loop(buffer, make, run_one):
    async def main():
        loop = asyncio.get_running_loop()

        def receive():
            return asyncio.run_coroutine_threadsafe(make(buffer), loop).result(10)

        worker = Worker(receive)
        await asyncio.sleep(0.01)
        buffer.update({"a": 1})
        return await asyncio.to_thread(worker.result)

    assert run_one(main()).updates == {"a": 1}


# As a coroutine does it


def ended(coroutine):
    with pytest.raises(RuntimeError, match="awaited before"):
        coroutine.send(None)
    with pytest.raises(RuntimeError, match="awaited before"):
        coroutine.throw(BoomError)
    coroutine.close()
    return True


def begun(make, buffer):
    """One that waits in an event loop that is not at work."""
    coroutine = make(buffer)

    async def begin():
        return coroutine.send(None)

    loop = asyncio.new_event_loop()
    try:
        future = loop.run_until_complete(begin())
    finally:
        loop.close()
    assert asyncio.isfuture(future)
    return coroutine


@either
@pytest.mark.parametrize("has_begun", [False, True])
def test_closing_ends_it(buffer, make, has_begun):
    coroutine = begun(make, buffer) if has_begun else make(buffer)
    assert coroutine.close() is None
    assert ended(coroutine)
    buffer.update({"a": 1})
    assert pending(buffer) == ({"a": 1}, set())


@either
@pytest.mark.parametrize("has_begun", [False, True])
@pytest.mark.parametrize(
    "thrown", [[BoomError], [BoomError("it")], [BoomError, "it"], [BoomError, BoomError("it")]]
)
def test_what_is_thrown_comes_back_and_ends_it(buffer, make, has_begun, thrown):
    coroutine = begun(make, buffer) if has_begun else make(buffer)
    with pytest.raises(BoomError) as raised:
        coroutine.throw(*thrown)
    assert len(thrown) == 1 or str(raised.value) == "it"
    assert ended(coroutine)


@either
def test_what_cannot_be_thrown_changes_nothing(buffer, make):
    coroutine = begun(make, buffer)
    for wrong in ([1], [None], [int], [BoomError("it"), 1]):
        with pytest.raises(TypeError):
            coroutine.throw(*wrong)
    with pytest.raises(BoomError):
        coroutine.throw(BoomError)
    coroutine = begun(make, buffer)
    # It would be taken for its result.
    with pytest.raises(RuntimeError, match="StopIteration") as raised:
        coroutine.throw(StopIteration(1))
    assert isinstance(raised.value.__cause__, StopIteration)


@either
def test_what_has_not_begun_takes_no_value(buffer, make):
    coroutine = make(buffer)
    with pytest.raises(TypeError, match="None"):
        coroutine.send(1)
    buffer.update({"a": 1})
    with pytest.raises(StopIteration) as returned:
        coroutine.send(None)
    assert returned.value.value.updates == {"a": 1}
    assert ended(coroutine)


@either
def test_it_goes_on_waiting_when_it_is_asked_too_early(buffer, make):
    async def main():
        coroutine = make(buffer)
        future = coroutine.send(None)
        assert coroutine.send("anything") is future
        assert not future.done()
        buffer.update({"a": 1})
        await passes()
        assert future.done()
        with pytest.raises(StopIteration) as returned:
            coroutine.send(None)
        assert returned.value.value.updates == {"a": 1}

    run(main())


@either
def test_two_tasks_of_one_are_told_apart_by_an_error(buffer, make):
    async def main():
        coroutine = make(buffer)
        tasks = [asyncio.create_task(coroutine) for _ in range(2)]
        await passes()
        buffer.update({"a": 1})
        first, second = await asyncio.gather(*tasks, return_exceptions=True)
        assert first.updates == {"a": 1}
        assert isinstance(second, RuntimeError)

    run(main())


def test_what_runs_cannot_be_run_or_ended(buffer):
    def meddle():
        for call in (lambda: coroutine.send(None), lambda: coroutine.throw(BoomError)):
            with pytest.raises(ValueError, match="already"):
                call()
        with pytest.raises(ValueError, match="already"):
            coroutine.close()
        meddled.append(1)

    class Loop(asyncio.SelectorEventLoop):
        def call_at(self, *args, **kwargs):
            if armed:
                armed.clear()
                meddle()
            return super().call_at(*args, **kwargs)

    async def main():
        nonlocal coroutine
        buffer.update({"a": 1})
        subscription = buffer.subscribe_changes(0.01)
        await subscription.__anext__()
        coroutine = subscription.__anext__()
        task = asyncio.create_task(coroutine)
        armed.append(1)
        await passes()
        buffer.update({"a": 2})
        assert (await task).updates == {"a": 2}

    coroutine, armed, meddled = None, [], []
    loop = Loop()
    try:
        loop.run_until_complete(asyncio.wait_for(main(), 10))
    finally:
        loop.close()
    assert meddled == [1]


# Not awaited


def test_a_flush_that_is_never_awaited_is_warned_of_and_loses_nothing(buffer):
    buffer.update({"a": 1})
    coroutine = buffer.flush_changed()
    with pytest.warns(RuntimeWarning, match=r"flush_changed\(\) was never awaited"):
        del coroutine
    assert pending(buffer) == ({"a": 1}, set())


def test_a_change_that_is_never_awaited_does_no_harm(recwarn):
    room = DictionaryChangeMultiView()
    room.update({"a": 1})
    subscription = room.subscribe_changes()
    for _ in range(3):
        subscription.__anext__()  # as of an asynchronous generator
    assert room.stats().views == 0

    async def main():
        return await subscription.__anext__()

    assert run(main()).updates == {"a": 1}
    assert list(recwarn) == []


@either
def test_one_that_is_left_in_the_middle_is_released(make):
    buffer = DictionaryChangeBuffer()
    coroutine = begun(make, buffer)
    references = [weakref.ref(buffer), weakref.ref(coroutine)]
    del buffer, coroutine
    for reference in references:
        assert_collected(reference)


# Each way of flushing for itself


def test_a_method_that_is_overridden_changes_no_other():
    class Loud(DictionaryChangeBuffer):
        def flush_changed_nowait(self):
            raise BoomError

        flush_changed_blocking = flush_changed_nowait

    async def main():
        buffer = Loud()
        buffer.update({"a": 1})
        assert (await buffer.flush_changed()).updates == {"a": 1}
        buffer.update({"a": 2})
        assert (await buffer.subscribe_changes().__anext__()).updates == {"a": 2}
        buffer.update({"a": 3})
        assert next(buffer.subscribe_changes()).updates == {"a": 3}
        with pytest.raises(BoomError):
            buffer.flush_changed_nowait()

    run(main())
