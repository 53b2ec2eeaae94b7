"""The same events give the same graph: cut anyhow, replayed from anywhere, on every store."""

from __future__ import annotations

import asyncio
from itertools import islice
from typing import TYPE_CHECKING

from hypothesis import given, seed
from hypothesis import strategies as st

from anabranch_projections import PositionedEvent, fold
from anabranch_store import Graph, create_database, drop_database
from tests.support.graphs import empty
from tests.support.histories import histories, positioned, stream
from tests.support.properties import OnThisLoop, held
from tests.support.rounds import in_full_only, neo4j_in_full_only, two_stores

if TYPE_CHECKING:
    from anabranch_events import Event
    from anabranch_store import EmbeddedGraph, GraphAddress

LENGTH_MIN = 25
LENGTH_MAX = 45


def _batches(events: list[PositionedEvent], cuts: list[int]) -> list[list[PositionedEvent]]:
    """Cut `events` into batches as long as `cuts` say, in turn."""
    batches, start, turn = [], 0, 0
    while start < len(events):
        batches.append(events[start : start + cuts[turn % len(cuts)]])
        start += cuts[turn % len(cuts)]
        turn += 1
    return batches


async def _digest(graph: Graph, batches: list[list[PositionedEvent]]) -> str:
    """Apply batches to an emptied graph and return its digest."""
    await empty(graph.address)
    for batch in batches:
        await graph.write(fold(batch))
    return (await graph.digest()).digest


_CUTS = st.lists(st.integers(1, 12), min_size=1, max_size=5)


@two_stores
@neo4j_in_full_only
async def test_a_history_gives_the_same_graph_however_it_is_cut_and_replayed(
    graph: Graph,
) -> None:
    """One batch, one event a time, random batches, and replays from random checkpoints agree."""
    call = OnThisLoop()

    @seed(20261123)
    @held(8 if graph.product.name == "arcadedb" else 4)
    @given(
        histories(LENGTH_MAX, length_min=LENGTH_MIN),
        _CUTS,
        _CUTS,
        st.integers(0, LENGTH_MAX),
        st.integers(0, LENGTH_MAX),
    )
    def holds(history: list[Event], once: list[int], again: list[int], end: int, back: int) -> None:
        events = positioned(history)
        interrupted = _batches(events[:end], once) + _batches(events[min(end, back) :], again)
        ways = {
            "at once": [events],
            "one by one": [[event] for event in events],
            "interrupted": interrupted,
            "stale": [*_batches(events, again), *_batches(events[back:end], once)],
        }

        digests = {name: call(_digest(graph, way)) for name, way in ways.items()}

        assert set(digests.values()) == {digests["at once"]}, digests

    await asyncio.to_thread(holds)


@in_full_only
async def test_every_store_gets_the_same_graph(
    embedded_graph: EmbeddedGraph, neo4j_address: GraphAddress, neo4j_calendar_address: GraphAddress
) -> None:
    """The same events have the same digest on the embedded graph and both releases of Neo4j."""
    events = positioned(list(islice(stream(20261123), 600)))
    embedded = await create_database(embedded_graph.address)
    digests = {}

    for address in (embedded, neo4j_address, neo4j_calendar_address):
        async with Graph.connect(address) as graph:
            await graph.apply_schema()
            batches = _batches(events, [150, 40])
            digests[graph.product.agent] = await _digest(graph, batches)
    await drop_database(embedded)

    assert len(digests) == 3
    assert len(set(digests.values())) == 1, digests
