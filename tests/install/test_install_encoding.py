"""`install(encode=True)`: which method of NanoVer's server it replaces, and when it does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from nanover_trees import NANOVER_WITH_SERVER, SERVER, Child, write

msgpack = pytest.importorskip("msgpack")

PRELUDE = f"""
    sys.path.append({str(Path(msgpack.__file__).parents[1])!r})  # last: behind the made-up NanoVer
    nanover_is_installed()
    SERVER = "nanover.websocket.server"

    class Socket(list):
        send = list.append

    def method(kind=None):
        kind = kind or importlib.import_module(SERVER)._WebSocketClientHandler
        return vars(kind)["send_state_update"]

    def is_own(method):
        return method.__code__.co_filename.startswith(site)

    def sent(change, kind=None):
        kind = kind or importlib.import_module(SERVER)._WebSocketClientHandler
        handler = kind(Socket())
        handler.send_state_update(change)
        [message] = handler.websocket
        return message

    def warned(function, *arguments, **named):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            function(*arguments, **named)
        return [str(warning.message) for warning in caught]
"""


@pytest.fixture
def encoding_child(child: Child, site: Path) -> Child:
    """Run a scenario with a made-up NanoVer that has a server."""
    write(site, NANOVER_WITH_SERVER)
    return lambda *parts: child(PRELUDE, *parts)


def test_a_server_imported_later_encodes_once(encoding_child: Child) -> None:
    encoding_child("""
        install(encode=True)
        import nanover.websocket.server as server
        assert not is_own(method())
        assert method().__name__ == "send_state_update"
        server.packed.clear()
        room = change_buffers.DictionaryChangeMultiView()
        room.update({"avatar": {"at": 1 + 2j}, "n": 1})
        messages = set()
        for _ in range(5):
            with room.create_view() as view:
                messages.add(sent(view.flush_changed_blocking()))
        assert server.packed == [1 + 2j]
        content = {"avatar": {"at": [1.0, 2.0]}, "n": 1}
        import msgpack
        assert messages == {msgpack.packb({"state": {"updates": content, "removals": []}})}
    """)


def test_a_server_imported_later_looks_as_if_nothing_had_come_between(
    encoding_child: Child,
) -> None:
    encoding_child("""
        spec = importlib.util.find_spec(SERVER)
        install(encode=True)
        assert importlib.util.find_spec(SERVER).loader.get_code(SERVER)
        import nanover.websocket.server as server
        for module_spec in (server.__spec__, importlib.util.find_spec(SERVER)):
            assert module_spec.origin == spec.origin and module_spec.cached == spec.cached
            assert type(module_spec.loader) is type(spec.loader), module_spec.loader
        assert server.__loader__ is server.__spec__.loader
        assert server.__file__ == spec.origin
        assert "class _WebSocketClientHandler" in inspect.getsource(server)
    """)


def test_uninstalling_puts_the_method_back(encoding_child: Child) -> None:
    encoding_child("""
        finders = sys.meta_path.copy()
        install(encode=True)
        import nanover.websocket.server as server
        ours = method()
        uninstall()
        assert sys.meta_path == finders
        assert is_own(method())
        assert method() is ours.__wrapped__
        assert_own()
        importlib.reload(server)
        assert is_own(method())
    """)


def test_a_server_imported_before_encodes_changes_of_ours(encoding_child: Child) -> None:
    encoding_child("""
        import nanover.websocket.server as server
        own = method()
        [keepers] = warned(install, encode=True)
        assert "nanover.websocket.server" in keepers
        assert not is_own(method())

        change = change_buffers.DictionaryChange({"a": 1j}, ["b"])
        state = {"updates": {"a": [0.0, 1.0]}, "removals": ["b"]}
        expected = server.msgpack.packb({"state": state})
        class OldChange:
            def to_dict(self):
                return {"updates": {"a": 1j}, "removals": ["b"]}
        for kind in (change, OldChange()):
            assert sent(kind) == expected

        uninstall()
        assert method() is own
    """)


def test_a_server_that_is_reloaded_encodes_again(encoding_child: Child) -> None:
    encoding_child("""
        install(encode=True)
        import nanover.websocket.server as server
        first = server._WebSocketClientHandler
        importlib.reload(server)
        assert server._WebSocketClientHandler is not first
        assert not is_own(method()) and not is_own(method(first))
        uninstall()
        assert is_own(method()) and is_own(method(first))
    """)


def test_installing_again_adds_what_was_not_wanted_before(encoding_child: Child) -> None:
    encoding_child("""
        install()
        import nanover.websocket.server
        assert is_own(method())
        install(encode=True)
        ours = method()
        assert not is_own(ours)
        finders = sys.meta_path.copy()
        install(encode=True)
        install()
        assert method() is ours and sys.meta_path == finders

        # Somebody resets the list of finders, and it begins anew.
        sys.meta_path[:] = [
            finder for finder in finders if "change_buffers" not in type(finder).__module__
        ]
        install(encode=True)
        assert method() is not ours and not is_own(method())
        assert sorted(map(str, map(type, sys.meta_path))) == sorted(map(str, map(type, finders)))
        uninstall()
        assert is_own(method())
    """)


def test_whoever_replaces_what_all_messages_go_through_gets_them(encoding_child: Child) -> None:
    encoding_child("""
        install(encode=True)
        import nanover.websocket.server as server
        class Handler(server._WebSocketClientHandler):
            def send_message(self, message):
                self.websocket.send(message)
        change = change_buffers.DictionaryChange({"a": 1})
        assert sent(change, Handler) == {"state": {"updates": {"a": 1}, "removals": []}}

        handler = server._WebSocketClientHandler(Socket())
        handler.send_message = handler.websocket.send
        handler.send_state_update(change)
        assert handler.websocket == [sent(change, Handler)]
    """)


def test_whoever_has_wrapped_the_method_before_goes_on_seeing_all_changes(
    encoding_child: Child,
) -> None:
    encoding_child("""
        install()
        import nanover.websocket.server as server
        kind, changes = server._WebSocketClientHandler, []
        def counting(self, change, own=kind.send_state_update):
            changes.append(change)
            own(self, change)
        kind.send_state_update = counting
        [message] = warned(install, encode=True)
        assert "has been replaced by somebody" in message
        assert kind.send_state_update is counting
        sent(change_buffers.DictionaryChange({"a": 1}))
        assert len(changes) == 1
    """)


def test_somebody_elses_method_is_left_alone(encoding_child: Child) -> None:
    encoding_child("""
        install(encode=True)
        import nanover.websocket.server as server
        def other(self, change):
            self.websocket.send("other")
        server._WebSocketClientHandler.send_state_update = other
        uninstall()
        assert method() is other
    """)


def test_a_value_that_cannot_be_packed_raises_what_it_raises_in_nanover(
    encoding_child: Child,
) -> None:
    encoding_child("""
        import traceback
        change = change_buffers.DictionaryChange({"a": 1, "b": {"c": object()}})

        def failure():
            try:
                sent(change)
            except Exception as error:
                frames = traceback.extract_tb(error.__traceback__)
                assert error.__context__ is error.__cause__ is None
                names = [frame.name for frame in frames if frame.filename.startswith(site)]
                return type(error), str(error), names

        own = failure()
        assert own[0] is TypeError and own[2][-3:] == [
            "send_state_update", "send_message", "fallback_encoder"
        ], own
        warned(install, encode=True)
        assert not is_own(method())
        assert failure() == own
    """)


UNEXPECTED = {
    "has no _WebSocketClientHandler": ("class _WebSocketClientHandler", "class Handler"),
    "has no send_state_update": ("def send_state_update", "def send_state"),
    "has no send_message": ("send_message", "send_packed"),
    "has no fallback_encoder": ("fallback_encoder", "encoder"),
    "sends another kind of message": ('"state":', '"states":'),
    "raised AttributeError": ("self.send_message(", "self.count += 1; self.send_message("),
    "raised TypeError": ("(self, change)", "(self, change, to)"),
    "_WebSocketClientHandler.send_state_update sends another": ("self.websocket.send(", "id("),
}


@pytest.mark.parametrize("reason", UNEXPECTED)
@pytest.mark.parametrize("when", ["before", "later"])
def test_a_server_that_is_not_as_expected_is_left_as_it_is(
    encoding_child: Child, site: Path, reason: str, when: str
) -> None:
    assert UNEXPECTED[reason][0] in SERVER
    write(site, {"nanover/websocket/server.py": SERVER.replace(*UNEXPECTED[reason])})
    encoding_child(
        f"when, reason = {when!r}, {reason!r}",
        """
        server = importlib.util.find_spec(SERVER)
        if when == "before":
            install()  # NanoVer's own classes would be another reason for a warning
            import nanover.websocket.server as server
            classes = {n: dict(vars(c)) for n, c in vars(server).items() if isinstance(c, type)}
            [message] = warned(install, encode=True)
            assert classes == {n: dict(vars(c)) for n, c in vars(server).items() if n in classes}
        else:
            assert warned(install, encode=True) == []
            [message] = warned(importlib.import_module, SERVER)
            import nanover.websocket.server as server
            for kind in vars(server).values():
                if isinstance(kind, type) and kind.__module__ == SERVER:
                    assert all(is_own(f) for f in vars(kind).values() if inspect.isfunction(f))
        assert message.startswith("NanoVer's server goes on packing for every client: "), message
        assert reason in message and "nanover-server 0." in message, message
        assert_ours()
        assert server.DictionaryChange is change_buffers.DictionaryChange
        """,
    )


def test_nothing_is_installed_when_warnings_are_errors(encoding_child: Child, site: Path) -> None:
    write(site, {"nanover/websocket/server.py": SERVER.replace("send_message", "send_packed")})
    encoding_child("""
        import nanover.websocket.server as server
        del server.DictionaryChange  # so that nobody has NanoVer's own classes
        before = snapshot()
        for was_installed in (False, True):
            if was_installed:
                install()
                before = snapshot()
            try:
                install(encode=True)  # warnings are errors here
            except UserWarning:
                pass
            else:
                raise AssertionError
            assert snapshot() == before
    """)


def test_without_msgpack_nothing_is_installed(child: Child) -> None:
    child("""
        before = snapshot()
        try:
            install(encode=True)
        except ImportError as error:
            assert error.name == "msgpack" and "pip install msgpack" in str(error)
        else:
            raise AssertionError
        assert snapshot() == before
    """)


def test_threads_that_install_while_the_server_is_imported(encoding_child: Child) -> None:
    encoding_child("""
        def install_and_uninstall():
            for _ in range(200):
                install(encode=True)
                uninstall()

        def import_again():
            for _ in range(100):
                sys.modules.pop(SERVER, None)
                importlib.import_module(SERVER)

        warnings.simplefilter("ignore")  # of classes that were imported in between
        threads = [threading.Thread(target=install_and_uninstall) for _ in range(3)]
        threads.append(threading.Thread(target=import_again))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert is_own(method())
        install(encode=True)
        assert not is_own(method())
    """)
