"""Recall beside the bare index: one question to memory against one raw vector query.

Both on one embedded graph in one run, in turn, each with a question it has not seen. The index
ranker answers the same questions over the same insights. Vectors are made beforehand: embedding a
question would cost all sides the same. `ANABRANCH_BENCH_INSIGHTS` is the number of insights in the
large namespace, 19,000 by default (of several, the largest): filling a graph with 100,000 takes
minutes. Beside the time by the clock stands the processor's; that of the graph's own process counts
where the graph is asked.
"""

from __future__ import annotations

import os
import random
import statistics
import sys
import tempfile
import time
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from anabranch_events import new_event
from anabranch_events.event.identifiers import new_id
from anabranch_events.event.types import InsightRecorded, SessionOpened
from anabranch_projections import PositionedEvent, fold
from anabranch_projections.recall_index.namespace_index import NamespaceIndex
from anabranch_recall import Question
from anabranch_recall.index.ranker import IndexRanker
from anabranch_store import EmbeddedGraph, Graph, GraphRanker, Step
from anabranch_store.graph.graph import open_driver
from benchmarks.processor import processor_s
from benchmarks.rows import Row, at_most

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence

    from neo4j import AsyncSession

    from anabranch_projections.recall_index.cut import Cut
    from anabranch_recall import Ranker

DIMENSION: Final = 384
SMALL: Final = 1_000
BATCH: Final = 500
ROUNDS: Final = 60
WARM_UP: Final = 15
A_SESSION: Final = 20
WORDS: Final = 8_000
RAW: Final = (
    "CALL db.index.vector.queryNodes('insight_embedding', 50, $vector) YIELD node, score "
    "RETURN node.id AS id, node.text AS text, score LIMIT 10"
)


def sizes(*usual: int) -> tuple[int, ...]:
    """Return how many insights to measure with: ANABRANCH_BENCH_INSIGHTS, or the usual ones."""
    asked = os.environ.get("ANABRANCH_BENCH_INSIGHTS")
    return tuple(int(size) for size in asked.split(",")) if asked else usual


LARGE: Final = max(sizes(19_000))


class Writer:
    """Writes texts of made-up words, a few of them common and most of them rare, as in life."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)  # noqa: S311 - repeatable, not secret.
        syllables = [a + b for a in "bdfgklmnprstvz" for b in "aeiou"]
        spelling = random.Random(0)  # noqa: S311 - one vocabulary for all writers.
        self._words = ["".join(spelling.choices(syllables, k=3)) for _ in range(WORDS)]
        self._weights = [1 / (rank + 10) for rank in range(WORDS)]

    def text(self, words: int) -> str:
        """Return the next text of so many words."""
        return " ".join(self._chance.choices(self._words, self._weights, k=words))


class Prepared:
    """Vectors that were made beforehand, each drawn from the text itself."""

    model = "prepared"
    dimension = DIMENSION

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Return one random unit vector a text, the same for the same text."""
        return [unit_vector(text) for text in texts]


@lru_cache(maxsize=64)
def unit_vector(text: str) -> list[float]:
    """Return a random vector of length one, the same for the same text."""
    chance = random.Random(text)  # noqa: S311 - repeatable, not secret.
    numbers = [chance.gauss(0, 1) for _ in range(DIMENSION)]
    length = sum(number * number for number in numbers) ** 0.5
    return [number / length for number in numbers]


class Indexed:
    """The index of the large namespace, in memory."""

    def __init__(self) -> None:
        self._index = NamespaceIndex("large", dimension=DIMENSION)

    @property
    def position(self) -> int:
        """The position up to which the events are taken in."""
        return self._index.position

    async def cut(self, namespace: str, as_of: int | None = None) -> Cut:
        """Return the index as of a position."""
        del namespace
        return self._index.cut(as_of)

    def take_in(self, events: Sequence[PositionedEvent]) -> None:
        """Take in events of the namespace with the vectors of what they say."""
        said = [each.event.data for each in events]
        for each in events:
            self._index.apply(each)
        vectors = [unit_vector(one.text) for one in said if isinstance(one, InsightRecorded)]
        self._index.add_vectors(np.asarray(vectors, np.float32))

    def settle(self) -> None:
        """Bring what was taken in into a segment, as a follower does every few seconds."""
        self._index.store(self._index.open_segment())
        self._index.store_vectors(self._index.open_vectors())


class Taken(NamedTuple):
    """Milliseconds of a question: by the clock the median, of the processor the mean."""

    ms: float
    processor_ms: float


async def run() -> list[Row]:
    """Fill an embedded graph and an index, measure, and return the rows."""
    indexed = Indexed()
    with tempfile.TemporaryDirectory() as folder:
        async with (
            EmbeddedGraph(Path(folder) / "graph") as embedded,
            Graph.connect(embedded.address) as graph,
        ):
            await graph.apply_schema(dimension=DIMENSION)
            async with open_session(graph) as session:
                start = time.perf_counter()
                await _fill(graph, session, indexed)
                indexed.settle()
                filled_s = time.perf_counter() - start
                print(f"filled with {SMALL + LARGE:,} in {filled_s:.0f} s", file=sys.stderr)
                return await _measure(graph, session, indexed, pid=embedded.pid)


