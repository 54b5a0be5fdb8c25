"""How much memory the process has, and whether that is flat."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

STATM = Path("/proc/self/statm")

TOLERANCE = 0.05
WARM_UP = 0.2
"""The part of the samples in which pools, caches and arenas may still be growing."""
FEWEST = 20
"""Samples without which nothing can be said."""


def give_back() -> None:
    """Return to the system what is free, where the C library can (glibc).

    What is left between values that threads have freed depends on luck; what is held does not.
    """
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)


def resident() -> int:
    """Give the resident bytes of this process; where there is no /proc, the most it ever had."""
    if sys.platform == "win32":
        return _working_set()
    import resource

    if STATM.exists():
        return int(STATM.read_text().split()[1]) * resource.getpagesize()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _working_set() -> int:
    """Ask Windows for what is resident of this process."""
    counters = (ctypes.c_size_t * 10)()  # the two numbers it begins with fill the first
    size = ctypes.sizeof(ctypes.c_size_t) * 9
    kernel = ctypes.WinDLL("kernel32", use_last_error=True)
    kernel.GetCurrentProcess.restype = ctypes.c_void_p
    ask = kernel.K32GetProcessMemoryInfo
    ask.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint32]
    ctypes.c_uint32.from_buffer(counters).value = size
    if not ask(kernel.GetCurrentProcess(), counters, size):
        raise ctypes.WinError(ctypes.get_last_error())
    return int(counters[2])


@dataclass(frozen=True)
class Verdict:
    """What the samples of a run say, in bytes."""

    start: float
    end: float
    highest: float
    judged: bool

    @property
    def growth(self) -> float:
        """Growth from start to end, as a part of the start."""
        return self.end / self.start - 1 if self.start else 0.0

    @property
    def flat(self) -> bool:
        """Whether the process ended, and stayed, within the tolerance of where it started."""
        return max(self.end, self.highest) <= self.start * (1 + TOLERANCE)


def judge(samples: Sequence[int]) -> Verdict:
    """Compare the first and the last third of the samples after the warm-up.

    Medians, since an allocator's holes come and go. For the same reason the highest is the highest
    median of a tenth of the samples, or of five.
    """
    kept = samples[int(len(samples) * WARM_UP) :] or [0]
    width = max(1, len(kept) // 3)
    window = min(len(kept), max(5, len(kept) // 10))
    smooth = [median(kept[i : i + window]) for i in range(len(kept) - window + 1)]
    return Verdict(
        start=median(kept[:width]),
        end=median(kept[-width:]),
        highest=max(smooth),
        judged=len(samples) >= FEWEST,
    )
