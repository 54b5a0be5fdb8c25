"""Has each test run in several threads at once, if pytest is called with `--parallel-threads`.

That option is pytest-run-parallel's. It makes fixtures once for all threads of a test; here a test
gets its own of them in each thread, as far as they are made by functions of these tests. A test
with any other fixture runs in one thread, as does one that calls what `thread_unsafe_functions` in
`pyproject.toml` lists or that is marked `thread_unsafe`: what they use is one for the process.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import is_hypothesis_test

HERE = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("parallel_threads") in (1, "1"):
        return
    for item in items:
        reason = why_alone(item)
        if reason is not None:
            item.add_marker(pytest.mark.thread_unsafe(reason=reason))
        elif isinstance(item, pytest.Function):
            item.obj = InEachThread(item)


def why_alone(item: pytest.Item) -> str | None:
    if not isinstance(item, pytest.Function) or item.cls is not None:
        return "is no plain function"
    if is_hypothesis_test(item.obj):
        return "is driven by Hypothesis, which has one store of examples"
    for name in item.fixturenames:
        if name != "request" and name not in params(item) and not is_own(item, name):
            return f"the fixture {name} is one for all threads"
    return None


def params(item: pytest.Function) -> Mapping[str, Any]:
    return item.callspec.params if hasattr(item, "callspec") else {}


def definition(item: pytest.Function, name: str) -> pytest.FixtureDef[Any]:
    return item._fixtureinfo.name2fixturedefs[name][-1]


def is_own(item: pytest.Function, name: str) -> bool:
    fixture = definition(item, name)
    is_ours = HERE in Path(inspect.getfile(fixture.func)).parents
    return is_ours and fixture.scope == "function"


class InEachThread:
    """A test function that makes its fixtures itself."""

    def __init__(self, item: pytest.Function) -> None:
        self._item = item
        self._function = item.obj
        functools.update_wrapper(self, item.obj)
        # pytest-run-parallel looks up there what the function calls.
        self.__globals__ = item.obj.__globals__

    def __call__(self, **shared: Any) -> None:
        with ExitStack() as stack:
            fixtures = Fixtures(self._item, stack)
            self._function(**{name: fixtures.get(name, value) for name, value in shared.items()})


class Fixtures:
    """Fixtures of one run of a test."""

    def __init__(self, item: pytest.Function, stack: ExitStack) -> None:
        self._item = item
        self._stack = stack
        self._made: dict[str, Any] = {}

    def get(self, name: str, shared: Any = None) -> Any:
        if name in params(self._item) and not self._is_made(name):
            return params(self._item)[name]
        if name not in self._made:
            self._made[name] = self._make(name) if self._is_made(name) else shared
        return self._made[name]

    def _is_made(self, name: str) -> bool:
        definitions = self._item._fixtureinfo.name2fixturedefs
        return name in definitions and is_own(self._item, name)

    def _make(self, name: str) -> Any:
        fixture = definition(self._item, name)
        request = SimpleNamespace(
            param=params(self._item).get(name), getfixturevalue=self.get, node=self._item
        )
        arguments = {
            argument: request if argument == "request" else self.get(argument)
            for argument in fixture.argnames
        }
        if inspect.isgeneratorfunction(fixture.func):
            return self._stack.enter_context(contextmanager(fixture.func)(**arguments))
        return fixture.func(**arguments)
