"""NanoVer's recording writer and reader do the same on our module as on their own."""

from __future__ import annotations

from pathlib import Path

import own  # noqa: F401
from sides import Child

WRITE_AND_READ = """
    import io
    from nanover.recording import NanoverRecordingReader
    from nanover.recording.reading import MessageEvent
    from nanover.recording.writing import record_messages

    changes = [
        DictionaryChange({"a": numpy.arange(3.0), "b": {"c": [1, None]}}),
        DictionaryChange({"d": "text"}, ["b"]),
        DictionaryChange(None, ["a", "no such key"]),
    ]
    file = io.BytesIO()
    record_messages(file, [
        MessageEvent(timestamp=number * 1000, message={"state": change.to_dict()})
        for number, change in enumerate(changes)
    ])
    reader = NanoverRecordingReader.from_io(file)
    read = [change for _, change in reader.iter_state_updates()]
    assert {type(change) for change in read} == {DictionaryChange}
    assert [(change.updates, change.removals) for change in read] == [
        ({"a": [0.0, 1.0, 2.0], "b": {"c": [1, None]}}, set()),
        ({"d": "text"}, {"b"}),
        ({}, {"a", "no such key"}),
    ]
    assert [content for _, content in reader.iter_states_full()] == [
        {"a": [0.0, 1.0, 2.0], "b": {"c": [1, None]}},
        {"a": [0.0, 1.0, 2.0], "d": "text"},
        {"d": "text"},
    ]
    [*_, last] = reader.iter_max()
    assert (last.prev_state, last.next_state) == (
        {"a": [0.0, 1.0, 2.0], "d": "text"}, {"d": "text"}
    )
"""


def test_what_is_written_can_be_read(child: Child) -> None:
    child(WRITE_AND_READ)


def test_a_room_is_recorded_and_played_back(child: Child, tmp_path: Path) -> None:
    child(f"""
        path = {str(tmp_path / "room.nanover.zip")!r}
        from nanover.recording import NanoverRecordingReader, PlaybackSimulation
        from nanover.websocket.record import BackgroundRecordingContext
        with room() as (application, url), client(url) as ada:
            recording = BackgroundRecordingContext.from_address_to_path(address=url, path=path)
            with recording:
                for number in range(20):
                    update(ada, {{"avatar.ada": {{"at": [number]}}, "n": numpy.float32(number)}})
                    until(lambda: state(ada).get("n") == number)
                update(application, None, ["n"])
                until(lambda: "n" not in state(ada))
                expected = state(ada)
                import time; time.sleep(0.2)  # as long as the recording may be behind
        reader = NanoverRecordingReader.from_path(path)
        contents = [content for _, content in reader.iter_states_full()]
        # It leaves while the room is there, so nobody is removed in it.
        assert contents[-1] == expected, contents[-1]
        seen = [content["n"] for content in contents if "n" in content]
        assert seen == sorted(seen) and seen[-1] == 19.0

        playback = PlaybackSimulation.from_path(path=path)
        playback.load()
        with room() as (application, url), client(url) as bob:
            playback.reset(application)
            for _ in reader:
                playback.advance_by_one_step()
            until(lambda: state(bob).get("avatar.ada") == {{"at": [19]}})
            assert "n" not in application.copy_state()
    """)
