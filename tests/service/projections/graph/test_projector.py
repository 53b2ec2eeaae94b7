"""The projector on real servers: dead letters, waiting, lost connections, vectors, rebuilds."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from itertools import islice
from typing import TYPE_CHECKING

import orjson
import pytest

from anabranch_events import STREAM, Log, encode, new_event, subject
from anabranch_events.errors import LogRewound, WaitTimedOut
from anabranch_events.event import types
from anabranch_events.event.identifiers import new_id
from anabranch_projections import (
    GraphNotEmpty,
    ProjectionHalted,
    Projector,
    VectorProjector,
    rebuild,
    wait_for,
)
from anabranch_store import Graph
from tests.support.cutting import CutAtCommit
from tests.support.graphs import ask, empty
from tests.support.histories import insight, session, stream
from tests.support.patience import PATIENCE_S
from tests.support.rounds import in_full_only

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from anabranch_events import Event, NatsServer
    from anabranch_projections import RebuildProgress

# The loop is the same on every store; the contract suite holds the statements.
pytestmark = pytest.mark.parametrize("graph_address", ["embedded"], indirect=True)


class LetterCounts:
    """An embedder for tests: how often the first letters stand in a text; counts its calls."""

    model = "letter-counts"
    dimension = 384

    def __init__(self) -> None:
        self.embedded: list[str] = []

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Return a vector for each text."""
        self.embedded += texts
        return [
            [float(text.count(chr(97 + place))) + 0.1 for place in range(self.dimension)]
            for text in texts
        ]


def _recorded(number: int, **fields: object) -> Event:
    data = {"insight_id": insight(number), "text": f"Gauge {number}", **fields}
    return new_event(
        types.InsightRecorded.model_validate(data), session_id=session(1), namespace="default"
    )


async def _publish(log: Log, raw: bytes, *, session_id: str | None = None) -> None:
    """Store a message as a foreign producer would."""
    stored = await log.connection.jetstream().publish(
        subject("default", session_id or session(9)), raw
    )
    assert stored.stream == STREAM


@asynccontextmanager
async def _running(projector: Projector | VectorProjector) -> AsyncGenerator[None]:
    """Run a projector for the length of the block, and see it end cleanly."""
    running = asyncio.create_task(projector.run())
    try:
        yield
        assert not running.done(), running
    finally:
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running


async def test_what_is_no_event_becomes_a_dead_letter_and_the_line_moves_on(
    log: Log, graph: Graph
) -> None:
    """A foreign producer's broken messages are kept with the reason; what follows is applied."""
    strange = orjson.loads(encode(_recorded(2)))
    await log.append(_recorded(1))
    await _publish(log, b"\xff not json")
    await _publish(
        log, orjson.dumps({**strange, "subject": session(9), "type": "anabranch.tea.brewed.v9"})
    )
    await _publish(log, encode(_recorded(3)), session_id=session(8))
    await log.append(_recorded(4))
    projector = Projector(log, graph)

    await projector.run(to=5)

    letters = await ask(
        graph.address,
        "MATCH (d:DeadLetter) RETURN d.position AS position, d.namespace AS namespace, "
        "d.session_id AS session_id, d.error AS error, d.reason CONTAINS 'JSON' AS json "
        "ORDER BY position",
    )
    assert letters == [
        {
            "position": position,
            "namespace": "default",
            "session_id": session_id,
            "error": "EventUnknown" if position == 3 else "EventInvalid",
            "json": position == 2,
        }
        for position, session_id in ((2, session(9)), (3, session(9)), (4, session(8)))
    ]
    found = await ask(graph.address, "MATCH (i:Insight) RETURN i.text AS text ORDER BY text")
    assert found == [{"text": "Gauge 1"}, {"text": "Gauge 4"}]
    assert (projector.position, projector.dead_letters) == (5, 3)


async def test_an_event_that_the_store_refuses_is_put_aside_alone(log: Log, graph: Graph) -> None:
    """A number that no store can hold costs only its own event, not the batch it came in."""
    data = types.BranchCreated(
        parent_id=session(1), root_id=session(1), forked_at=2**63, depth=1, task="Too far"
    )
    opened = types.SessionOpened(task="Root")
    await log.append(new_event(opened, session_id=session(1), namespace="default"))
    for number in range(2, 6):
        await log.append(_recorded(number))
    await log.append(new_event(data, session_id=session(2), namespace="default"))
    for number in range(6, 11):
        await log.append(_recorded(number))
    projector = Projector(log, graph)

    await projector.run(to=11)

    letters = await ask(
        graph.address, "MATCH (d:DeadLetter) RETURN d.position AS position, d.error AS error"
    )
    assert letters == [{"position": 6, "error": "OverflowError"}]
    found = await ask(graph.address, "MATCH (i:Insight) RETURN count(i) AS count")
    assert found == [{"count": 9}]
    assert (projector.status.events, projector.dead_letters) == (11, 1)


async def test_a_reader_waits_for_its_own_write(log: Log, graph: Graph) -> None:
    """wait_for returns once the position is in the graph, and its result can be read there."""
    projector = Projector(log, graph)
    async with _running(projector):
        receipt = await log.append(_recorded(1))

        reached = await wait_for(log, graph, "graph", receipt.position, timeout_s=PATIENCE_S)

        found = await ask(graph.address, "MATCH (i:Insight) RETURN i.text AS text")
        assert (reached, found) == (1, [{"text": "Gauge 1"}])
        await projector.wait_for(receipt.position, timeout_s=PATIENCE_S)
        assert projector.status.batch_size == 1
        assert projector.status.events_per_s > 0


