"""Filters and fields of recall on every store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from anabranch_events.event import types
from anabranch_recall.filters import Filters
from anabranch_store import GraphRanker
from tests.support.histories import at, insight, moment, session
from tests.support.learning import HashingEmbedder, learn
from tests.support.patience import PATIENCE_S
from tests.support.recall_filters import KEPT, YEAR, filtered_history, kept_by
from tests.support.recalling import ask, both_ways, ids
from tests.support.rounds import neo4j_in_full_only, two_stores

if TYPE_CHECKING:
    from anabranch_store import Graph

pytestmark = [neo4j_in_full_only, two_stores]

FEW = 5
MANY = 400


async def test_each_filter_keeps_what_it_says(graph: Graph) -> None:
    """By the scan and by the indexes: tags, kinds, agent, role, confidence, times, validity."""
    await learn(graph, filtered_history())

    for ranker in both_ways(graph):
        found = {
            kept_by(fields): set(ids(await ranker.recall(ask("gauge", k=50, **fields))))
            for fields, _ in KEPT
        }

        assert found == {kept_by(fields): set(map(insight, kept)) for fields, kept in KEPT}


async def test_a_hit_carries_what_was_recorded(graph: Graph) -> None:
    """Tags, kind, confidence, agent and times in the world stand in the hit, and its similarity."""
    await learn(graph, filtered_history())

    for ranker in both_ways(graph):
        found = await ranker.recall(ask("gauge", k=50))
        hits = {hit.insight_id: hit for hit in found}

        first, second, sixth = (hits[insight(number)] for number in (1, 2, 6))
        assert (first.tags, first.kind, first.confidence) == (("water", "salt"), "fact", 1.0)
        assert (second.tags, second.confidence) == (("water",), 0.5)
        assert (first.agent, second.agent, sixth.agent) == ("ada", "ben", "ben")
        assert (first.valid_from, first.valid_until) == (None, None)
        assert (sixth.valid_from, sixth.valid_until) == (moment(0) - YEAR, moment(0) + YEAR)
        assert first.similarity is not None
        assert first.similarity == first.why.cosine
        assert 0 < first.similarity < 1


async def test_a_subject_tells_equal_texts_apart(graph: Graph) -> None:
    """The words of a subject find its insight; the same text of another is another hit."""
    text = "I moved to Oslo"
    await learn(
        graph,
        [
            at(number, types.InsightRecorded(insight_id=insight(number), text=text, subject=name))
            for number, name in enumerate(("Melanie", "Caroline"), start=1)
        ],
    )

    for ranker in both_ways(graph):
        found = await ranker.recall(ask("Did Caroline move to Oslo?"))

        assert [(hit.insight_id, hit.subject) for hit in found] == [
            (insight(2), "Caroline"),
            (insight(1), "Melanie"),
        ]


async def test_a_filter_costs_no_results(graph: Graph) -> None:
    """A few insights with a tag among many better ones are all found, though the scan is small."""
    said = [
        types.InsightRecorded(
            insight_id=insight(number),
            text=f"Gauge {number}"
            if number >= FEW
            else f"A long remark on gauge {number} and rain",
            tags=("few",) if number < FEW else (),
        )
        for number in range(MANY)
    ]
    events = [at(place, data, of=session(1)) for place, data in enumerate(said, start=1)]
    await learn(graph, events)
    ranker = GraphRanker(
        graph, HashingEmbedder(), scan_max=50, timeout_s=PATIENCE_S, clock=lambda: moment(1000)
    )

    unfiltered = await ranker.recall(ask("gauge", k=10))
    found = await ranker.recall(ask("gauge", k=10, filters=Filters(tags=("few",))))

    assert len(unfiltered.hits) == 10
    assert set(ids(found)) == set(map(insight, range(FEW)))
