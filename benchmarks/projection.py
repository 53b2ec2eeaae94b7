"""The projection beside what the store can do, on the embedded graph and on Neo4j, in one run.

Ours reads events from the log, decodes and folds them, and commits them under the checkpoint's
compare-and-set. Theirs is given ready rows and writes them by `UNWIND` in plain transactions.
ANABRANCH_BENCH_STORE names one store; ANABRANCH_BENCH_EVENTS and ANABRANCH_BENCH_ROUNDS set how
many events a round has and how many rounds are counted.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from benchmarks.projection_contest import exactly_once, steady
from benchmarks.projection_lone import lone_event
from benchmarks.projection_stores import on_each_store

if TYPE_CHECKING:
    from benchmarks.projection_stores import Bench
    from benchmarks.rows import Row


async def run() -> list[Row]:
    """Measure on each store in turn; return the rows, each of which names its store."""
    return await on_each_store(_compared)


async def _compared(measured_on: Bench) -> list[Row]:
    rows: list[Row] = []
    for measure in (steady, exactly_once, lone_event):
        found = await measure(measured_on.log, measured_on.graph)
        for row in found:
            print(f"  {row.name}: {row.ratio:.2f} ({row.goal})", file=sys.stderr)
        rows += found
    return rows
