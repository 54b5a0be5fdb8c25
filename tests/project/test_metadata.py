"""What an index shows of this package, and that it has one version."""

from __future__ import annotations

import re
from importlib import metadata
from pathlib import Path

import pytest
from packaging.version import Version

import change_buffers
from change_buffers._version import in_python_form
from helpers import run_child

ROOT = Path(__file__).parents[2]
METADATA = metadata.metadata("change-buffers")


def sections_of(name: str) -> dict[str, dict[str, str]]:
    """Plain strings of a TOML file, by section; Python reads TOML itself from 3.11 on only."""
    sections: dict[str, dict[str, str]] = {}
    section = sections.setdefault("", {})
    for line in (ROOT / name).read_text(encoding="utf-8").splitlines():
        if header := re.fullmatch(r"\[([\w.-]+)\]", line):
            section = sections.setdefault(header[1], {})
        elif setting := re.fullmatch(r'([\w.-]+) = "([^"]*)"', line):
            section[setting[1]] = setting[2]
    return sections


CARGO = sections_of("Cargo.toml")["workspace.package"]


def test_there_is_one_version() -> None:
    # Cargo writes those before a release in another way: 1.0.0-rc.1 for 1.0.0rc1.
    version = str(Version(CARGO["version"]))
    assert version == METADATA["Version"] == change_buffers.__version__


@pytest.mark.parametrize(
    "version", ["1.2.3", "1.2.3-alpha.1", "1.2.3-beta.20", "1.2.3-rc.1", "1.2.3-rc1", "1.0.0-dev.4"]
)
def test_a_version_of_cargo_is_written_as_the_metadata_has_it(version: str) -> None:
    assert in_python_form(version) == str(Version(version))


def test_the_version_is_not_looked_up_where_a_frozen_program_has_nothing() -> None:
    run_child("import change_buffers, sys; assert 'importlib.metadata' not in sys.modules")


def test_no_other_file_gives_a_version() -> None:
    sections = [
        sections_of("pyproject.toml")["project"],
        *(sections_of(f"rust/{crate}/Cargo.toml")["package"] for crate in ("core", "binding")),
    ]
    assert not any("version" in section for section in sections)


def test_a_source_distribution_says_what_the_installed_package_says() -> None:
    information = ROOT / "PKG-INFO"
    if not information.exists():
        pytest.skip("these are not the files of a source distribution")
    lines = information.read_text(encoding="utf-8").splitlines()
    assert f"Version: {METADATA['Version']}" in lines
    assert f"Name: {METADATA['Name']}" in lines


def test_licence_and_sentence_are_those_of_cargo() -> None:
    assert METADATA["License-Expression"] == CARGO["license"]
    assert METADATA["Summary"] == CARGO["description"]


def test_all_addresses_lead_to_the_repository() -> None:
    addresses = dict(entry.split(", ") for entry in METADATA.get_all("Project-URL", []))
    assert {"Homepage", "Documentation", "Repository", "Changelog", "Issues"} <= addresses.keys()
    for address in addresses.values():
        rest = address.removeprefix(CARGO["repository"])
        assert rest != address
        if rest.startswith("/blob/main/"):
            assert (ROOT / rest.removeprefix("/blob/main/")).is_file(), address


def test_the_oldest_python_is_the_first_that_is_listed() -> None:
    listed = re.findall(
        r"Programming Language :: Python :: (\d\.\d+)", "\n".join(METADATA.get_all("Classifier"))
    )
    assert METADATA["Requires-Python"] == f">={listed[0]}"


def test_every_library_that_a_codec_looks_for_is_an_extra() -> None:
    source = (ROOT / "python/change_buffers/_packers.py").read_text(encoding="utf-8")
    extras = METADATA.get_all("Provides-Extra")
    others = ["redis", "server", "uvloop"]
    assert sorted(extras) == ["msgpack", "orjson", "ormsgpack", *others]
    assert all(f'"{extra}"' in source for extra in extras if extra not in others)
