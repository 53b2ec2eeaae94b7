"""The processor time of processes."""

from __future__ import annotations

import os
from pathlib import Path


def processor_s(pid: int) -> float:
    """Return the seconds that a process that runs has used, in whole ticks of the kernel."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
