"""Ours beside the loader's, and ours without its fence: the same stream on the same store, in turn."""

from __future__ import annotations

import gc
import os
import statistics
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, LiteralString
from unittest.mock import patch

from anabranch_projections import Projector
from anabranch_projections.run.checkpoint import Checkpoint, Fenced, guard
from anabranch_store.bolt import transactions
from anabranch_store.bolt.statements import statement
from benchmarks.projection_loader import load, loader_driver
from benchmarks.projection_stream import LOADED, NAMESPACE, loads, mixed
from benchmarks.rows import Row, at_least, at_most

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from neo4j import AsyncDriver

    from anabranch_events import Event, Log
    from anabranch_store import Graph, Plan, Step

EVENTS: Final = int(os.environ.get("ANABRANCH_BENCH_EVENTS", "8000"))
ROUNDS: Final = int(os.environ.get("ANABRANCH_BENCH_ROUNDS", "9"))
WARM_UP: Final = 20
FENCED_ROUNDS: Final = ROUNDS * 3
_SET_CHECKPOINT: Final = "bench/set_checkpoint"
_BLIND: Final = """
MERGE (c:Checkpoint {projection: $projection})
SET c.updated_at = datetime($time)
SET c.position = $position
RETURN c.position AS position"""

_COUNTS: Final[tuple[LiteralString, ...]] = (
    """
MATCH (n) WHERE n.namespace = $namespace
RETURN head(labels(n)) AS name, count(*) AS count ORDER BY name""",
    """
MATCH (n)-[r]->() WHERE n.namespace = $namespace
RETURN type(r) AS name, count(*) AS count ORDER BY name""",
)


class _Unfenced(Checkpoint):
    """Writes the checkpoint blindly, in the same transaction: only the compare-and-set is missing."""

    async def move(
        self,
        steps: Sequence[Step] | Plan,
        *,
        expected: int,
        position: int,
        last: bool,
        wait: bool = True,
    ) -> None:
        """Apply `steps` and set the checkpoint, wherever it stands."""
        del last, wait
        move = guard(self._projection, expected=expected, position=position)
        await self._graph.write_if(
            move._replace(statement=_SET_CHECKPOINT), steps, writer=self._projection
        )


class _UnfencedProjector(Projector):
    def __init__(self, log: Log, graph: Graph, *, name: str) -> None:
        super().__init__(log, graph, name=name)
        self._checkpoint = _Unfenced(graph, name)


@contextmanager
def _set_checkpoint() -> Generator[None]:
    """Let the store know a statement that only this benchmark has any use for."""

    def text_of(name: str) -> LiteralString:
        return _BLIND if name == _SET_CHECKPOINT else statement(name)

    with patch.object(transactions, "text_of", text_of):
        yield


async def steady(log: Log, graph: Graph) -> list[Row]:
    """Project and load fresh slices of the stream in turn; raises when the results differ.

    The first rounds, in which a JVM that has just started compiles, are not counted.
    """
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
            set_heap_aside()
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
    """Project fresh slices in turn with and without the compare-and-set; small ones, and many."""
    with_it: list[float] = []
    without: list[float] = []
    events = max(1000, EVENTS // 4)
    name = f"{NAMESPACE}-fenced"
    _, reached = await append(log, list(mixed(1000)))
    await start_at(graph, name, reached)
    with _set_checkpoint():
        for number in range(FENCED_ROUNDS + WARM_UP):
            for fenced in (True, False) if number % 2 else (False, True):
                _, last = await append(log, list(mixed(events)))
                kind = Projector if fenced else _UnfencedProjector
                began = time.perf_counter()
                await kind(log, graph, name=name).run(to=last)
                (with_it if fenced else without).append(time.perf_counter() - began)
    if await graph.checkpoint(name) != (await log.bounds()).last:
        raise AssertionError("the checkpoint did not go along")
    return [
        at_most(
            f"exactly once / without the compare-and-set ({graph.product.agent})",
            ours=statistics.median(with_it[WARM_UP:]) / events * 1e6,
            theirs=statistics.median(without[WARM_UP:]) / events * 1e6,
            limit=1.1,
            unit="us/event",
        )
    ]


def set_heap_aside() -> None:
    """Keep collections, while a side is timed, from going through what the benchmark itself holds."""
    gc.collect()
    gc.freeze()


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
        for counts in _COUNTS:
            for namespace in (NAMESPACE, LOADED):
                result = await session.run(counts, namespace=namespace)
                found.append([record.data() async for record in result])
    nodes, their_nodes, links, their_links = found
    if not links or (nodes, links) != (their_nodes, their_links):
        raise AssertionError(f"the sides made different graphs: {found}")
