"""`await flush_changed()`: each change goes to exactly one task, freezing wakes all that wait."""

from __future__ import annotations

import asyncio
import random
from collections import Counter

import pytest

from change_buffers import (
    DictionaryChange,
    DictionaryChangeBuffer,
    DictionaryChangeMultiView,
    ObjectFrozenError,
)
from event_loops import RUNNERS, passes, start, until
from helpers import Worker, pending, soon

pytestmark = pytest.mark.parametrize("run", RUNNERS)


async def flush_until_drained(buffer):
    changes = []
    while True:
        try:
            changes.append(await buffer.flush_changed())
        except ObjectFrozenError:
            return changes


def replicate(changes):
    replica = {}
    for updates, removals in changes:
        replica.update(updates)
        for key in removals:
            replica.pop(key, None)
    return replica


# One task


def test_what_is_pending_comes_at_once(run, buffer):
    async def main():
        buffer.update({"a": 1}, ["b"])
        passed = []
        asyncio.get_running_loop().call_soon(passed.append, 1)
        change = await buffer.flush_changed()
        assert not passed, "the loop went round"
        assert type(change) is DictionaryChange
        assert (change.updates, change.removals) == ({"a": 1}, {"b"})
        assert pending(buffer) == ({}, set())

    run(main())


def test_a_task_waits_for_a_change_of_its_own_loop(run, buffer):
    async def main():
        task = await start(buffer.flush_changed())
        assert not task.done()
        buffer.update({"a": 1})
        assert (await task).updates == {"a": 1}

    run(main())


def test_a_task_waits_for_a_change_of_another_thread(run, buffer):
    async def main():
        for i in range(3):
            task = await start(buffer.flush_changed())
            assert not task.done()
            Worker(buffer.update, {"a": i}, ["b"]).result()
            change = await task
            assert (change.updates, change.removals) == ({"a": i}, {"b"})

    run(main())


def test_an_empty_update_wakes_nobody(run, buffer):
    async def main():
        task = await start(buffer.flush_changed())
        buffer.update({}, [])
        await passes()
        assert not task.done()
        buffer.freeze()
        with pytest.raises(ObjectFrozenError):
            await task

    run(main())


def test_a_wait_outside_of_a_loop_is_refused_where_it_is_awaited(run, buffer):
    with pytest.raises(RuntimeError, match=r"flush_changed\(\).*event loop"):
        buffer.flush_changed().send(None)
    buffer.update({"a": 1})
    # It need not wait.
    with pytest.raises(StopIteration) as returned:
        buffer.flush_changed().send(None)
    assert returned.value.value.updates == {"a": 1}

    async def main():
        with pytest.raises(RuntimeError, match="event loop"):
            soon(buffer.flush_changed().send, None)  # the loop runs in another thread
        task = await start(buffer.flush_changed())
        buffer.update({"b": 1})
        return await task

    assert run(main()).updates == {"b": 1}


# Freezing


def test_freezing_wakes_every_task(run, buffer):
    async def main():
        tasks = await start(*(buffer.flush_changed() for _ in range(5)))
        buffer.freeze()
        for task in tasks:
            with pytest.raises(ObjectFrozenError):
                await task

    run(main())


def test_freezing_a_multi_view_in_another_thread_wakes_the_tasks_of_every_view(run, multi_view):
    async def main():
        contexts = [multi_view.create_view() for _ in range(3)]
        views = [context.__enter__() for context in contexts]
        tasks = await start(*(view.flush_changed() for view in views * 2))
        Worker(multi_view.freeze).result()
        for task in tasks:
            with pytest.raises(ObjectFrozenError):
                await task

    run(main())


def test_removing_a_view_wakes_its_tasks_and_no_others(run, multi_view, view):
    async def main():
        with multi_view.create_view() as other:
            task, spared = await start(other.flush_changed(), view.flush_changed())
        with pytest.raises(ObjectFrozenError):
            await task
        await passes()
        assert not spared.done()
        multi_view.update({"a": 1})
        assert (await spared).updates == {"a": 1}

    run(main())


def test_what_is_frozen_gives_its_last_change_to_one_task(run, buffer):
    async def main():
        buffer.update({"a": 1})
        buffer.freeze()
        assert (await buffer.flush_changed()).updates == {"a": 1}
        with pytest.raises(ObjectFrozenError):
            await buffer.flush_changed()

    run(main())


# Several tasks


def test_one_change_ends_one_of_several_waits(run, buffer):
    async def main():
        tasks = await start(*(buffer.flush_changed() for _ in range(4)))
        for i in range(4):
            buffer.update({"a": i})
            await passes()
            assert sum(task.done() for task in tasks) == i + 1
        assert {task.result().updates["a"] for task in tasks} == {0, 1, 2, 3}

    run(main())


