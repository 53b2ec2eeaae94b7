"""The projection of vectors: it follows the graph's, so that words never wait for meaning."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from anabranch_events.errors import EventInvalid, WaitTimedOut
from anabranch_events.event.types import BranchCompleted, InsightForgotten, InsightRecorded
from anabranch_projections.errors import ProjectionHalted
from anabranch_projections.fold.positioned import PositionedEvent
from anabranch_projections.fold.rows import Row, steps
from anabranch_projections.run.batch import GRAPH
from anabranch_projections.run.follower import Follower
from anabranch_projections.run.wait import wait_for
from anabranch_projections.vectors.cache import VectorCache, text_key
from anabranch_recall.text.subject import with_subject

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from anabranch_events import Log, Recorded
    from anabranch_events.event.types import Insight
    from anabranch_projections.run.batch import Batch
    from anabranch_projections.vectors.known import KnownVectors
    from anabranch_recall import Embedder
    from anabranch_store import Graph, Step

VECTORS: Final = "vectors"
NUMBERS_MAX: Final = 400_000
"""The numbers that a statement carries at most: nine bytes each, a quarter of ArcadeDB's limit."""
WAIT_S: Final = 30.0


class Texts:
    """A batch as the vectors see it: the texts of new insights, and the insights erased."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.texts: list[str] = []
        self.forgotten: list[Row] = []

    def add(self, at: PositionedEvent) -> None:
        """Take in the next event."""
        data = at.event.data
        if isinstance(data, InsightForgotten):
            self.forgotten.append({"namespace": at.namespace, "id": data.insight_id})
        elif isinstance(data, InsightRecorded):
            self._want(at, data)
        elif isinstance(data, BranchCompleted):
            for insight in data.insights:
                self._want(at, insight)

    def _want(self, at: PositionedEvent, insight: Insight) -> None:
        self.texts.append(with_subject(insight.text, insight.subject))
        self.rows.append(
            {"namespace": at.namespace, "id": insight.insight_id, "recorded": at.position}
        )


class VectorProjector(Follower[Texts]):
    """The follower of the graph projection that gives insights their vectors.

    It has its own checkpoint and never passes the graph's. Vectors are taken from the cache beside
    the log where they were computed before. Raises VectorsMismatched when the graph holds vectors
    of another model.
    """

    def __init__(
        self,
        log: Log,
        graph: Graph,
        embedder: Embedder,
        *,
        on_commit: Callable[[int], None] | None = None,
        shared: str | None = None,
        known: KnownVectors | None = None,
    ) -> None:
        super().__init__(log, graph, name=VECTORS, on_commit=on_commit, shared=shared)
        self._embedder = embedder
        self._cache = VectorCache(log, embedder, known)
        self._graph_position = 0

    async def run(self, *, to: int | None = None) -> None:
        """Follow until cancelled, or until `to` has its vectors."""
        await self._checkpoint.read()
        await self._graph.claim_vectors(
            model=self._embedder.model, dimension=self._embedder.dimension
        )
        await super().run(to=to)

    async def write_late(self, record: Recorded) -> None:
        """Give the insights of a late record their vectors."""
        await self._graph.write(await self._steps(self._batch([record])))

    def _content(self) -> Texts:
        return Texts()

    async def _steps(self, batch: Batch[Texts]) -> list[Step]:
        texts = batch.content
        private = {
            text
            for row, text in zip(texts.rows, texts.texts, strict=True)
            if await self._log.is_sealed(row["namespace"])
        }
        vectors, _ = await asyncio.gather(
            self._cache.vectors(texts.texts, private=private), self._wait_for_graph(batch.last)
        )
        return [
            *self._set_embeddings(texts.rows, vectors),
            *steps("projection/drop_embeddings", texts.forgotten),
        ]

    def _set_embeddings(
        self, rows: Sequence[Row], vectors: Sequence[Sequence[float]]
    ) -> list[Step]:
        full = [
            {**row, "embedding": vector}
            for row, vector in zip(rows, vectors, strict=True)
            if any(vector)  # Zeros stand for a text that the embedder has none for.
        ]
        size = max(1, NUMBERS_MAX // self._embedder.dimension)
        return [
            step
            for start in range(0, len(full), size)
            for step in steps(
                "projection/set_embeddings",
                full[start : start + size],
                shared={"model": self._embedder.model},
            )
        ]

    def _give_up(self, record: Recorded, error: Exception) -> list[Step]:
        # The graph took the text: a refusal of the vector is a fault of the set-up.
        raise ProjectionHalted(position=record.position, reason=str(error)) from error

    async def _wait_for_graph(self, position: int) -> None:
        while self._graph_position < position:
            try:
                self._graph_position = await wait_for(
                    self._log, self._graph, GRAPH, position, timeout_s=WAIT_S
                )
            except WaitTimedOut:
                continue


def text_keys(record: Recorded) -> list[str]:
    """Return the last token of the keys under which a record's vectors are cached."""
    try:
        event = record.decode()
    except EventInvalid:
        return []
    texts = Texts()
    if not event.opaque:
        texts.add(PositionedEvent(record.position, event))
    return [text_key(text) for text in texts.texts]
