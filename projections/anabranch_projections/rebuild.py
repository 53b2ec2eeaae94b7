"""The rebuild: the whole log folded into a fresh graph, or on into one that was half filled."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from anabranch_projections.errors import GraphNotEmpty
from anabranch_projections.graph.projector import Projector
from anabranch_projections.run.batch import GRAPH
from anabranch_projections.vectors.projector import VECTORS, VectorProjector
from anabranch_projections.version import PROJECTOR_VERSION
from anabranch_store import read_stamp, rebuild_due, refuse_newer, stamp

if TYPE_CHECKING:
    from collections.abc import Callable

    from anabranch_events import Log
    from anabranch_projections.vectors.known import KnownVectors
    from anabranch_recall import Embedder
    from anabranch_store import Graph

LAG_SMALL: Final = 500
ROUNDS_MAX: Final = 20


class RebuildProgress(NamedTuple):
    """The progress of a rebuild: the graph's events first, then their vectors."""

    position: int
    to: int
    events: int
    events_per_s: float
    seconds_left: float
    phase: Literal["events", "vectors"] = "events"


class RebuildResult(NamedTuple):
    """The result of a rebuild: `digest` names the graph's content at `position`.

    `events` were folded by this run, which went on after `resumed_after` (0: it began afresh).
    """

    position: int
    events: int
    seconds: float
    digest: str
    dead_letters: int
    resumed_after: int = 0


async def unfit(log: Log, graph: Graph, embedder: Embedder | None, *, skip: bool) -> str | None:
    """Return why a rebuild cannot go on in `graph`, None when it can, or when it is empty."""
    found = await read_stamp(graph)
    if found is None:
        rows = await graph.read("generation/count_foreign")
        if await graph.checkpoint(GRAPH) or (rows and rows[0]["found"]):
            return "it does not say what filled it"
        return None
    refuse_newer(found, projector_version=PROJECTOR_VERSION)
    if found.served:
        return "it is or was in use"
    due = rebuild_due(found, log=await log.identity(), projector_version=PROJECTOR_VERSION)
    if due is not None:
        return due
    vectors = await graph.vectors_in_use()
    model = vectors.model if vectors else None
    if model is not None and (embedder is None or embedder.model != model):
        return f"it holds vectors of {model}"
    if await graph.checkpoint(GRAPH) > (await log.bounds()).last:
        return "it is ahead of the log"
    if not skip and await _dead_letters(graph):
        return "it left out events that cannot be applied"
    return None


async def rebuild(
    log: Log,
    graph: Graph,
    *,
    embedder: Embedder | None = None,
    progress: Callable[[RebuildProgress], None] | None = None,
    skip: bool = False,
    accept_loss: bool = False,
    known: KnownVectors | None = None,
) -> RebuildResult:
    """Fold the log into `graph` until it is close behind the log's end.

    `graph` is empty, or was left half filled by a rebuild that was killed: then this goes on from
    its checkpoint. With `embedder` the vectors follow, from the cache where they were computed
    before, and those of sealed texts from `known`. Raises ProjectionHalted at an event that cannot
    be applied, unless `skip` puts such aside. Raises LogDamaged where events are missing, unless
    `accept_loss` writes them down. Raises GraphNotEmpty when the graph holds something else.
    """
    position = await graph.checkpoint(GRAPH)
    reason = await unfit(log, graph, embedder, skip=skip)
    if reason is not None:
        raise GraphNotEmpty(position=position, reason=reason)
    await graph.apply_schema(dimension=embedder.dimension if embedder else None)
    await stamp(graph, log=await log.identity(), projector_version=PROJECTOR_VERSION)
    filler = GraphFiller(
        log, graph, embedder, progress=progress, skip=skip, accept_loss=accept_loss, known=known
    )
    if accept_loss:  # A log that lost all of it has no event from which a projector sees that.
        await log.continuity(accept_loss=True).begin(after=0, last=(await log.bounds()).last)
    await filler.catch_up()
    found = await graph.digest()
    await filler.catch_up()  # Reading a large graph takes its time.
    return RebuildResult(
        position=found.position,
        events=filler.events,
        seconds=time.monotonic() - filler.began,
        digest=found.digest,
        dead_letters=await _dead_letters(graph),
        resumed_after=position,
    )


class GraphFiller:
    """The filler of a graph that nobody reads, with reports of its progress."""

    def __init__(
        self,
        log: Log,
        graph: Graph,
        embedder: Embedder | None,
        *,
        progress: Callable[[RebuildProgress], None] | None = None,
        skip: bool = False,
        accept_loss: bool = False,
        known: KnownVectors | None = None,
    ) -> None:
        self._log = log
        self._graph = graph
        self._progress = progress
        self._projector = Projector(log, graph, halt=not skip, accept_loss=accept_loss)
        self._vectors = VectorProjector(log, graph, embedder, known=known) if embedder else None
        self.began = time.monotonic()

    @property
    def events(self) -> int:
        """The number of events folded."""
        return self._projector.status.events

    async def catch_up(self) -> None:
        """Fill until the log's end is close: writers may go on, so that it is never reached."""
        for _ in range(ROUNDS_MAX):
            to = (await self._log.bounds()).last
            await self.run(to=to)
            if (await self._log.bounds()).last - to <= LAG_SMALL:
                return

    async def run(self, *, to: int, vectors_to: int | None = None) -> None:
        """Fill up to `to`; the vectors, too, unless `vectors_to` names another position."""
        await self._run(self._projector, GRAPH, "events", to=to)
        if self._vectors is not None:
            end = to if vectors_to is None else vectors_to
            await self._run(self._vectors, VECTORS, "vectors", to=end)

    async def _run(
        self,
        projection: Projector | VectorProjector,
        name: str,
        phase: Literal["events", "vectors"],
        *,
        to: int,
    ) -> None:
        start, began = await self._graph.checkpoint(name), time.monotonic()
        if start >= to:
            return

        def tell(reached: int) -> None:
            if self._progress is not None:
                seconds = time.monotonic() - began
                self._progress(_progress(start, reached, to, seconds=seconds, phase=phase))

        projection.on_commit = tell
        projection.announces = False
        await projection.run(to=to)


async def _dead_letters(graph: Graph) -> int:
    rows = await graph.read("projection/count_dead_letters")
    return int(rows[0]["dead_letters"]) if rows else 0


def _progress(
    start: int, reached: int, to: int, *, seconds: float, phase: Literal["events", "vectors"]
) -> RebuildProgress:
    events = reached - start
    rate = events / seconds if seconds > 0 else 0.0
    return RebuildProgress(
        position=reached,
        to=to,
        events=events,
        events_per_s=rate,
        seconds_left=(to - reached) / rate if rate else 0.0,
        phase=phase,
    )
