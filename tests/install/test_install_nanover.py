"""What `install()` and `uninstall()` promise where NanoVer can be imported."""

from __future__ import annotations

from pathlib import Path

import pytest

from nanover_trees import Child, write


@pytest.mark.usefixtures("nanover")
def test_a_nanover_imported_later_gets_ours(child: Child) -> None:
    child("""
        nanover_is_installed()
        install()
        import nanover.app
        assert nanover.__spec__.submodule_search_locations
        assert nanover.app.all_modules() == {sys.modules[MODULE]}
        assert nanover.app.DictionaryChange is change_buffers.DictionaryChange
        assert issubclass(nanover.app.Change, change_buffers.DictionaryChange)
        assert_ours()
    """)


@pytest.mark.usefixtures("nanover")
def test_our_module_is_the_first_to_be_imported(child: Child) -> None:
    child("""
        nanover_is_installed()
        install()
        from nanover.utilities import change_buffers as attribute
        assert_ours(attribute)
        import nanover.app
        assert nanover.app.all_modules() == {attribute}
        assert list(nanover.__path__) == [os.path.join(site, "nanover")]
        assert type(nanover) is type(nanover.utilities) is ModuleType
    """)


@pytest.mark.usefixtures("nanover")
def test_uninstalling_gives_a_nanover_imported_in_between_its_own(child: Child) -> None:
    child("""
        nanover_is_installed()
        finders = sys.meta_path.copy()
        install()
        import nanover.utilities.timing
        assert_ours()
        uninstall()
        assert sys.meta_path == finders
        assert MODULE not in sys.modules
        assert not hasattr(nanover.utilities, "change_buffers")
        import nanover.app
        assert nanover.app.all_modules() == {sys.modules[MODULE]}
        assert_own()
    """)


@pytest.mark.usefixtures("nanover")
def test_a_module_imported_before_is_replaced_and_put_back(child: Child) -> None:
    child("""
        nanover_is_installed()
        import nanover.utilities.timing
        import nanover.utilities.change_buffers as own
        import importlib.machinery  # comes after it in sys.modules
        assert_own(own)
        before = snapshot()
        order = list(sys.modules)

        install()
        assert nanover.utilities.change_buffers is sys.modules[MODULE] is not own
        assert_ours(nanover.utilities.change_buffers)
        from nanover.utilities import change_buffers as attribute
        from nanover.utilities.change_buffers import DictionaryChange
        assert attribute is sys.modules[MODULE]
        assert DictionaryChange is change_buffers.DictionaryChange
        import nanover.app
        assert nanover.app.all_modules() == {attribute}
        del sys.modules["nanover.app"], nanover.app

        uninstall()
        assert snapshot() == before
        assert list(sys.modules) == order
        assert nanover.utilities.change_buffers is sys.modules[MODULE] is own
    """)


@pytest.mark.usefixtures("nanover")
def test_a_parent_imported_before_without_the_module(child: Child) -> None:
    child("""
        nanover_is_installed()
        import nanover.utilities
        before = snapshot()
        install()
        assert_ours(nanover.utilities.change_buffers)
        uninstall()
        assert snapshot() == before
        assert_own()
    """)


@pytest.mark.usefixtures("nanover")
def test_a_module_imported_before_without_its_parents(child: Child) -> None:
    child("""
        nanover_is_installed()
        import nanover.utilities.change_buffers as own
        del sys.modules["nanover"], sys.modules["nanover.utilities"]
        install()
        assert MODULE not in sys.modules
        uninstall()
        assert sys.modules[MODULE] is own
        install()
        assert_ours()
        uninstall()
        assert sys.modules[MODULE] is own
    """)


@pytest.mark.usefixtures("nanover")
def test_an_attribute_that_was_missing_is_missing_again(child: Child) -> None:
    child("""
        nanover_is_installed()
        import nanover.utilities.change_buffers
        own = sys.modules[MODULE]
        del nanover.utilities.change_buffers
        install()
        assert_ours(nanover.utilities.change_buffers)
        uninstall()
        assert not hasattr(nanover.utilities, "change_buffers")
        assert sys.modules[MODULE] is own
    """)


def test_a_nanover_without_utilities_is_completed(child: Child, site: Path) -> None:
    write(site, {"nanover/__init__.py": "", "nanover/protocol.py": ""})
    child("""
        nanover_is_installed()
        import nanover.protocol
        before = snapshot()
        install()
        assert_ours()
        assert nanover.__file__ and nanover.utilities.__path__ == []
        uninstall()
        assert snapshot() == before
    """)
