"""The recall index: questions beside the bare numpy steps they consist of, and how it is filled.

Everything in one run on made-up texts with vectors made beforehand. `ANABRANCH_BENCH_INSIGHTS`
names the sizes to go through, by default 1,000 to 300,000; a million takes 5 GB.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from anabranch_events import new_event
from anabranch_events.event.identifiers import new_id
from anabranch_events.event.types import InsightRecorded, SessionOpened
from anabranch_projections import PositionedEvent, Projector
from anabranch_projections.recall_index.follower import IndexFollower
from anabranch_projections.recall_index.index_folder import IndexFolder
from anabranch_recall import Question
from anabranch_recall.asked import read
from anabranch_recall.filters import NO_FILTERS, Filters
from anabranch_recall.index.eligible import eligible
from anabranch_recall.index.ranker import IndexRanker
from anabranch_recall.index.ranking import rank
from benchmarks.projection_stores import bench
from benchmarks.projection_stream import mixed
from benchmarks.recall import DIMENSION, Writer, sizes
from benchmarks.rows import Row, at_least, at_most

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from anabranch_projections.recall_index.cut import Cut
    from anabranch_projections.recall_index.namespace_index import NamespaceIndex

SIZES: Final = (1_000, 10_000, 100_000, 300_000)
MEASURED_AT: Final = 100_000
ROUNDS: Final = 30
WARM_UP: Final = 5
A_SESSION: Final = 20
WORDS: Final = 20
CALLERS: Final = 16
FEW: Final = 50
CHUNK: Final = 5_000
WARMED: Final = 5_000
CAUGHT_UP: Final = 15_000


@dataclass
class Filled:
    """An index of made-up insights, with what the bare steps work on."""

    index: NamespaceIndex
    vectors: NDArray[np.float32]
    chance: np.random.Generator
    writer: Writer

    def question(self) -> tuple[str, NDArray[np.float32]]:
        """Return a question of six words and a vector near one of the insights'."""
        near = self.vectors[int(self.chance.integers(len(self.vectors)))]
        vector = near + self.chance.standard_normal(DIMENSION).astype(np.float32) * 0.05
        return self.writer.text(6), vector / np.linalg.norm(vector)


async def run() -> list[Row]:
    """Fill indexes of each size, measure, and return the rows."""
    return [*await asyncio.to_thread(_run, sizes(*SIZES)), await _catching_up()]


async def _catching_up() -> Row:
    """Let the index and the graph's projection read the same log, one after the other."""
    with tempfile.TemporaryDirectory() as folder:
        async with bench("embedded", Path(folder)) as opened:
            if opened is None:
                raise AssertionError("there is no embedded graph")
            log, graph = opened.log, opened.graph
            warm = (await log.ingest(mixed(WARMED))).position
            projector = Projector(log, graph, name="recall-index-bench")
            projector.announces = False
            await projector.run(to=warm)
            last = (await log.ingest(mixed(CAUGHT_UP))).position
            start = time.perf_counter()
            await projector.run(to=last)
            into_graph = (last - warm) / (time.perf_counter() - start)
            index = IndexFolder.open(
                Path(folder) / "index", log="log", source="bench", dimension=DIMENSION
            )
            start = time.perf_counter()
            await IndexFollower(log, index).run(to=last)
            into_index = last / (time.perf_counter() - start)
            index.close()
    return at_least(
        "catching up: events into the index / into the embedded graph",
        ours=into_index,
        theirs=into_graph,
        limit=5,
        unit="events/s",
    )


