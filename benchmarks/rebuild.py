"""The rebuild of a long log beside the loader, part by part, on each store: the curve, and memory.

Both sides fill the same graph in turns, a part of the log each, so that what it grows to slows both.
Ours folds the log as `rebuild` does, without vectors; the loader is given rows that are ready. The
clock stops while events are appended and rows are made. A rebuild goes on beside a graph that is in
use, on a server that has been at work: the first parts, in which a JVM that has just started compiles,
are printed and not counted. ANABRANCH_BENCH_EVENTS says how many events, ANABRANCH_BENCH_STORE on which store.
"""

from __future__ import annotations

import os
import resource
import sys
import time
from typing import TYPE_CHECKING, Final

from anabranch_projections.rebuild import GraphFiller
from benchmarks.projection_contest import require_equal, set_heap_aside
from benchmarks.projection_loader import load, loader_driver
from benchmarks.projection_stores import on_each_store
from benchmarks.projection_stream import A_THOUGHT, loads, mixed
from benchmarks.rows import Row, at_most

if TYPE_CHECKING:
    from benchmarks.projection_stores import Bench

EVENTS: Final = int(os.environ.get("ANABRANCH_BENCH_EVENTS", "1000000"))
PART: Final = 1000 * A_THOUGHT  # A thought is never cut, nor a transaction of the loader's.
WARM_UP: Final = 4
SHOWN: Final = (0.1, 0.3, 1.0)


async def run() -> list[Row]:
    """Measure on each store in turn; return the rows, each of which names its store."""
    return await on_each_store(_curve)


async def _curve(measured_on: Bench) -> list[Row]:
    """Fill part after part; return a row for each share of the events in `SHOWN`."""
    log, graph, _ = measured_on
    rows: list[Row] = []
    ours_s = theirs_s = 0.0
    peaks: list[float] = []
    parts = max(round(EVENTS / PART), len(SHOWN))
    shown = {max(1, round(parts * share)) for share in SHOWN}
    async with loader_driver(graph) as driver:
        for part in range(1 - WARM_UP, parts + 1):
            if part == 1:
                ours_s = theirs_s = 0.0
            events = list(mixed(PART))
            before = (await log.bounds()).last
            await log.ingest(events)
            ready = list(loads(events, after=before))
            filling = GraphFiller(log, graph, None)
            set_heap_aside()
            for mine in (True, False) if part % 2 else (False, True):
                began = time.perf_counter()
                if mine:
                    await filling.run(to=before + PART)
                    ours_s += time.perf_counter() - began
                else:
                    await load(driver, graph, ready)
                    theirs_s += time.perf_counter() - began
            if part < 1:
                print(f"  warming up: {ours_s / theirs_s:.2f}", file=sys.stderr)
                continue
            peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
            print(f"  {part * PART:,} events: {ours_s / theirs_s:.2f}", file=sys.stderr)
            if part in shown:
                rows.append(
                    at_most(
                        f"rebuild of {part * PART:,} events / the loader ({graph.product.agent})",
                        ours=ours_s / (part * PART) * 1e6,
                        theirs=theirs_s / (part * PART) * 1e6,
                        limit=1.2,
                        unit="us/event",
                    )
                )
        await require_equal(driver, graph)
    rows.append(
        at_most(
            f"peak memory, rebuild of {parts * PART:,} events / of half ({graph.product.agent})",
            ours=peaks[-1],
            theirs=peaks[len(peaks) // 2 - 1],
            limit=1.1,
            unit="MiB",
        )
    )
    return rows
