"""The version, as Python writes it."""

_STAGES = {"-alpha": "a", "-beta": "b", "-rc": "rc", "-dev": ".dev"}


def in_python_form(version: str) -> str:
    """Turn a version of Cargo's into one of Python's: `1.0.0-rc.1` into `1.0.0rc1`."""
    for cargo, python in _STAGES.items():
        release, is_found, number = version.partition(cargo)
        if is_found:
            return f"{release}{python}{number.removeprefix('.') or 0}"
    return version
