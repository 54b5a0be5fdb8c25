"""Names the machine without giving it away: no host names, no paths."""

from __future__ import annotations

import os
import platform
import subprocess
import sysconfig
from importlib import metadata
from pathlib import Path

from cpuinfo import get_cpu_info

from contenders import BY_NAME
from report.figures import Machine

PACKAGES = ["change-buffers", "msgpack", "ormsgpack", "orjson", "janus", "pytest-benchmark"]


def machine(load: list[float]) -> Machine:
    cpu = get_cpu_info()
    return Machine(
        cpu=cpu.get("brand_raw", platform.machine()),
        cores=os.cpu_count() or 1,
        virtual="hypervisor" in cpu.get("flags", []),
        memory_gib=memory_gib(),
        system=system(),
        python=python(),
        versions={
            **{package: metadata.version(package) for package in PACKAGES},
            **nanover_version(),
            "rustc": printed_by("rustc", "--version").split()[1],
        },
        load=load,
    )


def load_average() -> float:
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0


def python() -> str:
    name = f"{platform.python_implementation()} {platform.python_version()}"
    if sysconfig.get_config_var("Py_GIL_DISABLED"):
        name += " free-threaded"
    return f"{name}{how_built()}"


def how_built() -> str:
    """Without profile-guided optimisation `dict` is slower, which flatters us."""
    arguments = str(sysconfig.get_config_var("CONFIG_ARGS"))
    if "'--prefix=/usr'" in arguments:
        # Distributions optimise by what they call `make` with, of which nothing is left.
        return " of the distribution"
    return "" if "--enable-optimizations" in arguments else " without profile-guided optimisation"


def system() -> str:
    try:
        return f"{platform.freedesktop_os_release()['PRETTY_NAME']}, {platform.machine()}"
    except OSError:
        return f"{platform.system()} {platform.release()}, {platform.machine()}"


def memory_gib() -> float:
    if not hasattr(os, "sysconf"):
        return 0.0
    return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30)


def nanover_version() -> dict[str, str]:
    if "NanoVer" not in BY_NAME:
        return {}
    packages = sorted(set(metadata.packages_distributions().get("nanover", [])))
    return {package: metadata.version(package) for package in packages} or {"NanoVer": "of a path"}


def printed_by(*command: str) -> str:
    # Beside the manifest, so that a toolchain chosen for this project is the one that answers.
    here = Path(__file__).parent
    return subprocess.run(command, capture_output=True, text=True, check=True, cwd=here).stdout
