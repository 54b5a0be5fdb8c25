"""Serve ``nanover.utilities.change_buffers`` from this package, and stop doing so.

One importer at the front of ``sys.meta_path`` answers for three names. For the module itself it
always gives ours. For its parents, ``nanover`` and ``nanover.utilities``, it asks every other
finder first and gives a stand-in, an empty package, only when none of them knows the name. A
stand-in becomes the real package, in place, as soon as somebody wants more of it than our module
and NanoVer has become importable; so the references that a program already holds stay good.

Another thread may be importing these names at any moment. What it has found before `install()` or
`uninstall()`, it puts in place when it is done; so these two wait for such an import, as an import
of the same name would, and then exchange what can be seen.

Lock order: no thread waits for the import system while it holds the lock of this module, nor takes
that lock while it finds or executes a module. So the two kinds cannot deadlock.
"""

from __future__ import annotations

import importlib
import sys
import threading
import warnings
from collections.abc import Iterable, Sequence
from importlib._bootstrap import _lock_unlock_module  # type: ignore[attr-defined]
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import module_from_spec
from types import ModuleType
from typing import TYPE_CHECKING, Any

from change_buffers._finders import take_out
from change_buffers._nanover_modules import (
    MODULE,
    PARENT,
    ROOT,
    modules_that_keep_the_old_classes,
    places,
)

if TYPE_CHECKING:
    from change_buffers._nanover_encoding import ServerEncoding

__all__ = ["install", "uninstall"]

_NAMES = [
    "DictionaryChange",
    "DictionaryChangeBuffer",
    "DictionaryChangeMultiView",
    "KeyRemovals",
    "KeyUpdates",
    "ObjectFrozenError",
]

_DOC = """The documented interface of NanoVer's module of this name, served by change_buffers.

``change_buffers.uninstall()`` puts back what was here before.
"""


def install(*, encode: bool = False) -> None:
    """Make ``nanover.utilities.change_buffers`` mean this package, in this process.

    Afterwards every form of import of that name gives a module with our ``DictionaryChange``,
    ``DictionaryChangeBuffer``, ``DictionaryChangeMultiView``, ``ObjectFrozenError``,
    ``KeyUpdates`` and ``KeyRemovals``, also inside NanoVer itself. NanoVer may be imported already,
    be imported later, or be missing: then empty packages stand in for ``nanover`` and
    ``nanover.utilities``, and a NanoVer that becomes importable afterwards still works.

    Call it before importing NanoVer. What was imported by name from NanoVer's module before the
    call cannot be exchanged any more and stays NanoVer's.

    A second call does nothing, except for what its ``encode`` adds. Any thread may call it at any
    time; it waits for an import of that name that is under way in another thread. Other processes,
    those started with ``multiprocessing`` by the spawn or forkserver method included, must make
    their own call.

    Args:
        encode: Also have NanoVer's WebSocket server encode each value once, however many clients
            it is sent to, instead of packing it again for each of them. The bytes on the wire are
            the same. One method of NanoVer's is replaced for that, ``send_state_update`` of
            ``nanover.websocket.server._WebSocketClientHandler``, whether it is imported already or
            later. A value that cannot be packed raises what it raises in NanoVer.

    Raises:
        ImportError: ``encode`` is true, and ``msgpack`` is not installed. Nothing is.

    Warns:
        UserWarning: Modules of NanoVer that are imported already hold its own classes, and keep
            them. The message names these modules. If warnings are errors, nothing is installed.
        UserWarning: ``encode`` is true, and NanoVer's server is not as this version of
            change-buffers knows it. It is left as it is. It may be the import of the server that
            warns.

    """
    if encode:
        # Not at the top: it imports the codecs.
        from change_buffers._nanover_encoding import ServerEncoding

        encoding = ServerEncoding()
        is_new = _serve(stacklevel=3)
        _have_server_encode(encoding, is_new, stacklevel=3)
    else:
        _serve(stacklevel=3)


def uninstall() -> None:
    """Undo ``install()``: what ``nanover.utilities.change_buffers`` meant before, it means again.

    NanoVer's module object, if there was one, is put back in ``sys.modules`` and in its parent;
    otherwise the next import looks for NanoVer's module. Packages that stood in for NanoVer go.
    Names that were imported from our module in between stay ours. NanoVer's server gets its own
    method back.

    Does nothing when nothing is installed. Any thread may call it at any time; it waits for an
    import of that name that is under way in another thread.
    """
    global _installed
    with _lock:
        _remove_encoding()
        importer = _installed
        if importer is None:
            return
        importer.stop()
    _wait_for_imports()
    with _lock:
        if _installed is importer:
            importer.clear()
            _installed = None


