"""The garbage collector and finalizers may run at any time while a change is encoded."""

from __future__ import annotations

from encoding import run_encoding_child


def test_collecting_at_every_allocation_spoils_nothing():
    run_encoding_child(
        """
    class Garbage:
        def __init__(self):
            self.me = self

        def __del__(self):
            mv.update({"garbage": 1}, ["other"])
            held[0].encode(codec)
            held[-1].updates
            held[-1].encode(codec, "state")
            first.flush_changed_nowait()

    def encode(value):
        Garbage()
        return msgpack.packb(value)

    import encoded_stores

    encoded_stores.begin(mv)
    codec = codec_of(encode)
    mv.update({"a": 0})
    held = [second.flush_changed_blocking()]
    gc.set_threshold(1)
    for i in range(100):
        mv.update({"a": i, "b": [i]}, ["c"])
        Garbage()
        change = second.flush_changed_blocking()
        held.append(change)
        updates, removals = decoded(change, codec)
        assert (updates["a"], updates["b"]) == (i, [i])
        assert removals >= {"c"}, removals
        change.updates["d"] = i
        Garbage()
        assert decoded(change, codec)[0]["d"] == i
        del held[1:-2]
        """
    )


def test_collecting_from_within_takes_nothing_that_is_alive():
    run_encoding_child(
        """
    class Cyclic:
        def __init__(self, number):
            self.me, self.number = self, number

        def __del__(self):
            if expected:
                finalized.append(self)

    def encode(value):
        gc.collect()
        return msgpack.packb(value.number)

    def follow(view):
        for change in view.subscribe_changes():
            changes.append(change)
            if len(changes) % 2:
                change.updates
            decoded(change, codec)
            gc.collect()

    finalized, expected, changes, codec = [], True, [], codec_of(encode)
    gc.disable()
    values = {f"key {i}": Cyclic(i) for i in range(10)}
    mv.update(values)
    threads = [threading.Thread(target=follow, args=[view]) for view in (first, second)]
    for thread in threads:
        thread.start()
    for i in range(10):
        mv.update({f"key {i}": values[f"key {i}"]}, ["gone"])
        gc.collect()
    mv.freeze()
    for thread in threads:
        thread.join()
    del values
    gc.collect()
    assert not finalized
    assert all(value.me is value for value in mv.copy_content().values())
    expected = False
        """
    )


def test_a_finalizer_may_encode():
    run_encoding_child(
        """
    class Value:
        def __init__(self, number):
            self.number = number

        def __del__(self):
            seen.append(decoded(last, codec))
            mv.update({"finalized": Value(0)} if self.number else None)

    codec, seen = codec_of(lambda value: msgpack.packb(value.number)), []
    mv.update({"last": Value(-1)})
    last = first.flush_changed_blocking()
    for i in range(1, 20):
        mv.update({"a": Value(i)})
        for view in (first, second):
            change = view.flush_changed_blocking()
            assert decoded(change, codec)[0]["a"] == i
            change.updates.clear()
            change.encode(codec)
            change.updates = {}
            del change
    assert len(seen) >= 18
    assert all(each == ({"last": -1}, set()) for each in seen)
    seen, Value.__del__ = None, lambda self: None
        """
    )


def test_finalizers_may_encode_while_the_interpreter_shuts_down():
    output = run_encoding_child(
        """
    class Value:
        def __init__(self, change):
            self.me, self.change, self.codec, self.print = self, change, codec, print

        def __del__(self):
            self.print(self.change.encode(self.codec, "state").decode())

    codec = JSONCodec(str)
    mv.update({"a": 1})
    kept = [Value(view.flush_changed_blocking()) for view in (first, second)]
    mv.update({"b": Value(DictionaryChange({"a": 1}))})
    first.flush_changed_blocking().encode(codec)
        """
    )
    assert output == '{"state":{"updates":{"a":1},"removals":[]}}\n' * 3