def _run(asked: Sequence[int]) -> list[Row]:
    rows: list[Row] = []
    before: tuple[int, float] | None = None
    for size in asked:
        with tempfile.TemporaryDirectory() as folder:
            filled, seconds = _fill(Path(folder), size)
            ours, bare = _in_turn(filled)
            rows.append(
                at_most(
                    f"recall among {size:,} / its bare numpy steps",
                    ours=ours,
                    theirs=bare,
                    limit=2.5 if size > 300_000 else 2,
                    unit="ms",
                )
            )
            if before is not None:
                rows.append(
                    at_most(
                        f"recall among {size:,} / {size // before[0]} x among {before[0]:,}",
                        ours=ours,
                        theirs=before[1] * size / before[0],
                        limit=1,
                        unit="ms",
                    )
                )
            before = (size, ours)
            rows.append(_memory(filled, size))
            if size == MEASURED_AT:
                rows += _at_size(filled, Path(folder), build_s=seconds)
    return rows


def _at_size(filled: Filled, folder: Path, *, build_s: float) -> list[Row]:
    plain = _median_ms(lambda: _recall(filled, filled.index.cut()))
    middle = filled.index.position // 2
    then = _median_ms(lambda: _recall(filled, filled.index.cut(middle)))
    few = Filters(tags=("few",))
    filtered = _median_ms(lambda: _recall(filled, filled.index.cut(), few, k=FEW))
    alone, together = (asyncio.run(_throughput(filled, callers=many)) for many in (1, CALLERS))
    opening = _open_s(folder)
    return [
        at_most("as of the middle / as it is", ours=then, theirs=plain, limit=1.2, unit="ms"),
        at_most(
            f"{FEW} of {MEASURED_AT:,} by a filter / all",
            ours=filtered,
            theirs=plain,
            limit=1.2,
            unit="ms",
        ),
        at_least(
            f"{CALLERS} callers / one", ours=together, theirs=alone, limit=1, unit="recalls/s"
        ),
        at_most("opening / building", ours=opening, theirs=build_s, limit=0.2, unit="s"),
    ]


