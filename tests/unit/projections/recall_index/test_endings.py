"""Ends of insights in the index: whose events a reader sees decides on what still holds."""

from __future__ import annotations

from anabranch_events.event import types
from anabranch_projections.recall_index.namespace_index import NamespaceIndex
from tests.support.histories import at, insight, moment
from tests.support.indexed_histories import DIMENSION


def test_of_a_circle_the_last_stands() -> None:
    """An insight that has ended ends no other in the index either, as in the graph."""
    index = NamespaceIndex("default", dimension=DIMENSION)
    one, other = insight(1), insight(2)
    for position, data in enumerate(
        [
            types.InsightRecorded(insight_id=one, text="The gauge drifts"),
            types.InsightRecorded(insight_id=other, text="The gauge stands"),
            types.InsightSuperseded(insight_id=one, by=other),
            types.InsightSuperseded(insight_id=other, by=one),
            types.InsightSuperseded(insight_id=other, by=other),
        ],
        start=1,
    ):
        index.apply(at(position, data))

    cut = index.cut()

    assert [int(each) > cut.position for each in cut.columns.retired] == [False, True]


def test_an_insight_holds_again_when_the_newer_one_is_retracted() -> None:
    """From the retraction on, and as of a position in between it does not; so says its validity."""
    index = NamespaceIndex("default", dimension=DIMENSION)
    one, other = insight(1), insight(2)
    for position, data in enumerate(
        [
            types.InsightRecorded(insight_id=one, text="The gauge drifts"),
            types.InsightRecorded(insight_id=other, text="The gauge stands"),
            types.InsightSuperseded(insight_id=one, by=other, valid_until=moment(3)),
            types.InsightRetracted(insight_id=other, reason="wrong"),
            types.InsightSuperseded(insight_id=other, by=one),
        ],
        start=1,
    ):
        index.apply(at(position, data))

    cuts = [index.cut(as_of) for as_of in (2, 3, 4, None)]

    held = [[int(each) > cut.position for each in cut.columns.retired] for cut in cuts]
    assert held == [[True, True], [False, True], [True, False], [True, False]]
    assert [list(cut.ended_validity()) for cut in cuts] == [[], [0], [], []]
