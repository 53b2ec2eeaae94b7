"""Forgetting: what others said about an insight goes too, in any batches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from anabranch_events.event import types
from anabranch_events.event.content import FORGOTTEN
from anabranch_projections import PositionedEvent, fold
from tests.support.graphs import ask, empty
from tests.support.histories import at, consolidation, insight, session
from tests.support.rounds import neo4j_in_full_only, two_stores

if TYPE_CHECKING:
    from collections.abc import Iterable

    from anabranch_store import Graph

pytestmark = [neo4j_in_full_only, two_stores]

SECRET = "Ann lives in Uji"
ONE, OTHER = insight(1), insight(2)


def _linked(kind: str, reason: str) -> types.AssociationFormed:
    return types.AssociationFormed(from_id=ONE, to_id=OTHER, weight=0.5, kind=kind, reason=reason)


def _consolidated(position: int, number: int, text: str) -> PositionedEvent:
    data = types.ConsolidationRecorded(
        consolidation_id=consolidation(number),
        root_id=session(1),
        sessions=(session(1),),
        sources=(ONE, OTHER),
        text=text,
        method="extractive",
    )
    return at(position, data)


async def _digests(graph: Graph, batches: Iterable[list[list[PositionedEvent]]]) -> set[str]:
    """Return the digests of the graph after the same events in other batches."""
    digests: set[str] = set()
    for some in batches:
        await empty(graph.address)
        for batch in some:
            await graph.write(fold(batch))
        digests.add((await graph.digest()).digest)
    return digests


def _batchings(events: list[PositionedEvent]) -> list[list[list[PositionedEvent]]]:
    return [[events], [[event] for event in events], [events[:9], events[5:]]]


async def test_what_others_said_about_a_forgotten_insight_goes_too(graph: Graph) -> None:
    """Reasons, subjects, decisions and consolidations, said before and afterwards."""
    both = (ONE, OTHER)
    events = [
        at(1, types.InsightRecorded(insight_id=ONE, text=SECRET)),
        at(2, types.InsightRecorded(insight_id=OTHER, text="Tea grows near Kyoto")),
        at(3, _linked("supports", "Ann's tea")),
        at(4, types.ConflictOpened(insights=both, subject="Where Ann lives")),
        at(5, types.ConflictResolved(insights=both, decision="In Uji")),
        at(6, types.ConflictOpened(insights=both, subject="Ann again")),
        _consolidated(7, 1, f"Known: {SECRET}; tea grows near Kyoto"),
        _consolidated(8, 2, "Somebody in Uji drinks tea"),
        at(9, types.InsightForgotten(insight_id=ONE, receipt="R")),
        at(10, _linked("explains", "Ann after it")),
        at(11, types.ConflictResolved(insights=both, decision="Uji, says Ann")),
        _consolidated(12, 3, f"Known late: {SECRET}"),
    ]

    digests = await _digests(graph, _batchings(events))

    assert len(digests) == 1
    rows = await ask(
        graph.address,
        "MATCH (:Insight)-[r]->(:Insight) WHERE type(r) IN ['ASSOCIATED_WITH', 'CONFLICTS_WITH'] "
        "RETURN r.reason AS reason, r.subject AS subject, r.decision AS decision "
        "ORDER BY r.recorded",
    )
    assert [tuple(row.values()) for row in rows] == [
        (None, None, None),
        (None, "(forgotten)", "(forgotten)"),
        (None, "(forgotten)", "(forgotten)"),
        (None, None, None),
    ]
    texts = await ask(
        graph.address, "MATCH (c:Consolidation) RETURN c.text AS text ORDER BY c.recorded"
    )
    assert [row["text"] for row in texts] == [
        "Known: (forgotten); tea grows near Kyoto",
        "(forgotten)",
        "(forgotten)",
    ]


def _derived(number: int, *sources: str, text: str = "About Ann") -> types.Insight:
    return types.Insight(insight_id=insight(number), text=text, sources=sources, tags=("tea",))


def _completed(number: int, *insights: types.Insight) -> types.BranchCompleted:
    return types.BranchCompleted(result=f"Branch {number}: Ann, Uji", insights=insights)


async def test_what_was_derived_from_a_forgotten_insight_is_forgotten_with_it(graph: Graph) -> None:
    """Through any number of steps, in the same batch or another, before the forgetting or after."""
    chain = [_derived(number, insight(number - 1)) for number in range(2, 8)]
    events = [
        at(1, types.InsightRecorded(insight_id=ONE, text=SECRET)),
        at(2, _completed(2, *chain[:3]), of=session(2)),
        at(3, _completed(3, chain[3], _derived(20, text="Tea grows")), of=session(3)),
        at(4, _completed(4, _derived(21, "a book", text="Tea is green")), of=session(4)),
        at(5, types.InsightRetracted(insight_id=insight(4), reason="Ann moved")),
        at(6, types.InsightSuperseded(insight_id=insight(20), by=insight(3), reason="Ann")),
        at(7, types.InsightForgotten(insight_id=ONE, receipt="R")),
        at(8, _completed(5, chain[4]), of=session(5)),
        at(9, _completed(6, chain[5]), of=session(6)),
        at(10, types.BranchCompleted(result="Ann again"), of=session(2)),
        at(11, types.InsightRetracted(insight_id=insight(6), reason="Ann moved late")),
    ]

    digests = await _digests(graph, _batchings(events))

    assert len(digests) == 1
    rows = await ask(
        graph.address,
        "MATCH (i:Insight) RETURN i.id AS id, i.text AS text, i.current AS current, "
        "i.forgotten AS forgotten, i.retired_reason AS reason ORDER BY i.id",
    )
    gone = [(insight(number), None, False, 7) for number in range(1, 8)]
    kept = [(insight(20), "Tea grows", False, None), (insight(21), "Tea is green", True, None)]
    assert [tuple(row.values())[:4] for row in rows] == gone + kept
    assert {row["reason"] for row in rows} == {None, "forgotten", "superseded"}
    results = await ask(
        graph.address,
        "MATCH (s:Session) WHERE s.result IS NOT NULL RETURN s.result AS result ORDER BY s.id",
    )
    assert [row["result"] for row in results] == [
        "(forgotten)",
        "(forgotten)",
        "Branch 4: Ann, Uji",
        "(forgotten)",
        "(forgotten)",
    ]
    nodes = await ask(graph.address, "MATCH (n) RETURN properties(n) AS properties")
    assert str(nodes).count("Ann") == 1  # Of the branch that learned nothing of it.


async def test_a_forgotten_session_says_nothing_any_more(graph: Graph) -> None:
    """Task, notes, results, errors, hand-offs and consolidations, said before and afterwards."""
    root, branch, other, late = (session(number) for number in (1, 2, 3, 4))

    def forked(position: int, own: str, parent: str = root) -> PositionedEvent:
        data = types.BranchCreated(
            parent_id=parent, root_id=root, forked_at=1, depth=1, task=SECRET
        )
        return at(position, data, of=own)

    def joined(position: int, number: int, *sessions: str) -> PositionedEvent:
        data = types.ConsolidationRecorded(
            consolidation_id=consolidation(number),
            root_id=root,
            sessions=sessions,
            sources=(),
            text=SECRET,
        )
        return at(position, data)

    def noted(position: int, key: str) -> PositionedEvent:
        return at(position, types.WorkingMemorySet(key=key, value=SECRET), of=branch)

    events = [
        at(1, types.SessionOpened(task="Tea", attributes={"tea": True})),
        forked(2, branch),
        forked(3, other),
        noted(4, "Ann"),
        at(5, types.BranchFailed(error=SECRET, will_retry=True), of=branch),
        joined(6, 1, branch, late),
        at(7, types.SessionForgotten(receipt="R"), of=branch),
        at(8, types.SessionForgotten(receipt="again"), of=branch),
        noted(9, "Ann again"),
        at(10, types.BranchCompleted(result=SECRET), of=branch),
        at(11, types.SessionForgotten(receipt="R"), of=late),
        forked(12, late),
        joined(13, 2, branch),
        at(14, types.SessionForgotten(receipt="R"), of=other),
        at(
            15,
            types.SessionHandedOff(to=late, summary=SECRET, working_memory={"Ann": SECRET}),
            of=other,
        ),
        at(16, types.BranchCompleted(result=SECRET)),
    ]

    digests = await _digests(graph, _batchings(events))

    assert len(digests) == 1
    rows = await ask(
        graph.address,
        "MATCH (n) OPTIONAL MATCH (n)-[r]->() RETURN properties(n) AS one, properties(r) AS other",
    )
    assert not [row for row in rows if SECRET in str(row) or "Ann" in str(row)]
    found = await ask(
        graph.address,
        "MATCH (s:Session) RETURN s.task AS task, s.result AS result, s.status AS status, "
        "s.forgotten AS forgotten, s.forgotten_receipt AS receipt ORDER BY s.id",
    )
    gone = {"task": FORGOTTEN, "receipt": "R"}
    assert found == [
        {
            "task": "Tea",
            "result": FORGOTTEN,
            "status": "completed",
            "forgotten": None,
            "receipt": None,
        },
        {**gone, "result": FORGOTTEN, "status": "completed", "forgotten": 7},
        {**gone, "result": None, "status": "handed_off", "forgotten": 14},
        {**gone, "result": None, "status": "pending", "forgotten": 11},
    ]
