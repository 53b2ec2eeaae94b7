"""The memory of importing a session that grows, with a record of 20 MB in it.

`ANABRANCH_BENCH_SESSION_SIZES` says how many MB the files have; each is imported by a new process.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from benchmarks.rows import Row, at_most
from benchmarks.session_files import write_session
from benchmarks.sessions import peak_of

SIZES: Final = [
    int(size) for size in os.environ.get("ANABRANCH_BENCH_SESSION_SIZES", "30,300,2000").split(",")
]
LONGEST_MB: Final = 20


async def run() -> list[Row]:
    """Measure the peak of each size; return a row for each beside the first."""
    peaks: list[float] = []
    for size in SIZES:
        with tempfile.TemporaryDirectory(prefix="anabranch-bench-") as folder:
            write_session(Path(folder), megabytes=size, longest_mb=LONGEST_MB)
            began = time.perf_counter()
            peaks.append(await peak_of(Path(folder)))
            took_s = time.perf_counter() - began
            print(f"  {size} MB: {peaks[-1]:.0f} MB, {took_s:.0f} s", file=sys.stderr)
    return [
        at_most(
            f"memory of importing {size} MB / {SIZES[0]} MB, a record of {LONGEST_MB} MB in each",
            ours=peak,
            theirs=peaks[0],
            limit=1.2,
            unit="MB",
        )
        for size, peak in zip(SIZES[1:], peaks[1:], strict=True)
    ]
