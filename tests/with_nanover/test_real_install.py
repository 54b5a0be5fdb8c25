"""`install()`, early and late, and the runner, with NanoVer's own package."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from importlib import metadata
from pathlib import Path

import pytest

from helpers import run_child
from own import PACKAGE
from sides import Child, run_side

SITE = str(PACKAGE.parent)

HOLDERS = """
    import inspect
    names = set(change_buffers.__all__) & set(dir(nanover.utilities.change_buffers))
    names = {name for name in names if not name.startswith("_")}

    def holders(source):
        "The modules of NanoVer that have the class of the one or of the other."
        return {
            module.__name__
            for module in list(sys.modules.values())
            for name in names
            if module.__name__.startswith("nanover.")
            and module.__name__ != "nanover.utilities.change_buffers"
            and vars(module).get(name, holders) is getattr(source, name)
        }
"""


def test_the_version_is_the_one_that_is_named_as_tested() -> None:
    named = run_side(
        "installed",
        "from change_buffers._nanover_encoding import TESTED_WITH; print(TESTED_WITH)",
    )
    assert metadata.version("nanover-server") == named.strip()


def test_all_of_nanover_uses_ours() -> None:
    printed = run_side(
        "installed",
        HOLDERS
        + """
        import nanover.utilities.state_dictionary, nanover.recording, nanover.websocket.record
        from nanover.utilities.state_dictionary import StateDictionary
        ours = holders(change_buffers)
        assert ours >= {"nanover.utilities.state_dictionary", "nanover.websocket.server"}, ours
        own = [c for m in list(sys.modules.values()) for c in vars(m).values()
               if isinstance(c, type) and c.__module__ == "nanover.utilities.change_buffers"]
        assert own == []
        """,
    )
    assert printed == ""


def test_installed_late_it_names_those_who_keep_nanovers_own() -> None:
    run_side(
        "alone",
        HOLDERS
        + """
        import warnings
        from nanover.utilities.state_dictionary import StateDictionary
        own = nanover.utilities.change_buffers
        keepers = holders(own)
        assert {"nanover.utilities.state_dictionary", "nanover.websocket.server"} <= keepers
        for name in [name for name in sys.modules if name.startswith("nanover.recording")]:
            keepers.discard(name)
            del sys.modules[name]  # as if they had not been imported yet
        del sys.modules["nanover"].recording
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", UserWarning)
            change_buffers.install()
        [warning] = [w for w in caught if w.category is UserWarning]
        named = str(warning.message).partition(" in use in ")[2].partition(":")[0].split(", ")
        assert set(named) == keepers, set(named) ^ keepers

        from nanover.recording import reading
        assert reading.DictionaryChange is change_buffers.DictionaryChange
        from nanover.utilities import change_buffers as served
        assert served.DictionaryChange is change_buffers.DictionaryChange

        # Theirs is no change of ours, and yet the state takes either.
        room = StateDictionary()
        room.update_state(None, own.DictionaryChange({"a": 1}))
        room.update_state(None, change_buffers.DictionaryChange({"b": 2}, ["a"]))
        assert room.copy_content() == {"b": 2}

        change_buffers.uninstall()
        from nanover.utilities import change_buffers as served
        assert served is own is nanover.utilities.change_buffers
        """,
    )


def test_encoding_installed_late_leaves_nanovers_own_changes_to_nanover() -> None:
    run_side(
        "alone",
        """
        import warnings
        with warnings.catch_warnings(record=True):
            warnings.simplefilter("always", UserWarning)
            change_buffers.install(encode=True)
        with room() as (application, url), client(url) as ada:
            update(application, {"array": numpy.arange(3.0)})
            until(lambda: state(ada).get("array") == [0.0, 1.0, 2.0])
        """,
    )


def test_a_nanover_that_comes_later_takes_the_place_of_the_stand_ins(library: Path) -> None:
    run_child(
        f"""
        import sys
        sys.path.append({str(library)!r})
        import change_buffers
        change_buffers.install()
        import nanover, nanover.utilities.change_buffers as served
        assert nanover.__spec__.origin == "change_buffers"

        sys.path.append({SITE!r})
        from nanover.utilities.state_dictionary import StateDictionary
        assert nanover.__file__.startswith({SITE!r})
        room = StateDictionary()
        room.update_state(None, served.DictionaryChange({{"a": 1}}, ["b"]))
        with room.get_change_buffer() as view:
            assert type(view) is change_buffers.DictionaryChangeBuffer
            assert view.flush_changed_blocking().updates == {{"a": 1}}
        """,
        "-S",
    )


STATE = """
    import threading
    from nanover.utilities.state_dictionary import StateDictionary
    from nanover.utilities.key_lockable_map import ResourceLockedError

    room, heard = StateDictionary(), []
    room.content_updated.add_callback(lambda **named: heard.append(named))
    change = DictionaryChange({"a": 1, "b": 2})
    room.update_state("ada", change)
    assert heard == [{"access_token": "ada", "change": change}]

    room.update_locks("ada", acquire={"a": 100.0})
    for updates, removals in (({"a": 2, "c": 3}, ()), ({"c": 3}, {"a"})):
        try:
            room.update_state("bob", DictionaryChange(updates, removals))
        except ResourceLockedError:
            pass
        else:
            raise AssertionError
    assert room.copy_content() == {"a": 1, "b": 2}
    room.update_locks("ada", release=["a"])
    room.update_state("bob", DictionaryChange({"a": 2}, {"b"}))
    with room.lock_content() as content:
        assert content == {"a": 2}
        late = threading.Thread(
            target=room.update_state, args=("bob", DictionaryChange({"d": 4})), daemon=True
        )
        late.start()
        late.join(0.1)
        assert late.is_alive()
    late.join()

    with room.get_change_buffer() as view:
        assert view.flush_changed_blocking().updates == {"a": 2, "d": 4}
        changes = view.subscribe_changes(interval=0.01)
        room.update_state(None, DictionaryChange(removals=["a"]))
        updates, removals = next(changes)
        assert (updates, removals) == ({}, {"a"})
        room.freeze()
        assert list(changes) == []
    try:
        room.update_state(None, change)
    except nanover.utilities.change_buffers.ObjectFrozenError:
        pass
    else:
        raise AssertionError
