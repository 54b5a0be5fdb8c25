"""What `install()` and `uninstall()` promise where there is no NanoVer."""

from __future__ import annotations

import pytest

from nanover_trees import Child


def test_every_form_of_import_gives_ours_without_nanover(child: Child) -> None:
    child("""
        install()
        import nanover.utilities.change_buffers
        import nanover.utilities.change_buffers as module
        from nanover.utilities import change_buffers as attribute
        from nanover.utilities.change_buffers import DictionaryChange
        assert DictionaryChange is change_buffers.DictionaryChange
        assert nanover.utilities.change_buffers is module is attribute
        assert module is importlib.import_module(MODULE) is sys.modules[MODULE]
        assert_ours(module)

        star = {}
        exec("from nanover.utilities.change_buffers import *", star)
        assert sorted(star.keys() - {"__builtins__"}) == NAMES
    """)


def test_nothing_is_imported_before_it_is_asked_for(child: Child) -> None:
    child("""
        before = sys.modules.copy()
        install()
        assert sys.modules == before
    """)


def test_the_rest_of_nanover_is_as_missing_as_before(child: Child) -> None:
    child("""
        install()
        assert_ours()
        for name in ("nanover.app", "nanover.utilities.timing", "nanover.utilities.utilities"):
            try:
                importlib.import_module(name)
            except ModuleNotFoundError as error:
                assert error.name == name
            else:
                raise AssertionError(name)
        try:
            from nanover import app
        except ImportError as error:
            assert "app" in str(error)
        else:
            raise AssertionError
        import nanover
        assert not hasattr(nanover, "app")
        assert not hasattr(nanover.utilities, "timing")
    """)


def test_uninstalling_leaves_no_trace_without_nanover(child: Child) -> None:
    child("""
        before = snapshot()
        install()
        assert_ours()
        assert snapshot() != before
        uninstall()
        assert snapshot() == before
        try:
            import nanover
        except ModuleNotFoundError:
            pass
        else:
            raise AssertionError(nanover)
    """)


def test_what_was_imported_from_ours_stays_ours(child: Child) -> None:
    child("""
        install()
        import nanover.utilities.change_buffers as module
        import nanover
        uninstall()
        assert_ours(module)
        assert nanover.__path__ == [] and not hasattr(nanover, "utilities")
    """)


@pytest.mark.usefixtures("nanover")
def test_a_stand_in_that_was_taken_away_stays_one(child: Child) -> None:
    child("""
        install()
        assert_ours()
        import nanover as stand_in
        uninstall()
        nanover_is_installed()
        assert not hasattr(stand_in, "app")
        import nanover.app
        assert nanover is not stand_in and not hasattr(stand_in, "app")
        assert_own()
    """)


def test_the_tools_of_the_import_system_work(child: Child) -> None:
    child("""
        install()
        spec = importlib.util.find_spec(MODULE)
        assert spec.name == MODULE and spec.parent == "nanover.utilities"
        assert MODULE not in sys.modules, "finding is not importing"
        import nanover.utilities.change_buffers as module
        assert module.__spec__ == spec and module.__package__ == "nanover.utilities"
        assert module.__doc__
        assert importlib.util.find_spec(MODULE) is module.__spec__

        module.DictionaryChange = None
        assert importlib.reload(module) is module
        assert_ours(module)
        del sys.modules[MODULE]
        assert importlib.import_module(MODULE) is not module
        assert_ours()

        import nanover
        for package in (nanover, nanover.utilities):
            assert importlib.util.find_spec(package.__name__) is package.__spec__
            assert list(pkgutil.walk_packages(package.__path__, package.__name__ + ".")) == []
            assert importlib.reload(package) is package
            assert package.__path__ == []
        assert nanover.utilities.change_buffers is sys.modules[MODULE]

        assert pkgutil.resolve_name(MODULE + ":DictionaryChange") is change_buffers.DictionaryChange
        assert dict(inspect.getmembers(module)).keys() >= set(NAMES)
        inspect.getmodule(module.DictionaryChange)
        for subject in (module, nanover, nanover.utilities):
            assert subject.__name__ in repr(subject)
            try:
                inspect.getsource(subject)
            except (OSError, TypeError):
                pass  # as for a module that is built in
            else:
                raise AssertionError(subject)

        import runpy
        del sys.modules[MODULE]  # runpy warns of a module that was imported
        try:
            runpy.run_module(MODULE)
        except ImportError as error:
            assert MODULE in str(error)
        else:
            raise AssertionError
    """)


def test_a_change_can_be_pickled(child: Child) -> None:
    child("""
        import pickle
        install()
        from nanover.utilities.change_buffers import DictionaryChange
        stored = pickle.dumps(DictionaryChange({"a": 1}, ["b"]))
        uninstall()
        change = pickle.loads(stored)
        assert type(change) is change_buffers.DictionaryChange
        assert (change.updates, change.removals) == ({"a": 1}, {"b"})
    """)
