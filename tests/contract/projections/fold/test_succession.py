"""Insights that supersede each other: the ends that hold, against a plain reading of the events."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from anabranch_events.event.types import (
    EventData,
    InsightExpired,
    InsightForgotten,
    InsightRetracted,
    InsightSuperseded,
)
from anabranch_projections import fold
from tests.support.graphs import ask, empty
from tests.support.histories import at, insight, session
from tests.support.learning import Ending, read_ends
from tests.support.properties import OnThisLoop, held
from tests.support.rounds import neo4j_in_full_only, two_stores

if TYPE_CHECKING:
    from anabranch_store import Graph

pytestmark = [neo4j_in_full_only, two_stores]


_ENDS = (InsightSuperseded, InsightRetracted, InsightExpired, InsightForgotten)


def _read(history: list[EventData]) -> dict[str, int]:
    """Read events one after another; nothing takes its own place."""
    endings: list[Ending] = []
    for position, data in enumerate(history, start=1):
        assert isinstance(data, _ENDS)
        by = data.by if isinstance(data, InsightSuperseded) else None
        if by != data.insight_id:
            stays = isinstance(data, InsightForgotten | InsightExpired)
            endings.append(Ending(position, session(1), data.insight_id, by, stays))
    return read_ends(endings)


def _superseded(number: int, by: int) -> InsightSuperseded:
    return InsightSuperseded(insight_id=insight(number), by=insight(by))


def _retracted(number: int) -> InsightRetracted:
    return InsightRetracted(insight_id=insight(number), reason="wrong")


def _forgotten(number: int) -> InsightForgotten:
    return InsightForgotten(insight_id=insight(number), receipt="asked")


def _expired(number: int) -> InsightExpired:
    return InsightExpired(insight_id=insight(number), reason="old", policy=1)


def _ended(rows: list[dict[str, Any]], until: int) -> dict[str, int]:
    """Return where insights had ended as of a position, by what the graph keeps."""
    ended: dict[str, int] = {}
    for row in rows:
        lapses = row["lapses"] or []
        for start, end in zip(lapses[::2], lapses[1::2], strict=True):
            if start <= until < end:
                ended[row["id"]] = start
        if row["retired"] is not None and row["retired"] <= until:
            ended[row["id"]] = row["retired"]
    return ended


_NUMBERS = st.integers(1, 4)
_ENDING = st.one_of(
    st.builds(_superseded, _NUMBERS, _NUMBERS),
    st.builds(_superseded, _NUMBERS, _NUMBERS),
    st.builds(_retracted, _NUMBERS),
    st.builds(_retracted, _NUMBERS),
    st.builds(_forgotten, _NUMBERS),
    st.builds(_expired, _NUMBERS),
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
                "MATCH (i:Insight) RETURN i.id AS id, i.retired AS retired, i.lapses AS lapses",
            )
        )

        for until in range(1, len(history) + 1):
            assert _ended(found, until) == _read(history[:until])

    await asyncio.to_thread(holds)


async def test_a_time_stated_behind_a_return_is_the_one_that_holds(graph: Graph) -> None:
    """An insight that came back and was then retracted ends as one does that never left."""
    stated = datetime(2026, 5, 1, tzinfo=UTC)
    events = [
        at(1, _superseded(1, by=2)),
        at(2, _retracted(2)),
        at(3, InsightRetracted(insight_id=insight(1), reason="wrong", valid_until=stated)),
    ]

    ways = []
    for batches in ([events], [[event] for event in events]):
        await empty(graph.address)
        for batch in batches:
            await graph.write(fold(batch))
        ways.append(await ask(graph.address, _STATED, id=insight(1)))

    assert ways == [[{"retired": 3, "lapses": [1, 2], "until": stated}]] * 2


_STATED = (
    "MATCH (i:Insight {id: $id}) "
    "RETURN i.retired AS retired, i.lapses AS lapses, i.valid_until AS until"
)
