"""NanoVer as the tests of `install()` need it: made up, and imported in a process of its own.

The children see no installed packages but ours, so that a NanoVer in the environment of the tests
makes no difference.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from helpers import run_child

MODULE = "nanover.utilities.change_buffers"

NAMES = [
    "DictionaryChange",
    "DictionaryChangeBuffer",
    "DictionaryChangeMultiView",
    "KeyRemovals",
    "KeyUpdates",
    "ObjectFrozenError",
]

NANOVER = {
    "nanover/__init__.py": "VERSION = 'made up'\n",
    "nanover/utilities/__init__.py": "",
    "nanover/utilities/change_buffers.py": """
        class DictionaryChange: pass
        class DictionaryChangeBuffer: pass
        class DictionaryChangeMultiView: pass
        class ObjectFrozenError(Exception): pass
        KeyUpdates = dict
        KeyRemovals = set
    """,
    "nanover/utilities/timing.py": "",
    # Every way in which NanoVer's code could refer to the module.
    "nanover/app.py": """
        import nanover.utilities.change_buffers
        import nanover.utilities.change_buffers as module
        from nanover.utilities import change_buffers
        from nanover.utilities.change_buffers import DictionaryChange
        from .utilities import change_buffers as relative

        class Change(DictionaryChange): pass

        def all_modules():
            return {nanover.utilities.change_buffers, module, change_buffers, relative}
    """,
}

LAYOUTS = {
    "regular": [],
    "namespace": ["nanover/__init__.py", "nanover/utilities/__init__.py"],
    "mixed": ["nanover/__init__.py"],
}

PRELUDE = """
    import importlib, importlib.util, inspect, os, pkgutil, sys, threading, time, warnings
    from types import ModuleType
    sys.path.insert(0, {library!r})
    site = {site!r}
    import change_buffers
    from change_buffers import install, uninstall
    MODULE = {module!r}
    NAMES = {names!r}

    def nanover_is_installed():
        sys.path.insert(1, site)
        importlib.invalidate_caches()

    def snapshot():
        loaded = [(n, m) for n, m in sys.modules.items() if n.partition(".")[0] == "nanover"]
        return loaded, [dict(vars(m)) for _, m in loaded], sys.meta_path.copy()

    def assert_ours(module=None):
        module = module or importlib.import_module(MODULE)
        assert module.__name__ == MODULE
        for name in NAMES:
            assert getattr(module, name) is getattr(change_buffers, name), name

    def assert_own(module=None):
        module = module or importlib.import_module(MODULE)
        assert module.__file__.startswith(site), module
        assert module.DictionaryChange is not change_buffers.DictionaryChange
"""

Child = Callable[..., str]


def write(folder: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """The folder that NanoVer is in, once it is installed."""
    folder = tmp_path / "site"
    folder.mkdir()
    return folder


@pytest.fixture
def child(library: Path, site: Path) -> Child:
    """Run a scenario in a fresh process, without NanoVer until it says otherwise."""
    prelude = PRELUDE.format(library=str(library), site=str(site), module=MODULE, names=NAMES)
    return lambda *parts: run_child("".join(map(textwrap.dedent, (prelude, *parts))), "-S")


@pytest.fixture(params=LAYOUTS)
def nanover(request: pytest.FixtureRequest, site: Path) -> Path:
    """A made-up NanoVer in each of the ways in which a package can be laid out."""
    missing = LAYOUTS[request.param]
    write(site, {name: text for name, text in NANOVER.items() if name not in missing})
    return site


SERVER = """
    import msgpack
    from nanover.utilities.change_buffers import DictionaryChange

    packed = []

    def fallback_encoder(value):
        if isinstance(value, complex):
            packed.append(value)
            return [value.real, value.imag]
        raise TypeError(f"cannot pack {value}")

    class _WebSocketClientHandler:
        def __init__(self, websocket):
            self.websocket = websocket

        def send_state_update(self, change):
            self.send_message({"state": change.to_dict()})

        def send_message(self, message):
            self.websocket.send(msgpack.packb(message, default=fallback_encoder))
"""

NANOVER_WITH_SERVER = {
    **NANOVER,
    "nanover/websocket/__init__.py": "",
    "nanover/websocket/server.py": SERVER,
}
