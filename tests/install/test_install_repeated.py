"""`install()` and `uninstall()` again and again, and in several threads at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from nanover_trees import NANOVER, Child, write


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
