"""What continuous integration asks for: that no package is missing unnoticed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

WORKS_WITH = Path(__file__).parents[1] / "works_with"

TESTS = """
import pytest
from packages import needs

def test_a_package_that_is_there():
    needs("pytest")

def test_a_package_that_is_missing():
    needs("Missing_One")

def test_another_reason():
    pytest.skip("not today")

def test_nothing_could_be_done():
    pytest.skip("this interpreter lacks wings")
"""

GROUP = """
[dependency-groups]
works-with = [
    "missing-one>=1{marker}",
    "pytest",
]
"""


@pytest.mark.parametrize(
    ("required", "marker", "outcomes"),
    [
        ("", "", "1 passed, 4 skipped"),
        ("1", "", "2 failed, 1 passed, 1 skipped, 1 error"),
        ("1", "; python_version < '3'", "1 failed, 1 passed, 3 skipped"),
        ("1", "; python_version >= '3'", "2 failed, 1 passed, 1 skipped, 1 error"),
    ],
)
def test_a_skip_fails_where_the_package_is_to_be_had(
    tmp_path: Path, required: str, marker: str, outcomes: str
) -> None:
    folder = tmp_path / "tests" / "works_with"
    folder.mkdir(parents=True)
    for name in ("conftest.py", "packages.py"):
        shutil.copy(WORKS_WITH / name, folder)
    shutil.copy(WORKS_WITH.parent / "skips.py", folder)
    (folder / "test_it.py").write_text(TESTS)
    (folder / "test_module.py").write_text("import pytest\npytest.importorskip('missing_one')\n")
    (tmp_path / "pyproject.toml").write_text(GROUP.format(marker=marker))
    options = ["-p", "no:cacheprovider", "--continue-on-collection-errors"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, str(folder)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "REQUIRE_WORKS_WITH": required},
    )
    assert f" {outcomes} in " in done.stdout, done.stdout


@pytest.mark.parametrize(("required", "outcome"), [("", "1 skipped"), ("1", "1 error")])
def test_a_missing_browser_is_noticed(required: str, outcome: str) -> None:
    test = "tests/server/browser/test_guide.py::test_a_block_that_is_wrong_is_noticed"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:xdist", test],
        cwd=WORKS_WITH.parents[1],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "PATH": "", "REQUIRE_BROWSER": required},
    )
    assert f" {outcome} in " in done.stdout, done.stdout
    assert "there is no Chromium" in done.stdout
