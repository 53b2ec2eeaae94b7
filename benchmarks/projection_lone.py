"""One lone event from its append until it is in the graph, beside the store's own commit of it."""

from __future__ import annotations

import asyncio
import os
import statistics
import time
from typing import TYPE_CHECKING, Final

from anabranch_projections import Projector
from benchmarks.projection_contest import append, start_at
from benchmarks.projection_loader import load, loader_driver
from benchmarks.projection_stream import NAMESPACE, loads, probe
from benchmarks.rows import Row, at_most

if TYPE_CHECKING:
    from anabranch_events import Log
    from anabranch_store import Graph

LONE: Final = int(os.environ.get("ANABRANCH_BENCH_LONE", "150"))
WARM_UP: Final = 30
_TIMEOUT_S: Final = 60.0


async def lone_event(log: Log, graph: Graph) -> list[Row]:
    """Append one event at a time, and load one that is as new, in turn."""
    ours: list[float] = []
    theirs: list[float] = []
    name = f"{NAMESPACE}-lone"
    _, last = await append(log, [probe("The first of all")])
    await start_at(graph, name, last)
    projector = Projector(log, graph, name=name)
    running = asyncio.create_task(projector.run())
    try:
        async with loader_driver(graph) as driver:
            for number in range(LONE + WARM_UP):
                event = probe(f"Sluice {number} is open")
                began = time.perf_counter()
                receipt = await log.append(event)
                await projector.wait_for(receipt.position, timeout_s=_TIMEOUT_S)
                ours.append(time.perf_counter() - began)
                ready = list(loads([event], after=receipt.position - 1))
                began = time.perf_counter()
                await load(driver, graph, ready)
                theirs.append(time.perf_counter() - began)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    return [
        at_most(
            f"lone event, write to readable / one-event commit ({graph.product.agent})",
            ours=statistics.median(ours[WARM_UP:]) * 1000,
            theirs=statistics.median(theirs[WARM_UP:]) * 1000,
            limit=1.5,
            unit="ms",
        )
    ]
