"""NanoVer that becomes importable only after `install()` had stand-ins made for it."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from nanover_trees import NANOVER, Child, write


@pytest.mark.usefixtures("nanover")
def test_a_stand_in_becomes_the_real_package(child: Child) -> None:
    child("""
        install()
        import nanover
        assert_ours()
        ours, root, parent = sys.modules[MODULE], nanover, nanover.utilities

        nanover_is_installed()
        import nanover.app
        import nanover.utilities.timing
        assert nanover.app.all_modules() == {ours, sys.modules[MODULE]}
        assert nanover.app.DictionaryChange is change_buffers.DictionaryChange
        assert nanover is root is sys.modules["nanover"]
        assert nanover.utilities is parent is sys.modules["nanover.utilities"]
        for package in (root, parent):
            spec = importlib.machinery.PathFinder.find_spec(
                package.__name__, None if package is root else root.__path__
            )
            assert type(package) is ModuleType
            assert list(package.__path__) == list(spec.submodule_search_locations)
            assert package.__spec__.origin == spec.origin
            assert getattr(package, "__file__", None) == spec.origin
            assert type(package.__loader__) is type(package.__spec__.loader)

        uninstall()
        assert sys.modules["nanover"] is root and root.utilities is parent
        assert not hasattr(parent, "change_buffers")
        assert_own()
    """)


@pytest.mark.parametrize(
    "statement",
    [
        "from nanover import VERSION",
        "import nanover; nanover.VERSION",
        "from nanover import app",
        "from nanover.utilities import timing",
        "import nanover.utilities.timing",
        "importlib.util.find_spec('nanover.app').loader.get_code",
    ],
)
def test_any_use_of_nanover_finds_it(child: Child, site: Path, statement: str) -> None:
    write(site, NANOVER)
    child(f"""
        install()
        assert_ours()
        nanover_is_installed()
        {statement}
        assert_ours()
        assert sys.modules["nanover"].VERSION == "made up"
    """)


def test_a_package_is_executed_once_and_so_are_the_modules_it_imports(
    child: Child, site: Path
) -> None:
    count = "import builtins; builtins.log = [*getattr(builtins, 'log', []), __name__]\n"
    write(site, NANOVER)
    write(
        site,
        {
            "nanover/__init__.py": count + "from . import app\nfrom nanover.app import Change\n",
            "nanover/utilities/__init__.py": count + "from .change_buffers import *\n",
            "nanover/app.py": count + textwrap.dedent(NANOVER["nanover/app.py"]),
        },
    )
    child("""
        install()
        assert_ours()
        nanover_is_installed()
        import nanover.app
        assert sorted(log) == ["nanover", "nanover.app", "nanover.utilities"], log
        assert nanover.app is sys.modules["nanover.app"]
        assert nanover.app.__spec__.origin == os.path.join(site, "nanover", "app.py")
        assert nanover.Change is nanover.app.Change
        assert nanover.utilities.DictionaryChange is change_buffers.DictionaryChange
        assert importlib.reload(nanover.app) is nanover.app
        assert log.count("nanover.app") == 2
    """)


def test_reloading_a_stand_in_loads_the_real_package(child: Child, site: Path) -> None:
    write(site, NANOVER)
    child("""
        install()
        assert_ours()
        import nanover
        nanover_is_installed()
        assert importlib.reload(nanover) is nanover
        assert type(nanover) is ModuleType and vars(nanover)["VERSION"] == "made up"
        uninstall()
        assert sys.modules["nanover"] is nanover
    """)


@pytest.mark.usefixtures("nanover")
def test_a_stand_in_that_was_reloaded_still_becomes_the_real_package(child: Child) -> None:
    child("""
        install()
        import nanover.utilities
        assert importlib.reload(nanover) is nanover
        assert importlib.reload(nanover.utilities) is nanover.utilities
        nanover_is_installed()
        import nanover.app
        assert nanover.app.all_modules() == {sys.modules[MODULE]}
    """)


def test_a_package_that_fails_is_tried_again(child: Child, site: Path) -> None:
    write(site, NANOVER)
    write(site, {"nanover/__init__.py": "half = 1\nimport no_such_module\n"})
    child("""
        install()
        assert_ours()
        import nanover
        nanover_is_installed()
        for _ in range(2):
            try:
                import nanover.app
            except ModuleNotFoundError as error:
                assert error.name == "no_such_module"
            else:
                raise AssertionError
            assert "half" not in vars(nanover) and nanover.__spec__.origin == "change_buffers"
            assert_ours()

        sys.modules["no_such_module"] = ModuleType("no_such_module")
        import nanover.app
        assert nanover.half == 1
        assert nanover.app.all_modules() == {sys.modules[MODULE]}
    """)


def test_looking_at_all_modules_does_not_import_nanover(child: Child, site: Path) -> None:
    write(site, NANOVER)
    child("""
        install()
        assert_ours()
        nanover_is_installed()
        for module in (sys.modules["nanover"], sys.modules["nanover.utilities"]):
            for name in ("__file__", "__warningregistry__", "__wrapped__", "__all__"):
                assert not hasattr(module, name)
        inspect.getmodule(install)  # looks at every module
        assert "VERSION" not in vars(sys.modules["nanover"])
    """)


def test_a_module_in_place_of_the_package_changes_nothing(child: Child, site: Path) -> None:
    write(site, {"nanover.py": "raise AssertionError"})
    child("""
        install()
        assert_ours()
        nanover_is_installed()
        assert importlib.util.find_spec("nanover.app") is None
        assert_ours()
    """)


def test_other_finders_come_before_the_stand_ins(child: Child, site: Path) -> None:
    write(site, NANOVER)
    child("""
        class Finder:
            def find_spec(self, name, path=None, target=None):
                if name == "nanover":
                    return importlib.machinery.PathFinder.find_spec(name, [site], target)

        class OldFinder:
            "Of the kind that the import system passes over."

        install()
        sys.meta_path += [OldFinder(), Finder()]  # as editable installs do
        import nanover.app
        assert nanover.VERSION == "made up"
        assert nanover.app.all_modules() == {sys.modules[MODULE]}
        assert_ours()
    """)


SLOW_FINDER = """
    class SlowFinder:
        "Stops one thread in one kind of search, until it may go on."

        def __init__(self, in_reload):
            self.in_reload = in_reload
            self.arrived, self.go_on = threading.Event(), threading.Event()

        def find_spec(self, name, path=None, target=None):
            if (
                name == "nanover"
                and threading.current_thread() is thread
                and (target is not None) == self.in_reload
            ):
                self.arrived.set()
                assert self.go_on.wait(20)

    def work():
        import nanover.utilities.timing
        results.append(nanover.utilities.timing)

    results = []
    thread = threading.Thread(target=work)
    install()
    assert_ours()
    nanover_is_installed()
