"""One lone event from its append until a recall by words finds it, beside the store's own commit of it.

The clock stops when the waiting ends. A recall straight after must find the event, each time: what it
costs to ask is another benchmark's question.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import time
from typing import TYPE_CHECKING, Final

from anabranch_events.event.types import InsightRecorded
from anabranch_projections import Projector
from anabranch_recall import Question
from anabranch_store import GraphRanker
from benchmarks.projection_contest import append, start_at
from benchmarks.projection_loader import load, loader_driver
from benchmarks.projection_stream import NAMESPACE, loads, probe
from benchmarks.rows import Row, at_most

if TYPE_CHECKING:
    from anabranch_events import Event, Log
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
                await require_found(graph, event, f"sluice {number}")
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


async def require_found(graph: Graph, event: Event, words: str) -> None:
    """Raise unless a recall of these words finds the insight of `event` at once."""
    data = event.data
    assert isinstance(data, InsightRecorded)
    question = Question(text=words, namespace=NAMESPACE, k=50)
    found = await GraphRanker(graph).recall(question)
    if data.insight_id not in {hit.insight_id for hit in found.hits}:
        raise AssertionError(f"{words}: committed, and not to be recalled")
