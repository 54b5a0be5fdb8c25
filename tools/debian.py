"""Gets packages from Debian into folders of their own; nothing of the system is changed.

The mirror is the one that this machine's apt uses already. It is asked about other releases than
the machine's own, and other processors, through a private configuration of apt, which checks
signatures and hashes as it always does. Whatever is missing ends in an `Unavailable` that says so.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "change-buffers"

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
RELEASES = "stable testing unstable"

# What the machine does after its own updates is about its own files.
AFTERWARDS = "#clear APT::Update::Post-Invoke;\n#clear APT::Update::Post-Invoke-Success;\n"


class Unavailable(Exception):  # noqa: N818, it is the answer to a question
    """Something cannot be had here; the message says why."""


def call(
    *command: str,
    log: Path | None = None,
    cwd: Path | None = None,
    env: dict[str, str] | None = None,
) -> str:
    """Run a command and give its output, or write that to a file."""
    result = subprocess.run(
        command,
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        errors="replace",
        # Sentences are looked for in what the programs say.
        env={**os.environ, **(env or {}), "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"},
        check=False,
    )
    if log is not None:
        log.write_text(result.stdout)
    if result.returncode != 0:
        lines = result.stdout.splitlines()
        complaints = [line for line in lines if line.startswith("E: ")]
        reason = (complaints or lines[-1:] or ["it says nothing"])[0]
        where = f", see {log}" if log is not None else ""
        raise Unavailable(f"{Path(command[0]).name} failed{where}: {reason}")
    return result.stdout


class Debian:
    """Debian's releases as the machine's mirror has them, for one kind of processor."""

    def __init__(self, folder: Path, architecture: str | None = None) -> None:
        """Keep in a folder what apt has to know; the machine's own processor if none is named."""
        self._folder = folder if architecture is None else folder / architecture
        self._architecture = architecture
        self._config = self._folder / "apt.conf"
        self._is_current = False

    def unpack(self, packages: list[str], target: Path, release: str = "unstable") -> None:
        """Unpack packages and all that they need, the C library too, into a new folder."""
        self._update()
        self._unpack(["--target-release", release, *packages], target, self._command("apt-get"))

    def unpack_missing(self, packages: list[str], target: Path) -> None:
        """Unpack what this machine lacks of packages and their needs, of its own release."""
        _check_tools()
        lists = self._folder / "own-lists"
        (lists / "partial").mkdir(parents=True, exist_ok=True)
        config = self._folder / "own.conf"
        config.write_text(
            f'Dir::State::lists "{lists}";\n'
            f'Dir::Cache "{self._folder / "cache"}";\n'
            # Nothing is installed, so nobody has to be kept from it, and everybody may.
            'Debug::NoLocking "true";\n' + AFTERWARDS
        )
        apt_get = ("apt-get", f"--config-file={config}")
        call(*apt_get, "update")
        self._unpack(packages, target, apt_get)

    def _unpack(self, packages: list[str], target: Path, apt_get: tuple[str, ...]) -> None:
        archives = self._folder / "cache" / "archives"
        shutil.rmtree(archives, ignore_errors=True)
        (archives / "partial").mkdir(parents=True)
        options = ("--yes", "--download-only", "--no-install-recommends")
        call(*apt_get, "install", *options, *packages)
        # What has the name is whole.
        unpacked = target.with_name(f"{target.name}.partial")
        for folder in (target, unpacked):
            shutil.rmtree(folder, ignore_errors=True)
        unpacked.mkdir(parents=True)
        for archive in sorted(archives.glob("*.deb")):
            call("dpkg-deb", "--extract", str(archive), str(unpacked))
        shutil.rmtree(archives)
        unpacked.rename(target)

    def source(self, package: str, folder: Path) -> Path:
        """Download the newest source that the mirror has; it may list some that it has not."""
        self._update()
        listed = call(*self._command("apt-cache"), "showsrc", "--only-source", package)
        versions: list[str] = re.findall(r"^Version: (\S+)$", listed, re.MULTILINE)
        for version in sorted(set(versions), key=_by_number, reverse=True):
            archives = folder / "archives" / version
            archives.mkdir(parents=True)
            options = ("--download-only", "--tar-only", "--only-source")
            try:
                call(
                    *self._command("apt-get"), "source", *options, f"{package}={version}",
                    cwd=archives,
                )  # fmt: skip
            except Unavailable:
                continue
            return next(archives.glob("*.orig.tar.*z"))
        if versions:
            tried = ", ".join(sorted(set(versions), key=_by_number))
            raise Unavailable(
                f"the mirror lists {package}'s sources ({tried}) but has none of them"
            )
        raise Unavailable(f"Debian has no source package {package}")

    def _update(self) -> None:
        if self._is_current:
            return
        _check_tools()
        if not KEYRING.exists():
            raise Unavailable(f"{KEYRING} is missing: apt install debian-archive-keyring")
        mirror = _mirror()
        sources = self._folder / "sources"
        for folder in (sources, self._folder / "state" / "lists" / "partial"):
            folder.mkdir(parents=True, exist_ok=True)
        (sources / "debian.sources").write_text(
            f"Types: deb deb-src\nURIs: {mirror}\nSuites: {RELEASES}\nComponents: main\n"
            f"Signed-By: {KEYRING}\n"
        )
        # With no package taken to be installed, everything that is needed is fetched.
        text = (
            'Dir::Etc::sourcelist "/dev/null";\n'
            f'Dir::Etc::sourceparts "{sources}";\n'
            f'Dir::State "{self._folder / "state"}";\n'
            'Dir::State::status "/dev/null";\n'
            f'Dir::Cache "{self._folder / "cache"}";\n'
            'Acquire::Languages "none";\n'
        )
        if self._architecture is not None:
            text += f'APT::Architecture "{self._architecture}";\n'
            text += f'APT::Architectures {{ "{self._architecture}"; }};\n'
        self._config.write_text(text + AFTERWARDS)
        call(*self._command("apt-get"), "update")
        self._is_current = True

    def _command(self, program: str) -> tuple[str, ...]:
        return (program, f"--config-file={self._config}")


def _check_tools() -> None:
    needed = ("apt-get", "apt-cache", "dpkg-deb")
    if missing := [tool for tool in needed if shutil.which(tool) is None]:
        raise Unavailable(f"not found, and fetching it needs Debian's {', '.join(missing)}")


def _mirror() -> str:
    """Give the address from which this machine gets Debian's packages."""
    form = "$(LABEL) $(REPO_URI)"
    listed = call("apt-get", "indextargets", "--format", form, "Created-By: Packages")
    for line in listed.splitlines():
        label, _, address = line.rpartition(" ")
        if label == "Debian":
            return address
    raise Unavailable("not found, and apt knows no Debian mirror (has `apt-get update` been run?)")


def _by_number(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", version)]
