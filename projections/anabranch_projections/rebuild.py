"""Folding the whole log again, into a fresh graph."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

from anabranch_projections.batch import GRAPH
from anabranch_projections.errors import GraphNotEmpty
from anabranch_projections.projector import Projector
from anabranch_projections.vectors import VectorProjector

if TYPE_CHECKING:
    from collections.abc import Callable

    from anabranch_events import Log
    from anabranch_store import Embedder, Graph


class Progress(NamedTuple):
    """How far a rebuild is."""

    position: int
    to: int
    events: int
    events_per_s: float
    seconds_left: float


class Rebuilt(NamedTuple):
    """What a rebuild did: the graph is at `position` and `digest` names its content."""

    position: int
    events: int
    seconds: float
    digest: str
    dead_letters: int


async def rebuild(
    log: Log,
    graph: Graph,
    *,
    embedder: Embedder | None = None,
    progress: Callable[[Progress], None] | None = None,
    skip: bool = False,
) -> Rebuilt:
    """Fold the log, up to its end as of now, into `graph`, which must be empty.

    With `embedder` the vectors follow, from the cache where they were computed before. Raises
    ProjectionHalted at an event that cannot be applied, unless `skip` puts such aside;
    GraphNotEmpty when a projection has written to the graph before.
    """
    position = await graph.checkpoint(GRAPH)
    if position:
        raise GraphNotEmpty(position=position)
    if embedder is None:
        await graph.apply_schema()
    else:
        await graph.apply_schema(dimension=embedder.dimension)
    began = time.monotonic()
    to = (await log.bounds()).last
    projector = Projector(log, graph, halt=not skip)

    def tell(reached: int) -> None:
        if progress is not None:
            progress(_progress(projector, reached, to, seconds=time.monotonic() - began))

    projector.on_commit = tell
    projector.announces = False
    await projector.run(to=to)
    if embedder is not None:
        vectors = VectorProjector(log, graph, embedder)
        vectors.announces = False
        await vectors.run(to=to)
    return Rebuilt(
        position=projector.position,
        events=projector.status.events,
        seconds=time.monotonic() - began,
        digest=(await graph.digest()).digest,
        dead_letters=projector.dead_letters,
    )


def _progress(projector: Projector, reached: int, to: int, *, seconds: float) -> Progress:
    events = projector.status.events
    rate = events / seconds if seconds > 0 else 0.0
    return Progress(
        position=reached,
        to=to,
        events=events,
        events_per_s=rate,
        seconds_left=(to - reached) / rate if rate else 0.0,
    )