async def test_waiting_has_an_end(log: Log, graph: Graph) -> None:
    """A position that is not reached in time raises WaitTimedOut, which says how far it came."""
    with pytest.raises(WaitTimedOut, match="is at 0, not yet at 7"):
        await wait_for(log, graph, "graph", 7, timeout_s=0.2)
    with pytest.raises(WaitTimedOut, match="is at 0, not yet at 7"):
        await Projector(log, graph).wait_for(7, timeout_s=0.05)


async def test_a_log_that_ends_before_the_checkpoint_is_refused(
    nats_server: NatsServer, log: Log, graph: Graph
) -> None:
    """A graph that was made from another log is not written to."""
    await log.append(_recorded(1))
    await Projector(log, graph).run(to=1)
    await log.connection.jetstream().delete_stream(STREAM)

    async with Log.connect(nats_server.url, token=nats_server.token) as another:
        with pytest.raises(LogRewound):
            await Projector(another, graph).run()


@in_full_only
async def test_commits_of_unknown_outcome_are_settled_by_the_checkpoint(
    log: Log, graph: Graph
) -> None:
    """Connections that break between a commit and its answer leave no trace in the graph."""
    for event in islice(stream(7), 60):
        await log.append(event)
    async with (
        CutAtCommit(graph.address, cuts=4) as proxy,
        Graph.connect(proxy.address, timeout_s=5) as cut,
    ):
        projector = Projector(log, cut)
        async with _running(projector):
            for event in islice(stream(8), 1, 11):
                position = (await log.append(event)).position
                await projector.wait_for(position, timeout_s=PATIENCE_S)
    disturbed = await graph.digest()

    await empty(graph.address)
    await Projector(log, graph).run(to=70)

    assert proxy.cuts_left == 0
    assert disturbed == await graph.digest()


async def test_vectors_follow_and_leave_with_what_is_forgotten(log: Log, graph: Graph) -> None:
    """Insights get their vectors, forgotten ones lose them, and the graph is never overtaken."""
    embedder = LetterCounts()
    forgotten = types.InsightForgotten(insight_id=insight(2), receipt="Request")
    await log.append(_recorded(1))
    await log.append(_recorded(2))
    await log.append(new_event(forgotten, session_id=session(1), namespace="default"))
    vectors = VectorProjector(log, graph, embedder)

    async with _running(vectors):
        with pytest.raises(WaitTimedOut):
            await vectors.wait_for(1, timeout_s=0.3)
        await Projector(log, graph).run(to=3)
        await vectors.wait_for(3, timeout_s=PATIENCE_S)

    found = await ask(
        graph.address,
        "MATCH (i:Insight) RETURN i.text AS text, i.embedding_model AS model, "
        "size(i.embedding) AS dimension ORDER BY i.id",
    )
    assert found == [
        {"text": "Gauge 1", "model": "letter-counts", "dimension": 384},
        {"text": None, "model": None, "dimension": None},
    ]


async def test_a_rebuild_gives_the_same_graph_and_computes_no_vector_again(
    log: Log, graph: Graph
) -> None:
    """The rebuilt graph has the digest of the first, and its vectors come from the cache."""
    first, second = LetterCounts(), LetterCounts()
    for event in islice(stream(3), 200):
        await log.append(event)
    await Projector(log, graph).run(to=200)
    await VectorProjector(log, graph, first).run(to=200)
    query = (
        "MATCH (i:Insight) WHERE i.embedding IS NOT NULL "
        "RETURN i.id AS id, i.embedding AS embedding ORDER BY id"
    )
    before, vectors = await graph.digest(), await ask(graph.address, query)
    await empty(graph.address)
    told: list[RebuildProgress] = []

    rebuilt = await rebuild(log, graph, embedder=second, progress=told.append)

    assert (rebuilt.digest, rebuilt.position, rebuilt.events) == (before.digest, 200, 200)
    assert (told[-1].position, told[-1].to, told[-1].seconds_left) == (200, 200, 0)
    assert (len(first.embedded) > 0, second.embedded) == (True, [])
    assert await ask(graph.address, query) == vectors


async def test_a_rebuild_wants_an_empty_graph(log: Log, graph: Graph) -> None:
    """A graph that holds a projection already is left alone."""
    await log.append(_recorded(1))
    await Projector(log, graph).run(to=1)

    with pytest.raises(GraphNotEmpty, match="position 1"):
        await rebuild(log, graph)


async def test_a_rebuild_halts_at_a_bad_event_unless_told_to_skip(log: Log, graph: Graph) -> None:
    """Nobody gets a rebuilt graph with a gap unasked."""
    await log.append(_recorded(1))
    await _publish(log, b"broken")
    await log.append(_recorded(2))

    with pytest.raises(ProjectionHalted, match="position 2"):
        await rebuild(log, graph)
    rebuilt = await rebuild(log, graph, skip=True)

    assert (rebuilt.position, rebuilt.dead_letters) == (3, 1)


async def test_an_empty_log_rebuilds_to_an_empty_graph(log: Log, graph: Graph) -> None:
    """Nothing is not an error."""
    rebuilt = await rebuild(log, graph)

    assert (rebuilt.position, rebuilt.events) == (0, 0)
    assert new_id() not in rebuilt.digest
