"""The memory of a process: its peak, and what it holds."""

from __future__ import annotations

import resource
import sys
from pathlib import Path


def peak_mb() -> float:
    """Return the most that this process ever held, in MB.

    On Linux `ru_maxrss` begins with what the parent held when it forked, so the process's own is read.
    """
    if sys.platform == "linux":
        return _status_mb("VmHWM:")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2


def held_mb() -> float:
    """Return what this process holds now, in MB; its peak where the system does not say."""
    return _status_mb("VmRSS:") if sys.platform == "linux" else peak_mb()


def _status_mb(name: str) -> float:
    status = Path("/proc/self/status").read_text()
    return int(status.partition(name)[2].split(maxsplit=1)[0]) / 1024