async def _measure(graph: Graph, session: AsyncSession, indexed: Indexed, *, pid: int) -> list[Row]:
    """Measure in a namespace small enough to be scanned, and in a large one."""
    ranker = GraphRanker(graph, Prepared(), timeout_s=60)
    exact = IndexRanker(indexed, Prepared(), timeout_s=60)
    writer = Writer(7)

    async def compared(namespace: str, count: int) -> Row:
        ours, theirs = await _in_turn(
            lambda text: _recall(ranker, namespace, text), lambda text: raw(session, text), writer
        )
        name = f"recall among {count:,} of {SMALL + LARGE:,} insights / raw vector query"
        return at_most(name, ours=ours.ms, theirs=theirs.ms, limit=20, unit="ms")

    rows = [await compared("small", SMALL), await compared("large", LARGE)]
    ours, theirs = await _in_turn(
        lambda text: _recall(exact, "large", text),
        lambda text: _recall(ranker, "large", text),
        writer,
        pids=(None, pid),
    )
    name = f"recall among {LARGE:,} by the index / by the graph"
    for what, one, other in (
        ("", ours.ms, theirs.ms),
        (", processor time", ours.processor_ms, theirs.processor_ms),
    ):
        rows.append(at_most(f"{name}{what}", ours=one, theirs=other, limit=1 / 20, unit="ms"))
    return rows


@asynccontextmanager
async def open_session(graph: Graph) -> AsyncGenerator[AsyncSession]:
    """Open a session of the driver's own with a graph."""
    address = graph.address
    driver = open_driver(
        address.uri,
        username=address.username,
        password=address.password.get_secret_value(),
        timeout_s=60,
    )
    async with driver, driver.session(database=address.database) as session:
        yield session


async def _in_turn(
    ours: Callable[[str], Awaitable[None]],
    theirs: Callable[[str], Awaitable[None]],
    writer: Writer,
    *,
    pids: tuple[int | None, int | None] = (None, None),
) -> tuple[Taken, Taken]:
    """Return what each takes for a question, in turn after a warm-up.

    `pids` are the processes that each asks, whose processor time counts too.
    """
    clock: tuple[list[float], list[float]] = ([], [])
    processor: tuple[list[float], list[float]] = ([], [])
    for _ in range(WARM_UP + ROUNDS):
        for work, pid, times, used in zip((ours, theirs), pids, clock, processor, strict=True):
            text = writer.text(5)
            unit_vector(text)  # It is kept: no side makes it.
            start, before = time.perf_counter(), _processor_s(pid)
            await work(text)
            times.append(time.perf_counter() - start)
            used.append(_processor_s(pid) - before)
    one, other = (
        Taken(1000 * statistics.median(times[WARM_UP:]), 1000 * statistics.mean(used[WARM_UP:]))
        for times, used in zip(clock, processor, strict=True)
    )
    return one, other


def _processor_s(pid: int | None) -> float:
    return time.process_time() + (0.0 if pid is None else processor_s(pid))


async def _recall(ranker: Ranker, namespace: str, text: str) -> None:
    found = await ranker.recall(Question(text=text, namespace=namespace))
    states = {name: lane.state for name, lane in found.lanes.items()}
    if len(found.hits) != 10 or {states["words"], states["meaning"]} != {"ok"}:
        raise AssertionError(f"recall gave {len(found.hits)} hits, lanes {states}")


async def raw(session: AsyncSession, text: str) -> None:
    """Ask the index for the ten nearest."""
    result = await session.run(RAW, vector=unit_vector(text))
    if len([record async for record in result]) != 10:
        raise AssertionError("the raw query gave something else than ten")


async def _fill(graph: Graph, session: AsyncSession, indexed: Indexed) -> None:
    """Learn insights of two dozen words each, in sessions of twenty.

    A question in between, as a living memory is asked: the vector index grows with the insights
    instead of building itself all at once.
    """
    writer = Writer(1)
    position = 0
    for namespace, count in (("small", SMALL), ("large", LARGE)):
        for start in range(0, count, BATCH):
            texts = [writer.text(24) for _ in range(min(BATCH, count - start))]
            events = saying(namespace, texts, position)
            position = events[-1].position
            await graph.write(learned(events))
            if namespace == "large":
                indexed.take_in(events)
            await raw(session, writer.text(5))


def learned(events: Sequence[PositionedEvent]) -> list[Step]:
    """Return what writes the insights of events, and their vectors."""
    rows = [
        {
            "namespace": each.namespace,
            "id": each.event.data.insight_id,
            "recorded": each.position,
            "embedding": unit_vector(each.event.data.text),
        }
        for each in events
        if isinstance(each.event.data, InsightRecorded)
    ]
    vectors = Step("projection/set_embeddings", {"rows": rows, "model": Prepared.model})
    return [*fold(events), vectors]


def saying(namespace: str, texts: list[str], after: int) -> list[PositionedEvent]:
    """Return the events of sessions that say `texts`, at the positions after `after`."""
    events: list[PositionedEvent] = []
    session_id = ""
    for number, text in enumerate(texts):
        said = [InsightRecorded(insight_id=new_id(), text=text)]
        opened = [SessionOpened(task="Watch the river")] if number % A_SESSION == 0 else []
        session_id = new_id() if opened else session_id
        for data in (*opened, *said):
            event = new_event(
                data,
                session_id=session_id,
                namespace=namespace,
                time=datetime(2026, 11, 23, tzinfo=UTC),
            )
            events.append(PositionedEvent(after + len(events) + 1, event))
    return events