def _serve(stacklevel: int) -> bool:
    """Serve our module; whether that is new."""
    global _installed
    while True:
        with _lock:
            if _installed is None:
                if keepers := modules_that_keep_the_old_classes():
                    warnings.warn(
                        f"NanoVer's own change buffers stay in use in {', '.join(keepers)}: "
                        "imported before change_buffers.install(). Call install() before "
                        "importing nanover.",
                        UserWarning,
                        stacklevel=stacklevel,
                    )
                importer = _installed = _Importer()
                importer.start()
                break
            if _installed in sys.meta_path:
                return False
        # Another thread is undoing it, or somebody has reset sys.meta_path. Our own leftovers must
        # not pass for NanoVer's.
        uninstall()
    _wait_for_imports()
    with _lock:
        if _installed is importer:
            importer.go_on()
    return True


def _have_server_encode(encoding: ServerEncoding, is_new: bool, stacklevel: int) -> None:
    """Add the encoding of NanoVer's server, or nothing at all if its warning is an error."""
    global _encoding
    with _lock:
        if _installed not in sys.meta_path or _encoding in sys.meta_path:
            return
        if _encoding is not None:
            _encoding.remove()
        _encoding = encoding
        # Behind the other one, which answers for modules that are loaded already.
        _encoding.add(sys.meta_path.index(_installed) + 1)
    try:
        encoding.replace_in_loaded(stacklevel)
    except UserWarning:
        with _lock:
            if _encoding is encoding:
                _remove_encoding()
        if is_new:
            uninstall()
        raise


def _remove_encoding() -> None:
    global _encoding
    if _encoding is not None:
        _encoding.remove()
        _encoding = None