def _fill(folder: Path, size: int) -> tuple[Filled, float]:
    """Build an index of so many insights in files; return it as it is opened again, and how long."""
    chance = np.random.default_rng(20261123)
    vectors = chance.standard_normal((size, DIMENSION)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    events = _events(size, Writer(1))
    opened = IndexFolder.open(folder, log="log", source="bench", dimension=DIMENSION)
    index = opened.index("default")
    building = 0.0
    learned, done = 0, False
    while not done:
        piece = [each for _, each in zip(range(CHUNK), events, strict=False)]
        done = not piece
        start = time.perf_counter()
        for each in piece:
            index.apply(each)
        index.add_vectors(vectors[learned : len(index)])
        learned = len(index)
        opened.flush(index.position)
        while opened.compact():
            pass
        building += time.perf_counter() - start
    opened.close()
    again = IndexFolder.open(folder, log="log", source="bench", dimension=DIMENSION)
    filled = Filled(again.index("default"), vectors, chance, Writer(7))
    again.close()
    return filled, building


def _events(size: int, writer: Writer) -> Iterator[PositionedEvent]:
    """Yield sessions of twenty insights; fifty insights, spread evenly, carry the tag `few`."""
    position, session_id = 0, ""
    day = datetime(2026, 11, 23, tzinfo=UTC)
    for number in range(size):
        data: list[SessionOpened | InsightRecorded] = []
        if number % A_SESSION == 0:
            session_id = new_id()
            data.append(SessionOpened(task="Watch the river"))
        tags = ("few",) if number % max(1, size // FEW) == 0 else ()
        data.append(InsightRecorded(insight_id=new_id(), text=writer.text(WORDS), tags=tags))
        for each in data:
            position += 1
            yield PositionedEvent(
                position, new_event(each, session_id=session_id, namespace="default", time=day)
            )


def _recall(filled: Filled, cut: Cut, filters: Filters = NO_FILTERS, *, k: int = 10) -> None:
    text, vector = filled.question()
    question = Question(text=text, namespace="default", k=k, filters=filters)
    ranking = rank(cut, read(text), eligible(cut, question), k=k, vector=vector)
    if len(ranking.best) < k:
        raise AssertionError(f"recall gave {len(ranking.best)} of {k}")


class BareSteps:
    """What recall cannot do without: products with all vectors, postings, sessions, the best."""

    def __init__(self, filled: Filled) -> None:
        self._cut = filled.index.cut()
        self._vectors = filled.vectors
        columns = self._cut.columns
        self._session, self._lengths = columns.session, columns.length
        self._substance = columns.substance.astype(np.float64)

    def __call__(self, text: str, vector: NDArray[np.float32]) -> NDArray[np.int64]:
        """Return the hundred best rows of the recipe, without hop, links and reasons."""
        count = len(self._lengths)
        words = np.zeros(count)
        mean = self._lengths.mean()
        for stem in read(text).stems:
            rows, counts = self._cut.term(stem)
            if len(rows):
                norms = 0.9 * (0.6 + 0.4 * self._lengths[rows] / mean)
                idf = np.log(1 + (count - len(rows) + 0.5) / (len(rows) + 0.5))
                words[rows] += idf * counts * 1.9 / (counts + norms)
        cosines = self._vectors @ vector
        low = cosines.min()
        base = 0.4 * words / (words.max() or 1) + 0.6 * (cosines - low) / (cosines.max() - low)
        best = np.zeros(self._session.max() + 1)
        np.maximum.at(best, self._session, base)
        total = base + 0.7 * best[self._session] + 0.3 * self._substance
        top: NDArray[np.int64] = np.argpartition(total, count - min(100, count))[-100:]
        return top


def _in_turn(filled: Filled) -> tuple[float, float]:
    """Return the median milliseconds of recall and of its bare steps, each in turn."""
    steps = BareSteps(filled)
    taken: tuple[list[float], list[float]] = ([], [])
    works: tuple[Callable[[], object], ...] = (
        lambda: _recall(filled, filled.index.cut()),
        lambda: steps(*filled.question()),
    )
    for _ in range(WARM_UP + ROUNDS):
        for work, times in zip(works, taken, strict=True):
            times.append(_seconds(work) * 1000)
    return statistics.median(taken[0][WARM_UP:]), statistics.median(taken[1][WARM_UP:])


def _median_ms(work: Callable[[], None]) -> float:
    return statistics.median([_seconds(work) * 1000 for _ in range(WARM_UP + ROUNDS)][WARM_UP:])


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


class Standing:
    """An index that stands still and the vectors of its questions, as the ranker wants them."""

    model = "prepared"
    dimension = DIMENSION

    def __init__(self, filled: Filled) -> None:
        self._index = filled.index
        self._vectors: dict[str, list[float]] = {}
        self.position = filled.index.position

    async def cut(self, namespace: str, as_of: int | None = None) -> Cut:
        """Return the index as of a position."""
        del namespace
        return self._index.cut(as_of)

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Return the vectors that were made beforehand."""
        return [self._vectors[text] for text in texts]

    def question(self, filled: Filled) -> Question:
        """Return another question; its vector is known from now on."""
        text, vector = filled.question()
        self._vectors[text] = vector.tolist()
        return Question(text=text, namespace="default")


async def _throughput(filled: Filled, *, callers: int) -> float:
    """Return recalls a second of the ranker with so many callers at once."""
    standing = Standing(filled)
    ranker = IndexRanker(standing, standing)
    asked = [standing.question(filled) for _ in range(64)]
    left = iter(asked)

    async def ask() -> None:
        for question in left:
            if not (await ranker.recall(question)).hits:
                raise AssertionError("recall gave nothing")

    start = time.perf_counter()
    await asyncio.gather(*(ask() for _ in range(callers)))
    return len(asked) / (time.perf_counter() - start)


def _open_s(folder: Path) -> float:
    def opened() -> None:
        index = IndexFolder.open(folder, log="log", source="bench", dimension=DIMENSION)
        if len(index.index("default")) != MEASURED_AT:
            raise AssertionError("the index did not open")
        index.close()

    return _seconds(opened)


def _memory(filled: Filled, size: int) -> Row:
    per_insight = filled.index.nbytes / size
    return at_most(
        f"memory of an insight among {size:,}", ours=per_insight, theirs=1500, limit=1, unit="bytes"
    )
