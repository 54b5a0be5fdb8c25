"""The warning of `install()` about those who keep the classes of NanoVer."""

from __future__ import annotations

from pathlib import Path

import pytest

from nanover_trees import NANOVER, Child, write


@pytest.mark.usefixtures("nanover")
def test_a_warning_names_the_modules_that_keep_the_old_classes(child: Child) -> None:
    child("""
        nanover_is_installed()
        import nanover.app
        exec("from nanover.utilities.change_buffers import DictionaryChange")  # this is no module
        users = ModuleType("users")
        users.DictionaryChange = DictionaryChange
        sys.modules["users"] = sys.modules["nanovers.own"] = users
        by_module = ModuleType("nanover.by_module")
        by_module.anything = sys.modules[MODULE]
        sys.modules["nanover.by_module"] = by_module
        sys.modules["nanover.blocked"] = None

        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            install()
            line = inspect.currentframe().f_lineno - 1
            install()
        [warning] = caught
        assert warning.category is UserWarning
        assert warning.lineno == line
        message = str(warning.message)
        assert " in nanover.app, nanover.by_module: " in message, message
        assert "Call install() before importing nanover" in message
        assert_ours()
    """)


def test_the_warning_names_nanover_itself_too(child: Child, site: Path) -> None:
    write(site, NANOVER)
    write(site, {"nanover/__init__.py": "from .utilities.change_buffers import ObjectFrozenError"})
    child("""
        nanover_is_installed()
        import nanover
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            install()
        assert [" in nanover: " in str(warning.message) for warning in caught] == [True]
    """)


@pytest.mark.usefixtures("nanover")
def test_there_is_no_warning_when_nobody_keeps_the_old_classes(child: Child) -> None:
    child("""
        nanover_is_installed()
        import nanover.utilities.timing
        import nanover.utilities.change_buffers
        install()  # a warning would be an error here
        import nanover.app
        uninstall()
        install()  # what nanover.app holds now is ours
    """)


@pytest.mark.usefixtures("nanover")
def test_nothing_is_installed_when_warnings_are_errors(child: Child) -> None:
    child("""
        nanover_is_installed()
        import nanover.app
        before = snapshot()
        try:
            install()
        except UserWarning:
            pass
        else:
            raise AssertionError
        assert snapshot() == before
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            install()
        assert_ours()
    """)
