"""What `install()` and `uninstall()` promise, each in a process of its own.

NanoVer is made up for every test, and the children see no installed packages but ours, so that a
NanoVer in the environment of the tests makes no difference.
"""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Callable, Mapping
from importlib import metadata
from pathlib import Path

import pytest

import change_buffers
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


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which this package, and nothing else, is installed."""
    folder = tmp_path_factory.mktemp("library")
    assert change_buffers.__file__ is not None
    package = Path(change_buffers.__file__).parent
    shutil.copytree(package, folder / package.name, ignore=shutil.ignore_patterns("__pycache__"))
    version = metadata.version("change-buffers")
    info = folder / f"{package.name}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Name: change-buffers\nVersion: {version}\n")
    return folder


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


# Without NanoVer


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


# With NanoVer


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


# NanoVer that becomes importable only after its stand-ins were made


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


# Repetition and concurrency


@pytest.mark.usefixtures("nanover")
def test_a_second_call_does_nothing(child: Child) -> None:
    child("""
        nanover_is_installed()
        import nanover.utilities.change_buffers as own
        before = snapshot()
        uninstall()
        assert snapshot() == before
        install()
        installed = snapshot()
        install()
        assert snapshot() == installed
        uninstall()
        assert snapshot() == before
        uninstall()
        assert snapshot() == before
    """)


@pytest.mark.parametrize("with_nanover", [False, True])
def test_installing_again_after_uninstalling(child: Child, site: Path, with_nanover: bool) -> None:
    if with_nanover:
        write(site, NANOVER)
    child(f"""
        if {with_nanover}:
            nanover_is_installed()
            assert_own()
        before = snapshot()
        for _ in range(3):
            install()
            assert_ours()
            uninstall()
            assert snapshot() == before
        install()
        assert_ours()
    """)


@pytest.mark.usefixtures("nanover")
def test_installing_again_after_somebody_reset_the_finders(child: Child) -> None:
    child("""
        nanover_is_installed()
        import nanover.utilities.change_buffers as own
        finders = sys.meta_path.copy()
        before = snapshot()
        install()
        sys.meta_path[:] = finders
        install()
        assert_ours()
        assert len(sys.meta_path) == len(finders) + 1
        uninstall()
        assert snapshot() == before
    """)


@pytest.mark.usefixtures("nanover")
def test_threads_may_install_and_uninstall_at_once(child: Child) -> None:
    child("""
        sys.setswitchinterval(1e-5)
        nanover_is_installed()
        import nanover.utilities.change_buffers as own
        before = snapshot()
        errors = []

        def work():
            try:
                for _ in range(2000):
                    install()
                    from nanover.utilities.change_buffers import DictionaryChange
                    assert DictionaryChange in (
                        own.DictionaryChange, change_buffers.DictionaryChange
                    )
                    uninstall()
            except BaseException as error:
                errors.append(error)

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        assert not errors, errors
        assert snapshot() == before
    """)


def test_threads_that_import_at_once_get_one_module(child: Child) -> None:
    child("""
        install()
        barrier = threading.Barrier(8)
        seen = []

        def work():
            barrier.wait()
            import nanover.utilities.change_buffers as module
            seen.append(module)

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        assert seen == [sys.modules[MODULE]] * 8
    """)


# The warning


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
