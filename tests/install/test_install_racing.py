"""Imports that are under way in another thread while `install()` or `uninstall()` is called."""

from __future__ import annotations

from pathlib import Path

import pytest

from nanover_trees import NANOVER, NANOVER_WITH_SERVER, Child, write

IMPORTING = """
    from change_buffers._install import _Importer

    class Gate:
        '''Stops the thread that imports, until the test lets it go on.'''
        def __init__(self):
            self.is_reached, self.is_open = threading.Event(), threading.Event()
        def pass_through(self):
            if threading.current_thread() is importing:
                self.is_reached.set()
                assert self.is_open.wait(20)

    def behind_the_gate(name):
        original = getattr(_Importer, name)
        def method(self, subject, *rest):
            result = original(self, subject, *rest)
            if MODULE in (subject, getattr(subject, "name", getattr(subject, "__name__", None))):
                gate.pass_through()
            return result
        setattr(_Importer, name, method)

    def import_it():
        try:
            results.append(importlib.import_module(MODULE))
        except BaseException as error:
            results.append(error)

    def meanwhile(function):
        '''Call a function while the import is at the gate. It may wait for it, or not.'''
        importing.start()
        assert gate.is_reached.wait(20)
        calling = threading.Thread(target=function)
        calling.start()
        calling.join(0.2)
        gate.is_open.set()
        for thread in (importing, calling):
            thread.join(20)
            assert not thread.is_alive()
        assert isinstance(results[0], ModuleType), results

    gate, results = Gate(), []
    importing = threading.Thread(target=import_it, daemon=True)
"""

# The last thing that an import does is to set the attribute of the parent.
SLOW_PARENT = """
    import builtins, sys
    from types import ModuleType
    class Slow(ModuleType):
        def __setattr__(self, name, value):
            if name == "change_buffers":
                builtins.gate.pass_through()
            super().__setattr__(name, value)
    sys.modules[__name__].__class__ = Slow
"""


@pytest.mark.parametrize("step", ["find_spec", "create_module", "exec_module"])
@pytest.mark.parametrize("is_there", [False, True])
def test_uninstalling_amid_an_import_leaves_no_trace(
    child: Child, site: Path, step: str, is_there: bool
) -> None:
    write(site, NANOVER)
    child(
        IMPORTING,
        f"""
        if {is_there}:
            nanover_is_installed()
        before = snapshot()
        install()
        behind_the_gate({step!r})
        meanwhile(uninstall)
        assert_ours(results[0])
        if {is_there}:
            import nanover.utilities.change_buffers
            from nanover.utilities import change_buffers as attribute
            assert_own(attribute)
            assert attribute is sys.modules[MODULE]
        else:
            assert snapshot() == before
        """,
    )


@pytest.mark.parametrize("encode", [False, True])
def test_uninstalling_amid_an_import_hides_nothing_from_it(
    child: Child, site: Path, encode: bool
) -> None:
    """What is imported may be anything, and the one who finds it is the last to be asked."""
    write(site, {**NANOVER_WITH_SERVER, "msgpack.py": "", "elsewhere.py": ""})
    child(f"""
        nanover_is_installed()
        install(encode={encode})

        class Uninstalling:
            def find_spec(self, *arguments):
                uninstall()

        last = len(sys.meta_path) - 1
        sys.meta_path.insert(last, Uninstalling())
        assert importlib.util.find_spec("elsewhere") is not None
    """)


def test_uninstalling_before_an_import_is_quite_done_leaves_no_trace(
    child: Child, site: Path
) -> None:
    write(site, {**NANOVER, "nanover/utilities/__init__.py": SLOW_PARENT})
    child(
        IMPORTING,
        """
        import builtins
        builtins.gate = gate
        nanover_is_installed()
        install()
        meanwhile(uninstall)
        assert_ours(results[0])
        import nanover.utilities
        assert "change_buffers" not in vars(nanover.utilities) and MODULE not in sys.modules
        assert_own()
        """,
    )


def test_installing_before_an_import_is_quite_done_replaces_it(child: Child, site: Path) -> None:
    write(site, {**NANOVER, "nanover/utilities/__init__.py": SLOW_PARENT})
    child(
        IMPORTING,
        """
        import builtins
        builtins.gate = gate
        nanover_is_installed()
        import nanover.utilities
        before = snapshot()
        meanwhile(install)
        assert_ours(nanover.utilities.change_buffers)
        assert_ours()
        uninstall()
        assert_own(nanover.utilities.change_buffers)
        assert_own()
        """,
    )


def test_installing_after_the_module_was_found_replaces_it(child: Child, site: Path) -> None:
    write(site, NANOVER)
    child(
        IMPORTING,
        """
        class SlowFinder:
            def find_spec(self, name, path=None, target=None):
                if name != MODULE or threading.current_thread() is not importing:
                    return None
                spec = importlib.machinery.PathFinder.find_spec(name, path, target)
                gate.pass_through()
                return spec

        nanover_is_installed()
        import nanover.utilities
        before = snapshot()
        sys.meta_path.insert(0, SlowFinder())
        meanwhile(install)
        assert_ours()
        assert_ours(nanover.utilities.change_buffers)
        uninstall()
        assert_own()
        assert_own(nanover.utilities.change_buffers)
        """,
    )


def test_a_module_that_is_being_imported_may_install_and_uninstall(
    child: Child, site: Path
) -> None:
    write(site, NANOVER)
    write(
        site,
        {"nanover/__init__.py": "import change_buffers as c; c.uninstall(); c.install()\n"},
    )
    child("""
        install()
        nanover_is_installed()
        assert_ours()
        uninstall()
        assert_own()
    """)


def test_threads_that_install_and_import_each_other_do_not_hang(child: Child, site: Path) -> None:
    # One imports NanoVer, whose package installs; the other installs all the time.
    write(site, NANOVER)
    write(
        site,
        {"nanover/__init__.py": "import change_buffers as c, time; time.sleep(0.3); c.install()\n"},
    )
    child("""
        nanover_is_installed()
        importing = threading.Thread(target=importlib.import_module, args=[MODULE])
        importing.start()
        while importing.is_alive():
            install()
            uninstall()
        importing.join()
        uninstall()
        assert_own()
    """)
