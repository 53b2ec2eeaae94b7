"""The graph at a position: intervals and weights, against a plain reading of the events."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from anabranch_events.event.types import (
    AssociationFormed,
    AssociationSevered,
    EventData,
    InsightCited,
    InsightRecorded,
    Outcome,
)
from anabranch_projections import PositionedEvent, fold
from anabranch_recall.plasticity import decayed
from anabranch_store.recall.lanes import read_links
from anabranch_store.recall.reach import Reach
from tests.support.graphs import ask, empty
from tests.support.histories import START, at, insight
from tests.support.properties import OnThisLoop, held
from tests.support.rounds import neo4j_in_full_only, two_stores

if TYPE_CHECKING:
    from anabranch_store import Graph

pytestmark = [neo4j_in_full_only, two_stores]


@dataclass
class Link:
    """An association as a plain reading of the events has it."""

    source: str
    target: str
    recorded: int
    weight: float
    since: datetime
    retired: int | None = None
    citations: int = 0


def _read(events: list[PositionedEvent]) -> list[Link]:
    """Read events one after another, as the glossary says what they mean."""
    links: list[Link] = []
    for position, event in enumerate((each.event for each in events), start=1):
        data = event.data
        active = [link for link in links if link.retired is None]
        if isinstance(data, InsightCited):
            for link in active:
                if {link.source, link.target} <= set(data.insight_ids):
                    _cite(link, data.outcome, event.time)
            continue
        if isinstance(data, InsightRecorded):
            continue
        assert isinstance(data, AssociationFormed | AssociationSevered)
        for link in active:
            if (link.source, link.target) == (data.from_id, data.to_id):
                link.retired = position
        if isinstance(data, AssociationFormed):
            links.append(Link(data.from_id, data.to_id, position, data.weight, event.time))
    return links


def _cite(link: Link, outcome: Outcome, time: datetime) -> None:
    if outcome is Outcome.REJECTED:
        link.weight *= 0.9
    else:
        link.weight += 0.1 * (1.0 - link.weight)
        link.citations += 1
        link.since = time


def _form(pair: list[int], weight: float) -> AssociationFormed:
    return AssociationFormed(
        from_id=insight(pair[0]), to_id=insight(pair[1]), kind="similar", weight=weight
    )


def _sever(pair: list[int]) -> AssociationSevered:
    return AssociationSevered(from_id=insight(pair[0]), to_id=insight(pair[1]), kind="similar")


def _cited(numbers: list[int], outcome: Outcome) -> InsightCited:
    return InsightCited(insight_ids=tuple(map(insight, numbers)), outcome=outcome)


def _told(position: int, data: EventData, seconds: int) -> PositionedEvent:
    """Return an event at a position by a clock that goes its own way."""
    event = at(position, data).event
    time = START + timedelta(seconds=seconds)
    return PositionedEvent(position, event.model_copy(update={"time": time}))


_NUMBERS = st.integers(1, 3)
_RECORDED = [(InsightRecorded(insight_id=insight(one), text="Drifts"), one) for one in (1, 2, 3)]
_SECONDS = st.integers(-(10**7), 10**7)
_PAIRS = st.lists(_NUMBERS, min_size=2, max_size=2, unique=True)
_LINKING = st.one_of(
    st.builds(_form, _PAIRS, st.floats(0, 1)),
    st.builds(_sever, _PAIRS),
    st.builds(_cited, st.lists(_NUMBERS, min_size=1, max_size=4), st.sampled_from(Outcome)),
)


async def test_associations_hold_when_and_as_strongly_as_the_events_say(graph: Graph) -> None:
    """Intervals, weights and counts equal a plain reading, also after a replay; as-of is a filter.

    Clocks of producers go back and forth: the order in the log counts, and decay begins with the
    time of the last use in that order.
    """
    call = OnThisLoop()

    @seed(20261123)
    @settings(
        held(20 if graph.product.name == "arcadedb" else 5, shrink=True),
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(
        st.lists(st.tuples(_LINKING, _SECONDS), min_size=4, max_size=40),
        st.integers(1, 41),
        st.integers(4, 43),
        _SECONDS,
    )
    def holds(history: list[tuple[EventData, int]], cut: int, position: int, asked: int) -> None:
        told = enumerate([*_RECORDED, *history], start=1)
        events = [_told(number, data, seconds) for number, (data, seconds) in told]
        call(empty(graph.address))
        # The last batch is one that was applied before.
        for batch in (events[:cut], events[cut:], events[position % len(events) :]):
            call(graph.write(fold(batch)))

        found = call(
            ask(
                graph.address,
                "MATCH (a:Insight)-[r:ASSOCIATED_WITH]->(b:Insight) RETURN a.id AS source, "
                "b.id AS target, r.recorded AS recorded, r.weight AS weight, "
                "coalesce(r.last_cited, r.recorded_at) AS since, "
                "r.retired AS retired, r.citations AS citations ORDER BY recorded",
            )
        )
        then = call(
            ask(
                graph.address,
                "MATCH ()-[r:ASSOCIATED_WITH]->() WHERE r.recorded <= $position "
                "AND (r.retired IS NULL OR r.retired > $position) "
                "RETURN r.recorded AS recorded ORDER BY recorded",
                position=position,
            )
        )

        assert [Link(**row) for row in found] == _read(events)
        active = [link for link in _read(events[:position]) if link.retired is None]
        assert [row["recorded"] for row in then] == [link.recorded for link in active]
        moment = START + timedelta(seconds=asked)
        reach = Reach("default", until=position, include_retired=False)
        ids = [insight(number) for number in (1, 2, 3)]
        links = call(read_links(graph, reach, ids, at=moment, limit=100))
        strengths = {link.position: link.weight for link in links}
        assert strengths == pytest.approx(
            {link.recorded: decayed(link.weight, since=link.since, at=moment) for link in active}
        )

    await asyncio.to_thread(holds)
