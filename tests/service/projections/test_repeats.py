"""An event that the log holds more than once has its effects once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from anabranch_events import Event, Log, encode, new_event, new_id, subject
from anabranch_events.event import types
from anabranch_projections import DeadLetters, Projector
from tests.support.graphs import ask, empty
from tests.support.histories import insight, session
from tests.support.rounds import neo4j_in_full_only, two_stores

if TYPE_CHECKING:
    from anabranch_events.event.types import EventData
    from anabranch_store import Graph

pytestmark = [neo4j_in_full_only, two_stores]

OUTCOME = types.Outcome


def said(data: EventData, *, event_id: str | None = None) -> Event:
    """Return an event of the one session."""
    return new_event(data, session_id=session(1), namespace="default", event_id=event_id)


def story() -> list[Event]:
    """Return one event of each kind whose effect a repetition would change."""
    one, two = insight(1), insight(2)
    return [
        said(types.SessionOpened(task="Tides")),
        said(types.BranchStarted(worker="w")),
        said(types.InsightRecorded(insight_id=one, text="High at noon", entities=("noon",))),
        said(types.InsightRecorded(insight_id=two, text="High comes twice a day")),
        said(types.AssociationFormed(from_id=one, to_id=two, kind="supports", weight=0.5)),
        said(types.InsightCited(insight_ids=(one, two), outcome=OUTCOME.CONFIRMED)),
        said(types.InsightCited(insight_ids=(one,), outcome=OUTCOME.USED)),
        said(types.ConflictOpened(insights=(one, two), subject="when")),
        said(types.WorkingMemorySet(key="tide", value="high")),
        said(types.WorkingMemorySet(key="tide", value="low")),
        said(types.BranchFailed(error="wet", attempt=1, will_retry=True)),
        said(types.BranchStarted(worker="v", attempt=2)),
    ]


async def store(log: Log, event: Event) -> None:
    """Store an event as a producer does that sends no id, or after the window."""
    stream = log.connection.jetstream()
    await stream.publish(subject(event.namespace, event.subject), encode(event))


async def content(graph: Graph) -> list[dict[str, Any]]:
    """Return what the graph holds of the story, without positions of bookkeeping."""
    return await ask(
        graph.address,
        """MATCH (s:Session) OPTIONAL MATCH (i:Insight)
        OPTIONAL MATCH (i)-[r:ASSOCIATED_WITH|CONFLICTS_WITH]->()
        RETURN s.status AS status, s.attempt AS attempt, head([(s)-[:NOTED]->(n:Note {key: 'tide'}) | n.value]) AS tide,
          i.id AS id, i.citations AS citations, r.weight AS weight, r.retired AS retired,
          count(r) AS links ORDER BY id, weight""",
    )


@pytest.mark.parametrize("restarts", [False, True])
async def test_each_event_counts_once_wherever_its_copies_stand(
    log: Log, graph: Graph, restarts: bool
) -> None:
    """Copies behind all others, also after a restart of the projector, change nothing."""
    await empty(graph.address)
    events = story()
    await log.append_all(events)
    projector = Projector(log, graph)
    await projector.run(to=len(events))
    once = await content(graph)

    for event in events:
        await store(log, event)
    await (Projector(log, graph) if restarts else projector).run(to=2 * len(events))

    assert await content(graph) == once
    assert await DeadLetters(log, graph, namespace="default").all() == []


async def test_a_rebuild_tells_the_same_as_the_projector_that_was_there(
    log: Log, graph: Graph
) -> None:
    """The digest does not depend on where the projector was when the copies came."""
    await empty(graph.address)
    events = story()
    for event in [*events, *events[4:9], *events]:
        await store(log, event)
    last = (await log.bounds()).last
    for to in (1, 4, 9, 13, 17, last):
        await Projector(log, graph).run(to=to)
    piecemeal = await graph.digest()

    await empty(graph.address)
    await Projector(log, graph).run(to=last)

    assert await graph.digest() == piecemeal


async def test_an_opening_counts_where_its_first_copy_did_not(log: Log, graph: Graph) -> None:
    """A branch that is stored again behind its parent begins there; a third copy changes nothing."""
    await empty(graph.address)
    root, branch = session(1), session(2)
    forked = new_event(
        types.BranchCreated(parent_id=root, root_id=root, forked_at=1, depth=1, task="Gauge"),
        session_id=branch,
        namespace="default",
    )
    for event in (forked, said(types.SessionOpened(task="Tides")), forked, forked):
        await store(log, event)

    await Projector(log, graph).run(to=4)

    rows = await ask(graph.address, "MATCH (s:Session) RETURN s.opened AS opened ORDER BY opened")
    letters = await DeadLetters(log, graph, namespace="default").all()
    assert [row["opened"] for row in rows] == [2, 3]
    assert [(one.position, one.error) for one in letters] == [(1, "ParentUnknown")]


async def test_another_opening_of_a_session_is_put_aside(log: Log, graph: Graph) -> None:
    """Also one under the id of the first, and that one's repetition is passed by."""
    await empty(graph.address)
    opened = said(types.SessionOpened(task="Tides"))
    other = said(types.SessionOpened(task="Ebb"), event_id=opened.id)
    for event in (opened, other, opened):
        await store(log, event)

    await Projector(log, graph).run(to=3)

    letters = await DeadLetters(log, graph, namespace="default").all()
    assert [(one.position, one.error) for one in letters] == [(2, "SessionOpenedBefore")]


async def test_an_opening_told_again_behind_the_end_of_its_namespace_is_too_late(
    log: Log, graph: Graph
) -> None:
    """The projector goes on past it, and nothing of the namespace comes back."""
    await empty(graph.address)
    opened = new_event(types.SessionOpened(task="Tides"), session_id=session(1), namespace="gone")
    await store(log, opened)
    await log.deletion("gone").end()
    await store(log, opened)

    await Projector(log, graph).run(to=3)

    assert await ask(graph.address, "MATCH (s:Session) RETURN s.id AS id") == []
    assert await graph.checkpoint("graph") == 3


async def test_a_rebuild_does_not_halt_at_an_opening_that_stands_twice(
    log: Log, graph: Graph
) -> None:
    """With `halt` the projector passes by what has had its effects."""
    await empty(graph.address)
    opened = said(types.SessionOpened(task="Tides"))
    for event in (opened, opened):
        await store(log, event)

    await Projector(log, graph, halt=True).run(to=2)

    assert await graph.checkpoint("graph") == 2


async def test_another_event_under_the_same_id_is_put_aside(log: Log, graph: Graph) -> None:
    """The first stands; the second is a dead letter, and stays one when it is tried again."""
    await empty(graph.address)
    event_id = new_id()
    await log.append(said(types.SessionOpened(task="Tides")))
    await log.append(
        said(types.InsightRecorded(insight_id=insight(1), text="High"), event_id=event_id)
    )
    await store(
        log, said(types.InsightRecorded(insight_id=insight(2), text="Low"), event_id=event_id)
    )

    await Projector(log, graph).run(to=3)
    letters = DeadLetters(log, graph, namespace="default")
    tried = await letters.retry()

    rows = await ask(graph.address, "MATCH (i:Insight) RETURN i.text AS text")
    assert rows == [{"text": "High"}]
    assert [(one.position, one.error) for one in await letters.all()] == [(3, "IdTaken")]
    assert [one.applied for one in tried] == [False]
