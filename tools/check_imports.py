"""What an extension module takes from other libraries, read from the file on any machine."""

from __future__ import annotations

import io
import re

import pefile
from elftools.elf.dynamic import DynamicSection
from elftools.elf.elffile import ELFFile

# All of them are part of Windows 10 and newer, the oldest that Python itself runs on.
OF_WINDOWS = re.compile(
    r"(advapi32|bcrypt|bcryptprimitives|kernel32|msvcrt|ntdll|userenv|ws2_32|"
    r"api-ms-win-[a-z0-9-]+)\.dll",
    re.IGNORECASE,
)
# musl's loader takes the first name for itself, as it does the second, which is its own.
OF_MUSL = re.compile(r"libc\.so|libc\.musl-\w+\.so\.1|libgcc_s\.so\.1")


def of_windows(library: bytes) -> set[str]:
    """Give the names of the libraries from which a `.pyd` imports, at once or when first called."""
    image = pefile.PE(data=library, fast_load=True)
    entries = [
        pefile.DIRECTORY_ENTRY[f"IMAGE_DIRECTORY_ENTRY_{kind}IMPORT"] for kind in ("", "DELAY_")
    ]
    image.parse_data_directories(entries)
    found = [
        *getattr(image, "DIRECTORY_ENTRY_IMPORT", []),
        *getattr(image, "DIRECTORY_ENTRY_DELAY_IMPORT", []),
    ]
    return {entry.dll.decode() for entry in found}


def of_elf(library: bytes) -> set[str]:
    """Give the names of the libraries that a `.so` needs."""
    dynamic = ELFFile(io.BytesIO(library)).get_section_by_name(".dynamic")
    if not isinstance(dynamic, DynamicSection):
        raise ValueError("it is no library that is linked when it is loaded")
    return {vars(tag)["needed"] for tag in dynamic.iter_tags() if tag.entry.d_tag == "DT_NEEDED"}


def superfluous(system: str, python: str, library: bytes) -> set[str]:
    """Give the libraries that a system, or the Python such as `cp313` on it, does not have."""
    if system == "win":
        own = f"python{python.removeprefix('cp')}.dll"
        return {
            name
            for name in of_windows(library)
            if name.lower() != own and not OF_WINDOWS.fullmatch(name)
        }
    if system == "musllinux":
        return {name for name in of_elf(library) if not OF_MUSL.fullmatch(name)}
    return set()  # auditwheel knows manylinux better, and macOS' own tools what is there
