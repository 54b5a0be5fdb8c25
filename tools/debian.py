"""Gets interpreters and servers from Debian into a folder; nothing of the system is changed.

The mirror is the one that this machine's apt uses already. It is asked about other releases than
the machine's own through a private configuration of apt, which checks signatures and hashes as it
always does. Whatever is missing ends in an `Unavailable` that says so.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
RELEASES = "stable testing unstable"

BUILD_NEEDS = {"cc": "build-essential", "make": "build-essential", "tar": "tar", "xz": "xz-utils"}
HEADERS = "libssl-dev libffi-dev zlib1g-dev libsqlite3-dev libbz2-dev liblzma-dev"

# The loader and the libraries come with the interpreter, for it may be too new for the machine's.
WRAPPER = """\
#!/bin/sh
exec "{loader}" --argv0 "$0" --library-path "{libraries}" "{python}" "$@"
"""


class Unavailable(Exception):  # noqa: N818, it is the answer to a question
    """An interpreter cannot be had here; the message says why."""


def call(*command: str, log: Path | None = None, cwd: Path | None = None) -> str:
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
        env={**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"},
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
    """Debian's releases as the machine's mirror has them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._config = folder / "apt.conf"
        self._is_current = False

    def unpack(self, series: str, target: Path) -> None:
        """Unpack the interpreter `python<series>` and all that it needs, to `usr/` in a folder."""
        # libgcc-s1 is what extension modules in Rust need.
        self._fetch(target, f"python{series}-venv", "libgcc-s1")
        self._settle(series, target)

    def unpack_program(self, package: str, program: str, target: Path) -> Path:
        """Unpack a program and all that it needs in a folder; give what is to be called."""
        self._fetch(target, package)
        usr = target / "usr"
        binary = usr / "bin" / program
        if not binary.exists():
            raise Unavailable(f"{package} has no {program}")
        # It may be a link, and programs go by the name they are called by.
        wrapper = target / program
        libraries = _loader(usr, program).parent
        text = WRAPPER.format(loader=_loader(usr, program), libraries=libraries, python=binary)
        wrapper.write_text(text)
        wrapper.chmod(0o755)
        return wrapper

    def _fetch(self, target: Path, *packages: str) -> None:
        """Unpack packages and all that they need, to `usr/` in a folder."""
        self._update()
        archives = self._folder / "cache" / "archives"
        shutil.rmtree(archives, ignore_errors=True)
        (archives / "partial").mkdir(parents=True)
        self._apt("install", "--yes", "--download-only", "--no-install-recommends", *packages)
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        for archive in sorted(archives.glob("*.deb")):
            call("dpkg-deb", "--extract", str(archive), str(target))
        shutil.rmtree(archives)

    def build_free_threaded(self, series: str, target: Path) -> None:
        """Build `python<series>t` from Debian's source package and install it in a folder."""
        missing = {package for tool, package in BUILD_NEEDS.items() if shutil.which(tool) is None}
        if missing:
            raise Unavailable(f"building Python needs: apt install {' '.join(sorted(missing))}")
        self._update()
        work = self._folder / f"build-{series}t"
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        archive = self._source(series, work)
        call("tar", "--extract", "--file", str(archive), "--strip-components=1", cwd=work)
        log = self._folder / f"build-{series}t.log"
        print(f"  building Python {series}t, which takes ten minutes; see {log}", flush=True)
        options = ("--disable-gil", f"--prefix={target}")
        call("./configure", *options, cwd=work, log=log)
        call("make", f"-j{os.cpu_count() or 1}", cwd=work, log=log)
        shutil.rmtree(target, ignore_errors=True)
        call("make", "install", cwd=work, log=log)
        modules = "import ctypes, ensurepip, sqlite3, ssl, venv, zlib"
        try:
            call(str(target / "bin" / f"python{series}t"), "-c", modules)
        except Unavailable as error:
            shutil.rmtree(target)
            raise Unavailable(f"built incomplete ({error}): apt install {HEADERS}") from None
        shutil.rmtree(work)

    def _source(self, series: str, work: Path) -> Path:
        """Download the newest source that the mirror has; it may list some that it has not."""
        package = f"python{series}"
        listed = call(*self._command("apt-cache"), "showsrc", "--only-source", package)
        versions: list[str] = re.findall(r"^Version: (\S+)$", listed, re.MULTILINE)
        for version in sorted(set(versions), key=_by_number, reverse=True):
            folder = work / "archives" / version
            folder.mkdir(parents=True)
            try:
                wanted = f"{package}={version}"
                self._apt("source", "--download-only", "--only-source", wanted, cwd=folder)
            except Unavailable:
                continue
            return next(folder.glob("*.orig.tar.*z"))
        if versions:
            raise Unavailable(f"the mirror lists {package}'s sources but does not have them")
        raise Unavailable(f"Debian has no source package {package}")

    def _settle(self, series: str, target: Path) -> None:
        """Have what was unpacked run where it is."""
        usr = target / "usr"
        name = f"python{series}"
        loader = _loader(usr, name)
        wheels = usr / "share" / "python-wheels"
        for data in (usr / "lib" / name).glob("_sysconfigdata_*.py"):
            text = data.read_text()
            moved = re.sub(r"('WHEEL_PKG_DIR': ).*", rf"\1{str(wheels)!r},", text)
            data.write_text(moved)
        python = usr / "bin" / name
        binary = python.with_suffix(f"{python.suffix}.bin")
        python.rename(binary)
        wrapper = WRAPPER.format(loader=loader, libraries=loader.parent, python=binary)
        python.write_text(wrapper)
        python.chmod(0o755)

    def _update(self) -> None:
        if self._is_current:
            return
        needed = ("apt-get", "apt-cache", "dpkg-deb")
        if missing := [tool for tool in needed if shutil.which(tool) is None]:
            raise Unavailable(f"not found, and fetching it needs Debian's {', '.join(missing)}")
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
        self._config.write_text(
            'Dir::Etc::sourcelist "/dev/null";\n'
            f'Dir::Etc::sourceparts "{sources}";\n'
            f'Dir::State "{self._folder / "state"}";\n'
            'Dir::State::status "/dev/null";\n'
            f'Dir::Cache "{self._folder / "cache"}";\n'
            'Acquire::Languages "none";\n'
            # What the machine does after its own updates is about its own files.
            "#clear APT::Update::Post-Invoke;\n"
            "#clear APT::Update::Post-Invoke-Success;\n"
        )
        self._apt("update")
        self._is_current = True

    def _apt(self, *arguments: str, cwd: Path | None = None) -> None:
        call(*self._command("apt-get"), *arguments, cwd=cwd)

    def _command(self, program: str) -> tuple[str, ...]:
        return (program, f"--config-file={self._config}")


def _loader(usr: Path, name: str) -> Path:
    """Give the loader that came with a program."""
    loaders = sorted(usr.glob("lib/*/ld-linux*.so.*"))
    if not loaders:
        raise Unavailable(f"no loader came with {name}")
    return loaders[0]


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
