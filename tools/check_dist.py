"""Check the files of a release: what is in them, what they say, and how large they are.

    python tools/check_dist.py dist
    python tools/check_dist.py --build dist
    python tools/check_dist.py --platforms 7 dist
    python tools/check_dist.py --pythons cp314 dist

There has to be one source distribution, and for each platform a wheel for every Python that the
classifiers name, or for some of them if they are named. With `--build` the source distribution is
built as `pip install` would do it. Nothing is installed, so wheels of all platforms can be looked
at on any machine.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from email.parser import HeaderParser
from functools import cached_property
from pathlib import Path

from packaging.utils import parse_wheel_filename
from packaging.version import Version

import check_imports

ROOT = Path(__file__).resolve().parent.parent

# Of use in a clone only.
NOT_IN_SDIST = re.compile(r"\.ci/|\.github/|\.gitignore$|\.pre-commit-config\.yaml$")
ONLY_IN_SDIST = {"PKG-INFO"}

# The extension module has up to 1.5 MB, and many times that with what a debugger wants to know.
LARGEST = 2 * 1024 * 1024

# What runs on older systems, too, is welcome; what needs newer ones is not.
MANYLINUX = "manylinux_2_17"


class Wrong(Exception):  # noqa: N818, it is the answer to a question
    """Something is not as it should be; the message says what."""


def expect_same(what: str, there: Iterable[str], expected: Iterable[str]) -> None:
    """Compare two sets of names."""
    there, expected = set(there), set(expected)
    complaints = [f"{name} is missing" for name in sorted(expected - there)]
    complaints += [f"{name} should not be there" for name in sorted(there - expected)]
    if complaints:
        raise Wrong(f"{what}: {'; '.join(complaints)}")


@dataclass(frozen=True)
class SourceDistribution:
    """The archive of the sources."""

    path: Path

    @cached_property
    def files(self) -> dict[str, bytes]:
        """The content of all files, by their path below the one folder."""
        found = {}
        with tarfile.open(self.path) as archive:
            for member in archive.getmembers():
                file = archive.extractfile(member)
                folder, _, name = member.name.partition("/")
                if file is None or folder != self.path.name.removesuffix(".tar.gz"):
                    raise Wrong(f"{self.path.name}: {member.name} should not be there")
                found[name] = file.read()
        return found

    @property
    def metadata(self) -> str:
        """What it says about itself."""
        return self.files["PKG-INFO"].decode()

    @property
    def pythons(self) -> set[str]:
        """The Pythons that it is for, named as in wheels."""
        classifiers = HeaderParser().parsestr(self.metadata).get_all("Classifier", [])
        found = set()
        for classifier in classifiers:
            if match := re.fullmatch(r"Programming Language :: Python :: 3\.(\d+)", classifier):
                found.add(f"cp3{match[1]}")
        if any("Free Threading" in classifier for classifier in classifiers):
            # Of those without the GIL, 3.14 is the first that PyO3 supports.
            found.add("cp314t")
        return found

    @property
    def package(self) -> dict[str, bytes]:
        """The files of the Python package, by the names under which they are installed."""
        return {
            name.removeprefix("python/"): content
            for name, content in self.files.items()
            if name.startswith("python/")
        }

    def check(self) -> None:
        """Compare it with the repository, if there is one, and with Cargo."""
        match = re.search(r'^version = "(.*)"$', self.files["Cargo.toml"].decode(), re.MULTILINE)
        version = match and Version(match[1])
        name = f"change_buffers-{version}.tar.gz"
        if self.path.name != name or f"\nVersion: {version}\n" not in self.metadata:
            raise Wrong(f"{self.path.name}: for Cargo the version is {version}")
        if not (ROOT / ".git").exists():
            print(f"{self.path.name}: no repository here to compare its files with")
            return
        listed = subprocess.run(
            ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout
        tracked = {name for name in listed.split("\0") if name and not NOT_IN_SDIST.match(name)}
        expect_same(self.path.name, self.files, tracked | ONLY_IN_SDIST)

    def build(self) -> None:
        """Build a wheel of it in isolation, with nothing but what it says that it needs."""
        with tempfile.TemporaryDirectory() as folder:
            pip = (sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-cache-dir")
            # Cargo goes by dates, and those in the archive are older than whatever it built before.
            environment = {**os.environ, "CARGO_TARGET_DIR": f"{folder}/target"}
            command = [*pip, "--wheel-dir", folder, str(self.path)]
            subprocess.run(command, env=environment, check=True)
            (wheel,) = Path(folder).glob("*.whl")
            Wheel(wheel).check(self)


@dataclass(frozen=True)
class Wheel:
    """One wheel, of any platform."""

    path: Path

    @property
    def python(self) -> str:
        """The one Python that it is for, such as `cp314t`."""
        (python,) = {tag.abi for tag in parse_wheel_filename(self.path.name)[3]}
        return python

    @property
    def platforms(self) -> set[str]:
        """The tags of what it runs on, such as `manylinux_2_17_x86_64`."""
        return {tag.platform for tag in parse_wheel_filename(self.path.name)[3]}

    @property
    def platform(self) -> tuple[str, str]:
        """The system and the processor, without the versions of which a tag tells."""
        matches = (re.fullmatch(r"([a-z]+)[\d_]*_([a-z].*)", tag) for tag in self.platforms)
        (platform,) = {match.groups() for match in matches if match}
        system, processor = platform
        return system, processor

    @cached_property
    def files(self) -> dict[str, bytes]:
        """The content of all files."""
        with zipfile.ZipFile(self.path) as archive:
            return {name: archive.read(name) for name in archive.namelist()}

    @property
    def library(self) -> str:
        """The name of the extension module."""
        end = ".pyd" if self.platform[0] == "win" else ".so"
        (library,) = (name for name in self.files if name.endswith(end))
        return library

    def check(self, sdist: SourceDistribution) -> None:
        """Compare it with the source distribution, and its symbols with what its name promises."""
        info = sdist.path.name.removesuffix(".tar.gz") + ".dist-info"
        bill = f"{info}/sboms/change-buffers-binding.cyclonedx.json"
        metadata = ("METADATA", "RECORD", "WHEEL", "licenses/LICENSE")
        expected = {*sdist.package, self.library, bill, *(f"{info}/{name}" for name in metadata)}
        expect_same(self.path.name, self.files, expected)
        copies = {
            **sdist.package,
            f"{info}/METADATA": sdist.files["PKG-INFO"],
            f"{info}/licenses/LICENSE": sdist.files["LICENSE"],
        }
        for name, content in copies.items():
            # On Windows a text may be checked out, and packed, with other ends of lines.
            if self.files[name].replace(b"\r\n", b"\n") != content.replace(b"\r\n", b"\n"):
                raise Wrong(f"{self.path.name}: {name} differs from the source distribution's")
        library = self.files[self.library]
        if len(library) > LARGEST:
            raise Wrong(f"{self.path.name}: {self.library} has {len(library)} bytes")
        if more := check_imports.superfluous(self.platform[0], self.python, library):
            raise Wrong(f"{self.path.name}: {self.library} needs {', '.join(sorted(more))}")
        if sys.platform == "linux" and self.platform[0] == "manylinux":
            self.check_symbols()

    def check_symbols(self) -> None:
        """Have auditwheel look for what an old Linux would not have."""
        if f"{MANYLINUX}_{self.platform[1]}" not in self.platforms:
            raise Wrong(f"{self.path.name}: not for {MANYLINUX}")
        command = [sys.executable, "-m", "auditwheel", "show", str(self.path)]
        shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        if (found := re.search(r'platform tag:\s+"manylinux_(\d+)_(\d+)_', shown)) is None:
            raise Wrong(f"{self.path.name}: for auditwheel it is not manylinux\n{shown}")
        if tuple(map(int, found.groups())) > tuple(map(int, MANYLINUX.split("_")[1:])):
            raise Wrong(f"{self.path.name}: for auditwheel it is {found[0]}\n{shown}")
        if "libgcc_s.so.1" not in shown:
            # The Makefile tells where that ends.
            raise Wrong(f"{self.path.name}: stacks are not unwound by the system's library")


def check_pythons(wheels: list[Wheel], pythons: set[str], platforms: int | None) -> None:
    """Every platform has to have a wheel for each of these Pythons."""
    there: dict[str, set[str]] = defaultdict(set)
    for wheel in wheels:
        there[" ".join(wheel.platform)].add(wheel.python)
    for name, found in there.items():
        expect_same(name, found, pythons)
    if len(there) != (platforms or len(there)) or not there:
        raise Wrong(f"wheels for {len(there)} platforms: {', '.join(sorted(there)) or 'none'}")


def sizes(sdist: SourceDistribution, wheels: list[Wheel]) -> Iterator[tuple[str, str, str]]:
    """Give rows of a table: how large each file is, and the extension module in it."""
    yield "file", "KiB", "extension module, KiB"
    yield sdist.path.name, f"{sdist.path.stat().st_size / 1024:.0f}", ""
    for wheel in wheels:
        library = len(wheel.files[wheel.library]) / 1024
        yield wheel.path.name, f"{wheel.path.stat().st_size / 1024:.0f}", f"{library:.0f}"


def check(folder: Path, pythons: list[str], platforms: int | None, is_built: bool) -> None:
    """Check everything in a folder, and say how large it is."""
    files = sorted(folder.iterdir())
    wheels = [Wheel(path) for path in files if path.suffix == ".whl"]
    sdists = [SourceDistribution(path) for path in files if path.name.endswith(".tar.gz")]
    if len(sdists) != 1 or len(wheels) + 1 != len(files):
        raise Wrong(f"{folder}: one source distribution and wheels should be there")
    (sdist,) = sdists
    sdist.check()
    for wheel in wheels:
        wheel.check(sdist)
    check_pythons(wheels, set(pythons) or sdist.pythons, platforms)
    twine = [sys.executable, "-m", "twine", "--no-color", "check", "--strict"]
    described = subprocess.run(
        [*twine, *map(str, files)], stdout=subprocess.PIPE, text=True, check=False
    )
    if described.returncode != 0:
        raise Wrong(f"twine check:\n{described.stdout}")
    if is_built:
        sdist.build()
    rows = list(sizes(sdist, wheels))
    width = max(len(name) for name, _, _ in rows)
    for name, size, library in rows:
        print(f"{name:{width}}  {size:>5}  {library:>5}")


def main() -> int:
    """Check the files of a folder; fail with a sentence if something is wrong."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path, help="what is about to be released")
    parser.add_argument("--platforms", type=int, help="for how many there have to be wheels")
    parser.add_argument("--pythons", nargs="+", default=[], help="for which they have to be: cp314")
    parser.add_argument("--build", action="store_true", help="build the source distribution, too")
    arguments = parser.parse_args()
    try:
        check(arguments.folder, arguments.pythons, arguments.platforms, arguments.build)
    except Wrong as wrong:
        print(wrong, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
