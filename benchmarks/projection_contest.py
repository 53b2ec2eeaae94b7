"""Ours beside the loader's, and ours without its fence: the same stream on the same store, in turn."""

from __future__ import annotations

import os
import statistics
import time
from typing import TYPE_CHECKING, Any, Final

from anabranch_projections import Projector
from anabranch_projections.checkpoint import Checkpoint, Fenced
from benchmarks.projection_loader import load, loader_driver
from benchmarks.projection_stream import LOADED, NAMESPACE, loads, mixed
from benchmarks.rows import Row, at_least, at_most

if TYPE_CHECKING:
    from collections.abc import Sequence

    from neo4j import AsyncDriver

    from anabranch_events import Event, Log
    from anabranch_store import Graph, Step

EVENTS: Final = int(os.environ.get("ANABRANCH_BENCH_EVENTS", "8000"))
ROUNDS: Final = int(os.environ.get("ANABRANCH_BENCH_ROUNDS", "9"))
WARM_UP: Final = 3

_COUNTS: Final = """
MATCH (n) WHERE n.namespace = $namespace
OPTIONAL MATCH (n)-[r]->()
WITH n, labels(n) AS labels, collect(type(r)) AS types
UNWIND labels + types AS name
RETURN name, count(*) AS count ORDER BY name"""


class _Unfenced(Checkpoint):
    """Moves the checkpoint blindly, beside the rows: what exactly once costs is the difference."""

    async def move(
        self,
        steps: Sequence[Step],
        *,
        expected: int,
        position: int,
        last: bool,
        wait: bool = True,
    ) -> None:
        """Apply `steps` without a look at the checkpoint; it is not moved."""
        del expected, position, last, wait
        await self._graph.write(steps)


class _UnfencedProjector(Projector):
    def __init__(self, log: Log, graph: Graph, *, name: str, start: int) -> None:
        super().__init__(log, graph, name=name)
        self._checkpoint = _Unfenced(graph, name)
        self._start = start

    async def project(self, to: int) -> None:
        self.position = self._start
        await self._follow(to)


async def steady(log: Log, graph: Graph) -> list[Row]:
    """Project and load fresh slices of the stream in turn; raises when the results differ."""
    ours: list[float] = []
    theirs: list[float] = []
    name = f"{NAMESPACE}-steady"
    async with loader_driver(graph) as driver:
        for number in range(ROUNDS + WARM_UP):
            events = list(mixed(EVENTS))
            first, last = await append(log, events)
            ready = list(loads(events, after=first))
            if not number:
                await start_at(graph, name, first)
            for mine in (True, False) if number % 2 else (False, True):
                began = time.perf_counter()
                if mine:
                    await Projector(log, graph, name=name).run(to=last)
                else:
                    await load(driver, graph, ready)
                (ours if mine else theirs).append(time.perf_counter() - began)
        await require_equal(driver, graph)
    return [
        at_least(
            f"steady projection / hand-tuned UNWIND loader ({graph.product.agent})",
            ours=EVENTS / statistics.median(ours[WARM_UP:]),
            theirs=EVENTS / statistics.median(theirs[WARM_UP:]),
            limit=0.8,
            unit="events/s",
        )
    ]


async def exactly_once(log: Log, graph: Graph) -> list[Row]:
    """Project fresh slices in turn with and without the compare-and-set."""
    with_it: list[float] = []
    without: list[float] = []
    name = f"{NAMESPACE}-fenced"
    first, reached = await append(log, list(mixed(1000)))
    await start_at(graph, name, reached)
    for number in range(ROUNDS + WARM_UP):
        for fenced in (True, False) if number % 2 else (False, True):
            first, last = await append(log, list(mixed(EVENTS)))
            if fenced:
                await start_at(graph, name, first, expected=reached)
                reached = last
            began = time.perf_counter()
            if fenced:
                await Projector(log, graph, name=name).run(to=last)
            else:
                await _UnfencedProjector(log, graph, name=name, start=first).project(last)
            (with_it if fenced else without).append(time.perf_counter() - began)
    return [
        at_most(
            f"exactly once / without the compare-and-set ({graph.product.agent})",
            ours=statistics.median(with_it[WARM_UP:]) / EVENTS * 1e6,
            theirs=statistics.median(without[WARM_UP:]) / EVENTS * 1e6,
            limit=1.1,
            unit="us/event",
        )
    ]


async def append(log: Log, events: Sequence[Event]) -> tuple[int, int]:
    """Append events; return the position before the first, and the last."""
    before = (await log.bounds()).last
    await log.ingest(events)
    last = (await log.bounds()).last
    if last - before != len(events):
        raise AssertionError(f"{len(events)} events took {last - before} positions")
    return before, last


async def start_at(graph: Graph, name: str, position: int, *, expected: int = 0) -> None:
    """Let a projection begin after what other rounds made."""
    if position == expected:
        return
    try:
        await Checkpoint(graph, name).move([], expected=expected, position=position, last=True)
    except Fenced as error:
        raise AssertionError(f"the checkpoint of {name} is not at {expected}") from error


async def require_equal(driver: AsyncDriver, graph: Graph) -> None:
    """Raise unless both sides made as many nodes and relationships of each kind."""
    async with driver.session(database=graph.address.database) as session:
        found: list[list[dict[str, Any]]] = []
        for namespace in (NAMESPACE, LOADED):
            result = await session.run(_COUNTS, namespace=namespace)
            found.append([record.data() async for record in result])
    if not found[0] or found[0] != found[1]:
        raise AssertionError(f"the sides made different graphs: {found[0]} and {found[1]}")