"""


def test_a_thread_that_comes_late_does_not_load_the_real_package_again(
    child: Child, site: Path
) -> None:
    write(site, NANOVER)
    write(site, {"nanover/__init__.py": "import builtins; builtins.loads += 1"})
    child(
        SLOW_FINDER,
        """
        import builtins
        builtins.loads = 0
        finder = SlowFinder(in_reload=False)
        sys.meta_path.insert(0, finder)
        thread.start()
        assert finder.arrived.wait(20)
        import nanover.app
        assert loads == 1
        finder.go_on.set()
        thread.join()
        assert results == [nanover.utilities.timing]
        assert loads == 1, loads
        """,
    )


def test_a_thread_that_comes_early_finds_the_real_package(child: Child, site: Path) -> None:
    write(site, NANOVER)
    child(
        SLOW_FINDER,
        """
        finder = SlowFinder(in_reload=True)
        sys.meta_path.insert(0, finder)
        thread.start()
        assert finder.arrived.wait(20)
        assert sys.modules["nanover"].__path__ == [os.path.join(site, "nanover")]
        finder.go_on.set()
        thread.join()
        assert results and sys.modules["nanover"].VERSION == "made up"
        """,
    )


def test_threads_that_need_the_real_package_at_once_load_it_once(child: Child, site: Path) -> None:
    write(site, NANOVER)
    count = "import builtins, time; builtins.loads += 1; time.sleep(0.2)\n"
    write(site, {"nanover/__init__.py": count, "nanover/utilities/__init__.py": count})
    child("""
        import builtins
        builtins.loads = 0
        install()
        assert_ours()
        nanover_is_installed()
        barrier = threading.Barrier(8)
        seen = []

        def work():
            barrier.wait()
            import nanover.utilities.timing
            from nanover.app import DictionaryChange
            seen.append(DictionaryChange)

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        assert seen == [change_buffers.DictionaryChange] * 8
        assert loads == 2, loads
    """)
