"""Get the servers that rooms are shared through, for the tests: found, or fetched from Debian.

    python tools/servers.py valkey-server redis-server

Each is looked for on the PATH; what is not there is fetched from one of Debian's releases, if the
machine uses that, and kept in `$XDG_CACHE_HOME/change-buffers`, where the tests look for it.
Nothing of the system is changed.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from debian import CACHE, Debian, Unavailable
from debian_pythons import WRAPPER, loader_of

SERVERS = CACHE / "servers"


def get(program: str, debian: Debian) -> Path:
    """Give where a server is. Raises `Unavailable`."""
    if found := shutil.which(program):
        return Path(found)
    kept = SERVERS / program / program
    if not kept.exists():
        print(f"{program}: fetching it from Debian into {CACHE}", flush=True)
        unpack(debian, program, SERVERS / program)
    return kept


def unpack(debian: Debian, program: str, target: Path) -> None:
    """Unpack a server and all that it needs, with a file in the folder that runs it."""
    debian.unpack([program], target)
    usr = target / "usr"
    binary = usr / "bin" / program
    if not binary.exists():
        raise Unavailable(f"{program} has no {binary.relative_to(target)}")
    loader = loader_of(program, usr)
    # It may be a link, and it goes by the name it is called by.
    wrapper = target / program
    wrapper.write_text(WRAPPER.format(loader=loader, libraries=loader.parent, program=binary))
    wrapper.chmod(0o755)


def main(programs: list[str]) -> int:
    """Get them all, and say where they are."""
    debian = Debian(CACHE / "debian")
    missing = 0
    for program in programs:
        try:
            print(f"{program}: {get(program, debian)}")
        except Unavailable as error:
            print(f"{program}: {error}", file=sys.stderr)
            missing += 1
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
