"""Insights that supersede each other: the ends that hold, against a plain reading of the events."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from anabranch_events.event.types import EventData, InsightRetracted, InsightSuperseded
from anabranch_projections import fold
from tests.support.graphs import ask, empty
from tests.support.histories import at, insight
from tests.support.properties import OnThisLoop, held
from tests.support.rounds import neo4j_in_full_only

if TYPE_CHECKING:
    from anabranch_store import Graph

pytestmark = neo4j_in_full_only


def _read(history: list[EventData]) -> dict[str, int]:
    """Read events one after another: what has ended takes no other's place, and no one its own."""
    ended: dict[str, int] = {}
    for position, data in enumerate(history, start=1):
        assert isinstance(data, InsightSuperseded | InsightRetracted)
        if isinstance(data, InsightSuperseded) and (data.by in ended or data.by == data.insight_id):
            continue
        ended.setdefault(data.insight_id, position)
    return ended


def _superseded(number: int, by: int) -> InsightSuperseded:
    return InsightSuperseded(insight_id=insight(number), by=insight(by))


def _retracted(number: int) -> InsightRetracted:
    return InsightRetracted(insight_id=insight(number), reason="wrong")


_NUMBERS = st.integers(1, 4)
_ENDING = st.one_of(
    st.builds(_superseded, _NUMBERS, _NUMBERS),
    st.builds(_superseded, _NUMBERS, _NUMBERS),
    st.builds(_retracted, _NUMBERS),
)


async def test_of_insights_that_supersede_each_other_the_last_stands(graph: Graph) -> None:
    """Ends equal a plain reading, however the log is cut and though a part is applied again."""
    call = OnThisLoop()

    @seed(20261128)
    @settings(
        held(20 if graph.product.name == "arcadedb" else 5, shrink=True),
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(st.lists(_ENDING, min_size=2, max_size=12), st.integers(1, 12), st.integers(0, 11))
    def holds(history: list[EventData], cut: int, again: int) -> None:
        events = [at(number, data) for number, data in enumerate(history, start=1)]
        call(empty(graph.address))
        for batch in (events[:cut], events[cut:], events[again % len(events) :]):
            call(graph.write(fold(batch)))

        found = call(
            ask(
                graph.address,
                "MATCH (i:Insight) WHERE i.retired IS NOT NULL "
                "RETURN i.id AS id, i.retired AS retired",
            )
        )

        assert {row["id"]: row["retired"] for row in found} == _read(history)

    await asyncio.to_thread(holds)
