"""The repair: a graph made to be what its log says, in place, with what others wrote left alone."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Final, NamedTuple

from anabranch_events.errors import LogRewound
from anabranch_projections.errors import GraphNotBegun
from anabranch_projections.fold.rows import steps
from anabranch_projections.rebuild import GraphFiller
from anabranch_projections.run.batch import GRAPH
from anabranch_projections.run.checkpoint import hold
from anabranch_projections.vectors.projector import VectorProjector
from anabranch_projections.version import PROJECTOR_VERSION
from anabranch_store import Step, cleared, difference, mending, read_stamp, restamp

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterator

    from anabranch_events import Log
    from anabranch_projections.fold.rows import Row
    from anabranch_projections.rebuild import RebuildProgress
    from anabranch_recall import Embedder
    from anabranch_store import Graph, Mending

HOLD_S: Final = 15.0
NOUNS: Final = {
    "Agent": "agents",
    "Consolidation": "consolidations",
    "DeadLetter": "dead_letters",
    "Entity": "entities",
    "Insight": "insights",
    "Note": "notes",
    "Session": "sessions",
}
"""The statements that set nodes, by label."""
_ELEMENTS_MAX: Final = 1000


class RepairResult(NamedTuple):
    """The differences of a graph from its log at `position`, and its digest after the repair.

    `mended` says whether the graph was made what the log says; False after a mere look.
    """

    position: int
    nodes_added: int
    nodes_changed: int
    nodes_removed: int
    relationships_added: int
    relationships_removed: int
    digest: str
    mended: bool


async def repair(
    log: Log,
    graph: Graph,
    wanted: Graph,
    *,
    embedder: Embedder | None = None,
    dry_run: bool = False,
    progress: Callable[[RebuildProgress], None] | None = None,
) -> RepairResult:
    """Fold the log into `wanted`, an empty graph, and make `graph` the same where it differs.

    Reads go on meanwhile. The checkpoint of `graph` is held while both are compared, so no
    projector writes. Nodes, properties and relationships of others stay, and with `dry_run`
    everything does. An insight that was lost gets its vector from `embedder`. Raises GraphNotBegun
    for a graph without a checkpoint, LogRewound where it is ahead of the log.
    """
    await _fold(log, graph, wanted, progress=progress)
    async with _held(graph):
        position = await _fold(log, graph, wanted, progress=progress)
        mend = mending(await difference(graph, wanted))
        expected = (await wanted.digest()).digest
        if not dry_run:
            for step in repairing(mend):
                await graph.write([step])
            await _embed(log, graph, mend, embedder)
            if await read_stamp(graph) is not None:
                await restamp(graph, projector_version=PROJECTOR_VERSION)
        digest = (await graph.digest()).digest
    return RepairResult(
        position=position,
        nodes_added=mend.added,
        nodes_changed=len(mend.nodes) - mend.added,
        nodes_removed=mend.removed,
        relationships_added=len(mend.links),
        relationships_removed=len(mend.unlinked),
        digest=digest,
        mended=not dry_run and digest == expected,
    )


async def _fold(
    log: Log, graph: Graph, wanted: Graph, *, progress: Callable[[RebuildProgress], None] | None
) -> int:
    """Fold the log up to where `graph` stands; return that position."""
    position = await graph.checkpoint(GRAPH)
    last = (await log.bounds()).last
    if not position:
        raise GraphNotBegun
    if position > last:
        raise LogRewound(position=position, last=last)
    await GraphFiller(log, wanted, None, progress=progress, skip=True).run(to=position)
    return position


@asynccontextmanager
async def _held(graph: Graph) -> AsyncGenerator[None]:
    """Let no projector move the graph's checkpoint; one that is killed holds it for HOLD_S."""
    if not await graph.write_if(hold(GRAPH, seconds=HOLD_S), []):
        raise GraphNotBegun
    holding = asyncio.create_task(_hold_on(graph))
    try:
        yield
    finally:
        holding.cancel()
        with suppress(asyncio.CancelledError):
            await holding
        await graph.write([hold(GRAPH, seconds=0)])


async def _hold_on(graph: Graph) -> None:
    while True:
        await asyncio.sleep(HOLD_S / 3)
        await graph.write([hold(GRAPH, seconds=HOLD_S)])


def repairing(mend: Mending) -> Iterator[Step]:
    """Return the statements of a repair, each small: what is surplus goes first."""
    for elements in _parts(mend.unlinked):
        yield Step("repair/unlink", {"elements": elements})
    for label, stripped in mend.stripped.items():
        for elements in _parts(stripped):
            yield Step("repair/strip_nodes", {"elements": elements, "cleared": cleared(label)})
    for label, rows in _by("label", mend.nodes):
        yield from steps(f"repair/set_{NOUNS[label]}", rows)
    for kind, rows in _by("type", mend.links):
        yield from steps(f"repair/link_{kind.lower()}", rows)


def _by(name: str, rows: list[Row]) -> Iterator[tuple[str, list[Row]]]:
    """Yield the rows of each value of a column."""
    ordered = sorted(rows, key=itemgetter(name))
    for value, found in groupby(ordered, key=itemgetter(name)):
        yield value, list(found)


def _parts(elements: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(elements), _ELEMENTS_MAX):
        yield elements[start : start + _ELEMENTS_MAX]


async def _embed(log: Log, graph: Graph, mend: Mending, embedder: Embedder | None) -> None:
    """Give insights that were lost their vectors: their projection has passed by."""
    if embedder is None:
        return
    vectors = VectorProjector(log, graph, embedder)
    positions = {
        row["properties"]["recorded"]
        for row in mend.nodes
        if row["label"] == "Insight" and row["properties"].get("recorded") is not None
    }
    for position in sorted(positions):
        async for record in log.read_all(after=position - 1, to=position):
            await vectors.write_late(record)