def test_an_update_of_one_view_wakes_nobody_else(run, multi_view, view):
    async def main():
        with multi_view.create_view() as other:
            task, waiting = await start(view.flush_changed(), other.flush_changed())
            view.update({"a": 1})
            assert (await task).updates == {"a": 1}
            await passes()
            assert not waiting.done()
            multi_view.update({"b": 1})
            assert (await waiting).updates == {"b": 1}

    run(main())


def test_a_task_that_was_woken_leaves_those_alone_that_wait_since(run, multi_view, view):
    # The second task begins to wait when the first is answered already but has not run again.
    async def main():
        with multi_view.create_view() as other:

            async def wait_later():
                await asyncio.sleep(0)
                return await other.flush_changed()

            first = await start(view.flush_changed())
            second = asyncio.ensure_future(wait_later())
            view.update({"a": 1})
            assert (await first).updates == {"a": 1}
            await passes()
            assert multi_view.stats().waiting_tasks == 1
            multi_view.update({"b": 1})
            await until(second.done)
            assert second.result().updates == {"b": 1}

    run(main())


def test_every_change_goes_to_exactly_one_of_several_tasks(run, buffer):
    async def main():
        consuming = [asyncio.ensure_future(flush_until_drained(buffer)) for _ in range(4)]

        def produce(name):
            for i in range(1000):
                buffer.update({f"set {name} {i}": i}, [f"removed {name} {i}"])

        producers = [Worker(produce, name) for name in range(2)]
        for i in range(1000):
            buffer.update({f"set here {i}": i}, [f"removed here {i}"])
            await asyncio.sleep(0)
        await until(lambda: not any(worker.is_alive() for worker in producers))
        buffer.freeze()
        seen = Counter()
        for changes in await asyncio.gather(*consuming):
            for change in changes:
                seen.update([*change.updates, *change.removals])
        assert len(seen) == 2 * 3 * 1000
        assert set(seen.values()) == {1}

    run(main())


def test_threads_and_tasks_can_wait_for_the_same_buffer(run, buffer):
    def consume():
        changes = []
        while True:
            try:
                changes.append(buffer.flush_changed_blocking())
            except ObjectFrozenError:
                return changes

    async def main():
        threads = [Worker(consume) for _ in range(2)]
        tasks = [asyncio.ensure_future(flush_until_drained(buffer)) for _ in range(2)]
        for i in range(2000):
            buffer.update({f"key {i}": i})
            if i % 3 == 0:
                await asyncio.sleep(0)
        buffer.freeze()
        taken = [worker.result() for worker in threads] + await asyncio.gather(*tasks)
        seen = Counter(key for changes in taken for change in changes for key in change.updates)
        assert len(seen) == 2000
        assert set(seen.values()) == {1}

    run(main())


# No wake-up is lost


def test_tasks_can_hand_changes_to_and_fro(run):
    ping, pong = DictionaryChangeBuffer(), DictionaryChangeBuffer()

    async def answer():
        for _ in range(1000):
            pong.update((await ping.flush_changed()).updates)

    async def main():
        task = asyncio.ensure_future(answer())
        for i in range(1000):
            ping.update({"a": i})
            assert (await pong.flush_changed()).updates == {"a": i}
        await task

    run(main())


def test_a_thread_and_a_task_can_hand_changes_to_and_fro(run):
    ping, pong = DictionaryChangeBuffer(), DictionaryChangeBuffer()

    def answer():
        for change in ping.subscribe_changes():
            pong.update(change.updates)

    async def main():
        worker = Worker(answer)
        for i in range(1000):
            ping.update({"a": i})
            assert (await pong.flush_changed()).updates == {"a": i}
        ping.freeze()
        worker.result()

    run(main())


def test_the_last_update_always_arrives(run, buffer):
    count = 20_000

    def produce():
        for i in range(count):
            buffer.update({"a": i})

    async def main():
        producer = Worker(produce)
        last = -1
        while last < count - 1:
            last, previous = (await buffer.flush_changed()).updates["a"], last
            assert last > previous
        producer.result()

    run(main())


def test_every_replica_equals_the_content_at_the_end(run):
    multi_view = DictionaryChangeMultiView()
    pauses = random.Random(1)

    async def follow():
        changes = []
        with multi_view.create_view() as view:
            while True:
                try:
                    changes.append(await view.flush_changed())
                except ObjectFrozenError:
                    return replicate(changes)
                for _ in range(pauses.randrange(3)):
                    await asyncio.sleep(0)

    async def change_here():
        for i in range(300):
            multi_view.update({f"here {i % 7}": i}, [f"here {i % 5}"])
            await asyncio.sleep(0)

    def change_there():
        for i in range(2000):
            multi_view.update({f"there {i % 50}": i}, [f"there {i * 7 % 50}"])

    async def main():
        followers = [asyncio.ensure_future(follow()) for _ in range(30)]
        worker = Worker(change_there)
        await asyncio.gather(change_here(), change_here())
        await until(lambda: not worker.is_alive())
        multi_view.update({"last": 1})
        multi_view.freeze()
        for replica in await asyncio.gather(*followers):
            assert replica == multi_view.copy_content()

    run(main())
