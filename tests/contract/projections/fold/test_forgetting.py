"""Forgetting: what others said about an insight goes too, in any batches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from anabranch_events.event import types
from anabranch_projections import PositionedEvent, fold
from tests.support.graphs import ask, empty
from tests.support.histories import at, consolidation, insight, session
from tests.support.rounds import neo4j_in_full_only

if TYPE_CHECKING:
    from anabranch_store import Graph

pytestmark = neo4j_in_full_only

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


async def test_what_others_said_about_a_forgotten_insight_goes_too(graph: Graph) -> None:
    """Reasons, subjects, decisions and consolidations said before; not those said afterwards."""
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
        at(10, _linked("explains", "After it")),
        at(11, types.ConflictResolved(insights=both, decision="Nobody knows")),
    ]
    digests: list[str] = []

    for batches in ([events], [[event] for event in events], [events[:9], events[5:]]):
        await empty(graph.address)
        for batch in batches:
            await graph.write(fold(batch))
        digests.append((await graph.digest()).digest)

    assert digests == [digests[0]] * 3
    rows = await ask(
        graph.address,
        "MATCH (:Insight)-[r]->(:Insight) WHERE type(r) IN ['ASSOCIATED_WITH', 'CONFLICTS_WITH'] "
        "RETURN r.reason AS reason, r.subject AS subject, r.decision AS decision "
        "ORDER BY r.recorded",
    )
    assert [tuple(row.values()) for row in rows] == [
        (None, None, None),
        (None, "(forgotten)", "(forgotten)"),
        (None, "(forgotten)", "Nobody knows"),
        ("After it", None, None),
    ]
    texts = await ask(
        graph.address, "MATCH (c:Consolidation) RETURN c.text AS text ORDER BY c.recorded"
    )
    assert [row["text"] for row in texts] == [
        "Known: (forgotten); tea grows near Kyoto",
        "(forgotten)",
    ]