"""


def test_a_state_dictionary_does_the_same_on_either_module(child: Child) -> None:
    child(STATE)


PROGRAM = """
import sys
from nanover.websocket import server
from nanover.utilities.change_buffers import DictionaryChange

is_own = server._WebSocketClientHandler.send_state_update.__globals__ is vars(server)
print(sys.argv[1:], DictionaryChange.__module__, "packs" if is_own else "encodes")
"""


def run(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("runner", "expected"),
    [
        ([], "nanover.utilities.change_buffers packs"),
        (["-m", "change_buffers.nanover"], "change_buffers packs"),
        (["-m", "change_buffers.nanover", "--encode"], "change_buffers encodes"),
    ],
)
def test_the_runner_runs_a_program_of_nanovers_users(
    tmp_path: Path, runner: list[str], expected: str
) -> None:
    program = tmp_path / "program.py"
    program.write_text(textwrap.dedent(PROGRAM))
    assert run(*runner, str(program), "--name", "x") == f"['--name', 'x'] {expected}\n"


def test_the_runner_runs_nanovers_own_scripts() -> None:
    # Its server itself needs what is not here; this one is found, imported and run alike.
    printed = run("-m", "change_buffers.nanover", "--encode", "nanover-essd-list", "--help")
    assert "nanover-essd-list" in printed
    script = Path(sys.executable).with_name("nanover-essd-list")
    assert os.access(script, os.X_OK)
    assert printed == subprocess.check_output([script, "--help"], text=True)