class _Importer(MetaPathFinder, Loader):
    """One installation: finds and loads our module and the stand-ins, and knows what was before."""

    def __init__(self) -> None:
        self._before: list[tuple[dict[str, Any], str, object]] = []

    def start(self) -> None:
        """Start to serve our module, at once where NanoVer's can be seen already."""
        sys.meta_path.insert(0, self)
        if isinstance(sys.modules.get(PARENT), ModuleType):
            # Replacing is one step, unlike removing and importing: a thread that is importing
            # NanoVer's module right now finds one of the two in sys.modules, whatever happens.
            self._replace(places(MODULE))
        elif MODULE in sys.modules:
            self._before.append((sys.modules, MODULE, sys.modules.pop(MODULE)))

    def go_on(self) -> None:
        """Replace what a thread has put in place that had found NanoVer's module before."""
        self._replace((space, key) for space, key in places(MODULE) if key in space)

    def _replace(self, places: Iterable[tuple[dict[str, Any], str]]) -> None:
        module = sys.modules.get(MODULE)
        if module is None or not self.made(module):
            module = module_from_spec(self._spec(MODULE))
            self.exec_module(module)
        for namespace, key in places:
            if not self.made(namespace.get(key)):
                if key in namespace:
                    self._before.append((namespace, key, namespace[key]))
                namespace[key] = module

    def stop(self) -> None:
        """Stop to serve our module. What can be seen of it stays."""
        take_out(self)

    def clear(self) -> None:
        """Take away or put back whatever can be seen of our module."""
        for namespace, key, value in self._before:
            if key not in namespace or self.made(namespace[key]):
                namespace[key] = value
        for namespace, key in list(places(MODULE, PARENT, ROOT)):
            if self.made(namespace.get(key)):
                del namespace[key]

    def made(self, module: object) -> bool:
        """Whether this is our module, or a stand-in that has not become the real package."""
        return getattr(getattr(module, "__spec__", None), "loader", None) is self

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,
        target: ModuleType | None = None,
        /,
    ) -> ModuleSpec | None:
        """Find our module, a parent of it, or a module that is loaded already."""
        if target is None and fullname.startswith(f"{ROOT}."):
            loaded = sys.modules.get(fullname)
            if isinstance(loaded, ModuleType):
                # The import of a submodule reads its parent's __path__, whereupon a stand-in
                # becomes the real package, whose __init__ may import that very submodule.
                return ModuleSpec(fullname, _Loaded(loaded))
        if fullname == MODULE:
            return self._spec(fullname)
        if fullname in (PARENT, ROOT):
            real = self.find_elsewhere(fullname, path, target)
            if real is not None and target is not None:
                _adopt(target, real)
            return real or self._spec(fullname)
        return None

    def find_elsewhere(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find a module as if nothing were installed.

        The finders behind this one are not enough: others may have been added at either end.
        """
        for finder in sys.meta_path.copy():
            find_spec = getattr(finder, "find_spec", None)
            if finder is not self and find_spec is not None:
                spec: ModuleSpec | None = find_spec(fullname, path, target)
                if spec is not None:
                    return spec
        return None

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """Make a stand-in for a package; our module is an ordinary one."""
        return None if spec.name == MODULE else _StandIn(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Fill our module with the public names, a stand-in with next to nothing."""
        if isinstance(module, _StandIn):
            module.__doc__ = "Stands in for a package of NanoVer, which is not installed."
            # What is not in the namespace is asked from __getattr__, every time.
            vars(module).pop("__path__", None)
            return

        import change_buffers  # not at the top: it imports this module

        module.__doc__ = _DOC
        vars(module)["__all__"] = _NAMES.copy()
        for name in _NAMES:
            setattr(module, name, getattr(change_buffers, name))

    def get_code(self, fullname: str) -> None:
        """Tell ``runpy`` that there is nothing to run."""

    def _spec(self, fullname: str) -> ModuleSpec:
        return ModuleSpec(fullname, self, origin="change_buffers", is_package=fullname != MODULE)


class _Loaded(Loader):
    """Gives a module that is loaded already once more, unchanged."""

    def __init__(self, module: ModuleType) -> None:
        self._module = module
        self._spec = module.__spec__

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return self._module

    def exec_module(self, module: ModuleType) -> None:
        # The import system has just set it to the spec that led here.
        module.__spec__ = self._spec


class _StandIn(ModuleType):
    """An empty package that becomes the real one, in place, when there is one."""

    def __getattr__(self, name: str) -> Any:
        # Debuggers and test runners look for __file__ and the like on every module there is; that
        # must not import NanoVer. The import of a submodule looks for __path__.
        if (name == "__path__" or not name.startswith("__")) and _become_real(self):
            return getattr(self, name)
        if name == "__path__":
            return []
        raise AttributeError(
            f"module {self.__name__!r} has no attribute {name!r}", name=name, obj=self
        )


def _become_real(module: ModuleType) -> bool:
    """Load the real package into its stand-in; whether there is a real package."""
    importer = getattr(module.__spec__, "loader", None)
    if not isinstance(importer, _Importer) or sys.modules.get(module.__name__) is not module:
        return False
    parent = module.__name__.rpartition(".")[0]
    path = getattr(sys.modules.get(parent), "__path__", []) if parent else None
    real = importer.find_elsewhere(module.__name__, path)
    if real is None or real.submodule_search_locations is None:
        return False
    before = dict(vars(module))
    if _adopt(module, real):
        try:
            # It executes the package in the namespace that is there. Another thread may see the
            # package half initialised: a lock that made it wait while NanoVer is executed could
            # deadlock with the locks of the import system.
            importlib.reload(module)
        except BaseException:
            # As after any failed import, the next one tries again.
            module.__class__ = _StandIn
            for name in vars(module).keys() - before.keys():
                del vars(module)[name]
            vars(module).update(before)
            raise
    return True


def _adopt(module: ModuleType, real: ModuleSpec) -> bool:
    """Make an ordinary module of a stand-in; whether it was one, so that one thread loads it."""
    with _adopting:
        if not isinstance(module, _StandIn):
            return False
        # In this order: a thread that looks for __path__ finds either that or __getattr__.
        if real.submodule_search_locations is not None:
            module.__path__ = real.submodule_search_locations
        module.__class__ = ModuleType  # type: ignore[assignment]  # the same but for one method
        return True


def _wait_for_imports() -> None:
    """Wait until no import is under way in another thread that began before."""
    for name in (MODULE, PARENT, ROOT):
        # What the interpreter itself calls for a module that another thread is importing. It
        # returns at once if this thread is the one, or if waiting would be a deadlock.
        _lock_unlock_module(name)


# Reentrant, because a signal handler or a warning's hook may call install() or uninstall() too.
_lock = threading.RLock()
_installed: _Importer | None = None
_encoding: ServerEncoding | None = None

# Held for a moment only, never while something is found, executed or imported.
_adopting = threading.Lock()
