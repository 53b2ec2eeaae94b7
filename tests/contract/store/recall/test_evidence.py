"""Consolidated evidence, ranked down where that is asked for: by the graph and by the index alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from anabranch_events.event import types
from anabranch_recall.filters import Filters
from anabranch_recall.index.ranker import IndexRanker
from anabranch_recall.question import Floor
from anabranch_store.errors import GraphUnavailable
from anabranch_store.recall import ranker
from tests.support.histories import at, consolidation, insight, moment, session
from tests.support.indexed_histories import index_over
from tests.support.learning import learn
from tests.support.recalling import ask, both_ways, ids
from tests.support.rounds import neo4j_in_full_only, two_stores
from tests.support.standing_indexes import StandingIndex

if TYPE_CHECKING:
    from collections.abc import Mapping

    from anabranch_events.event.types import EventData
    from anabranch_projections import PositionedEvent
    from anabranch_recall import Question, Recollection
    from anabranch_recall.question import Ranker
    from anabranch_store import Graph

pytestmark = [neo4j_in_full_only, two_stores]

PART: Final = -0.4


def _says(
    number: int, text: str = "The gauge at Delta Bay drifts, number {}", **more: object
) -> EventData:
    return types.InsightRecorded.model_validate(
        {"insight_id": insight(number), "text": text.format(number), **more}
    )


def _consolidates(
    number: int, *sources: int, sessions: tuple[int, ...] = (), method: str = "extractive"
) -> EventData:
    return types.ConsolidationRecorded(
        consolidation_id=consolidation(number),
        root_id=session(9),
        sessions=tuple(map(session, sessions)),
        sources=tuple(map(insight, sources)),
        text="The gauge drifts [1] Said again [2].",
        method=method,
    )


def _history() -> list[PositionedEvent]:
    """Return consolidations that come to stand, and fall, one after another."""
    told: list[tuple[EventData, int]] = [
        (types.SessionOpened(task="Watch"), 1),  # 1
        (
            types.BranchCreated(
                parent_id=session(1), root_id=session(1), forked_at=1, depth=1, task="Ask"
            ),
            2,
        ),  # 2
        (_says(1), 1),
        (_says(2), 1),
        (_says(3), 2),
        (_says(4), 1),
        (_says(5, kind="fact"), 3),
        (_consolidates(1, 1, 2), 9),  # 8
        (_consolidates(1, 3, 4), 9),  # 9: of an id only the first counts.
        (_consolidates(2, 2, 5), 9),  # 10
        (types.InsightRetracted(insight_id=insight(1), reason="wrong"), 1),  # 11
        (_consolidates(3, 3, 6), 9),  # 12: one of them is not there yet.
        (_says(6), 1),  # 13
        (_consolidates(4, 4, sessions=(2,)), 9),  # 14
        (types.InsightSuperseded(insight_id=insight(5), by=insight(6)), 1),  # 15
        (types.InsightRetracted(insight_id=insight(6), reason="wrong"), 1),  # 16
        (_says(7), 1),
        (_says(8), 3),
        (_consolidates(5, 8, 7, method="restated"), 9),  # 19: the last of them stands for it.
        (_consolidates(6, 8), 9),  # 20
    ]
    return [at(place, data, of=session(of)) for place, (data, of) in enumerate(told, start=1)]


STANDING: Final[tuple[tuple[int, set[int]], ...]] = (
    (7, set()),
    (8, {1, 2}),
    (9, {1, 2}),
    (10, {1, 2, 5}),
    (11, {2, 5}),
    (12, {2, 5}),
    (13, {2, 3, 5, 6}),
    (14, {2, 3, 4, 5, 6}),
    (15, {3, 4, 6}),
    (16, {2, 4, 5}),  # What was superseded by a retracted one holds again.
    (18, {2, 4, 5}),
    (19, {2, 4, 5, 7}),
    (20, {2, 4, 5, 7, 8}),
)
"""The evidence at each position."""


def _evidence(found: Recollection) -> set[str]:
    """Return the hits that are ranked down; the parts of each must make its score."""
    for hit in found:
        why = hit.why
        own = sum(why.lanes.values()) + why.session + why.length + sum(why.priors.values())
        assert hit.score == pytest.approx(own + why.path + why.linked, abs=1e-9)
        assert why.priors.get("evidence", PART) == PART
    return {hit.insight_id for hit in found if "evidence" in hit.why.priors}


def _rankers(graph: Graph, events: list[PositionedEvent]) -> list[Ranker]:
    """Return the rankers over a graph, which holds these events, and the one over an index."""
    index = StandingIndex(index_over(events, vectors=False))
    return [*both_ways(graph), IndexRanker(index, None, clock=lambda: moment(1000))]


async def _all_ways(graph: Graph, events: list[PositionedEvent], asked: Question) -> list[set[str]]:
    """Return the evidence among the hits of each ranker; all find the same with the part as without."""
    found: list[set[str]] = []
    for way in _rankers(graph, events):
        ranked = await way.recall(asked)
        plain = await way.recall(asked.model_copy(update={"evidence_prior": 0.0}))
        assert set(ids(ranked)) == set(ids(plain))
        assert not _evidence(plain)
        found.append(_evidence(ranked))
    return found


async def test_what_a_standing_consolidation_cites_is_ranked_down(graph: Graph) -> None:
    """From its position on, and while all that it cites holds; as of any position, by each ranker."""
    events = _history()
    await learn(graph, events)

    for position, standing in STANDING:
        asked = ask("gauge drifts", k=20, evidence_prior=PART, as_of=position)
        expected = set(map(insight, standing))

        assert await _all_ways(graph, events, asked) == [expected] * 3, position


async def test_it_counts_where_all_that_it_cites_may_answer(graph: Graph) -> None:
    """In a scope or with a filter nothing is ranked down for a text about what is out of reach."""
    events = _history()
    await learn(graph, events)
    asked = ask("gauge drifts", k=20, evidence_prior=PART, as_of=10)
    cases: list[tuple[dict[str, object], set[int]]] = [
        ({"scope": "session", "session_id": session(1)}, {1, 2}),
        ({"scope": "lineage", "session_id": session(2)}, set()),
        ({"filters": Filters(kinds=("observation",))}, {1, 2}),
        ({"filters": Filters(kinds=("fact",))}, set()),
        ({"include_retired": True, "as_of": 11}, {2, 5}),
    ]

    for fields, standing in cases:
        expected = set(map(insight, standing))

        found = await _all_ways(
            graph, events, asked.model_validate({**asked.model_dump(), **fields})
        )

        assert found == [expected] * 3, fields


FORGOTTEN: Final[Mapping[str, tuple[EventData, str, float, str]]] = {
    "a source": (
        types.InsightForgotten(insight_id=insight(3), receipt="R"),
        session(2),
        11.5,
        insight(6),
    ),
    "a joined session": (types.SessionForgotten(receipt="R"), session(2), 13.5, insight(4)),
    "its parent": (types.SessionForgotten(receipt="R"), session(1), 13.5, insight(4)),
}
"""What is forgotten, in which session, from where on it was known before, and what it spares."""


@pytest.mark.parametrize("what", FORGOTTEN)
@pytest.mark.parametrize("before", [False, True])
async def test_what_is_forgotten_consolidates_nothing(
    graph: Graph, what: str, before: bool
) -> None:
    """A source, a joined session or its parent was forgotten: at no position, in either order."""
    events = _history()
    data, of, early, spared = FORGOTTEN[what]
    place = early if before else 21
    told = sorted(
        [
            *((each.position, each.event.data, each.event.session_id) for each in events),
            (place, data, of),
        ],
        key=lambda each: each[0],
    )
    events = [at(number, data, of=of) for number, (_, data, of) in enumerate(told, start=1)]
    await learn(graph, events)

    for as_of in (14, 15, None):
        asked = ask("gauge drifts", k=20, evidence_prior=PART, as_of=as_of)

        for found in await _all_ways(graph, events, asked):
            assert spared not in found


async def test_a_reading_that_fails_leaves_the_rest_of_the_answer(
    graph: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the graph does not say what is evidence, nothing is ranked down, and a lane says why."""
    events = _history()
    await learn(graph, events)
    asked = ask("gauge drifts", k=20, evidence_prior=PART)

    async def fails(*_: object) -> list[str]:
        raise GraphUnavailable("the graph is away", fix="wait")

    for way in both_ways(graph):
        plain = await way.recall(asked.model_copy(update={"evidence_prior": 0.0}))
        with monkeypatch.context() as patched:
            patched.setattr(ranker, "read_evidence", fails)
            found = await way.recall(asked)

        assert ids(found) == ids(plain)
        assert found.lanes["evidence"].state == "failed"
        assert "the graph is away" in str(found.lanes["evidence"].reason)
        assert "evidence" not in (await way.recall(asked)).lanes


async def test_evidence_comes_after_what_is_as_near_and_is_never_dropped(graph: Graph) -> None:
    """With room all of it is found, behind the rest. Where it alone is near, it stands as before."""
    near = [_says(number) for number in range(1, 5)]
    far = [_says(number, "Screws rust in the rain of winter, {}") for number in range(5, 17)]
    events = [
        at(place, data)
        for place, data in enumerate([*near, *far, _consolidates(1, 1, 2), _consolidates(2, 2)], 1)
    ]
    await learn(graph, events)
    everything = [*events, at(len(events) + 1, _consolidates(3, 3, 4))]

    for way in _rankers(graph, events):
        found = await way.recall(ask("gauge drifts", k=4, evidence_prior=-0.01))
        assert set(ids(found)[:2]) == {insight(3), insight(4)}
        assert set(ids(found)) == set(map(insight, range(1, 5)))

    await learn(graph, everything[-1:])
    floor = Floor(similarity=0.9, words=0.5)
    for way in _rankers(graph, everything):
        plain, found = [
            await way.recall(ask("gauge drifts", k=4, floor=floor, evidence_prior=part))
            for part in (0.0, -1.0)
        ]
        assert set(ids(plain)) == set(ids(found)) == set(map(insight, range(1, 5)))
