"""Events of sessions on one another's insights end the same, in any order the log can give."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from hypothesis import given, seed
from hypothesis import strategies as st

from anabranch_events import new_event
from anabranch_events.event import types
from anabranch_projections import fold
from anabranch_store.graph.content import own_node, own_relationship
from tests.support.graphs import empty
from tests.support.histories import START, consolidation, identifier, insight, positioned, session
from tests.support.properties import OnThisLoop, held
from tests.support.rounds import neo4j_in_full_only, two_stores

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anabranch_events import Event
    from anabranch_events.event.types import EventData
    from anabranch_projections import PositionedEvent
    from anabranch_store import Graph

pytestmark = [neo4j_in_full_only, two_stores]

SESSIONS: Final = 4
EACH: Final = 2
INSIGHTS: Final = SESSIONS * EACH
EVENTS_MAX: Final = SESSIONS + 4 * INSIGHTS + 1 + SESSIONS
"""An opening and an end each; of each insight a recording, a citation, two sayings; a synthesis."""
LEFT_OUT: Final = frozenset({"cited", "last_cited", "steps"})
AT_POSITION: Final = frozenset(
    {
        "final",
        "opened",
        "position",
        "recorded",
        "retired",
        "retracted",
        "updated",
        "ended",
    }
)
"""Properties that hold a position of the log: which event stands there is compared in its place."""


ENDS: Final = (
    types.InsightSuperseded,
    types.InsightRetracted,
    types.InsightExpired,
    types.InsightForgotten,
)
_SOURCES: Final = st.integers(0, INSIGHTS - 1).map(insight)


class Line(NamedTuple):
    """All that one session says, in its own order, after another's opening where it has a parent."""

    parent: int | None
    events: list[Event]


def _line(number: int, parent: int | None, said: Sequence[EventData]) -> Line:
    if parent is None:
        opening: EventData = types.SessionOpened(task=f"Stretch {number}")
    else:
        opening = types.BranchCreated(
            parent_id=session(parent),
            root_id=session(0),
            forked_at=1,
            depth=1 if parent == 0 else 2,
            task=f"Side {number}",
        )
    events = [
        new_event(
            data,
            session_id=session(number),
            namespace="default",
            agent=f"agent-{number % 2}",
            event_id=identifier(number, place),
            time=START,
        )
        for place, data in enumerate((opening, *said))
    ]
    return Line(parent, events)


@st.composite
def _lines(draw: st.DrawFn) -> list[Line]:
    """Return sessions that learn, and say of any insight what only one of them says of it.

    What two sessions decide about one thing is decided by their order in the log, and is left out.
    """
    said: list[list[EventData]] = [[] for _ in range(SESSIONS)]
    for number in range(INSIGHTS):
        said[number % SESSIONS].append(
            types.InsightRecorded(
                insight_id=insight(number),
                text=f"Gauge {number}",
                entities=tuple(draw(st.sets(st.sampled_from("abc"), max_size=2).map(sorted))),
                sources=tuple(draw(st.lists(_SOURCES, max_size=2, unique=True))),
            )
        )
    judge = said[draw(st.integers(0, SESSIONS - 1))]
    for about in draw(st.permutations(range(INSIGHTS))):
        speaker = said[draw(st.integers(0, SESSIONS - 1))]
        other = insight((about + 1) % INSIGHTS)
        saying = draw(st.sampled_from(_sayings(insight(about), other)))
        # One that has ended ends no other: whether it had is the log's order, so one says all ends.
        (judge if isinstance(saying[0], ENDS) else speaker).extend(saying)
        cites = types.InsightCited(insight_ids=(insight(about),), outcome=types.Outcome.USED)
        said[draw(st.integers(0, SESSIONS - 1))].append(cites)
    said[draw(st.integers(0, SESSIONS - 1))].append(
        types.ConsolidationRecorded(
            consolidation_id=consolidation(0),
            root_id=session(0),
            sessions=(session(1), session(2)),
            sources=(insight(0), insight(INSIGHTS - 1)),
            text="Both gauges",
        )
    )
    for number in draw(st.sets(st.integers(1, SESSIONS - 1))):
        said[number].append(types.BranchCompleted(result=f"The gauges of {number}"))
    parents = (None, 0, draw(st.integers(0, 1)), 0)
    return [_line(number, parents[number], said[number]) for number in range(SESSIONS)]


def _sayings(one: str, other: str) -> list[list[EventData]]:
    forms = types.AssociationFormed(from_id=one, to_id=other, kind="supports", weight=0.5)
    opens = types.ConflictOpened(insights=(one, other), subject="Which is right")
    return [
        [forms],
        [forms, types.InsightCited(insight_ids=(one, other), outcome=types.Outcome.CONFIRMED)],
        [forms, types.AssociationSevered(from_id=one, to_id=other, kind="supports")],
        [types.InsightSuperseded(insight_id=one, by=other)],
        [types.InsightRetracted(insight_id=one, reason="Wrong")],
        [types.InsightExpired(insight_id=one, reason="Old", policy=1)],
        [types.InsightForgotten(insight_id=one, receipt="Asked for")],
        [opens],
        [opens, types.ConflictResolved(insights=(one, other), decision="The first")],
    ]


def _merged(lines: Sequence[Line], chance: Sequence[float]) -> list[PositionedEvent]:
    """Return one order the log can give: each session in its own, a branch after its parent."""
    told = [0] * len(lines)
    order: list[Event] = []
    for roll in chance[: sum(len(line.events) for line in lines)]:
        ready = [
            number
            for number, line in enumerate(lines)
            if told[number] < len(line.events) and (line.parent is None or told[line.parent])
        ]
        number = ready[int(roll * len(ready))]
        order.append(lines[number].events[told[number]])
        told[number] += 1
    return positioned(order)


_CHANCE: Final = st.lists(
    st.floats(0, 1, exclude_max=True), min_size=EVENTS_MAX, max_size=EVENTS_MAX
)


async def _content(graph: Graph, events: list[PositionedEvent], batch: int) -> list[str]:
    """Apply events in batches; return all there is, with the event in the place of its position."""
    await empty(graph.address)
    for start in range(0, len(events), batch):
        await graph.write(fold(events[start : start + batch]))
    ids = {at.position: at.event.id for at in events}
    nodes = map(own_node, await graph.read("digest/read_nodes"))
    links = map(own_relationship, await graph.read("digest/read_relationships"))
    return sorted(_comparable(row, ids) for row in (*nodes, *links) if row is not None)


def _comparable(row: dict[str, Any], ids: dict[int, str]) -> str:
    properties = {
        name: _in_place(name, value, ids)
        for name, value in row["properties"].items()
        # Whose citation was the last one is the log's order, and nothing else.
        if value is not None and name not in LEFT_OUT
    }
    told = {**row, "element": None, "properties": sorted(properties.items())}
    return repr(sorted(told.items()))


def _in_place(name: str, value: Any, ids: dict[int, str]) -> Any:
    """Return a property with events in the place of positions."""
    if name in AT_POSITION:
        return ids[value]
    if name == "lapses":
        return [ids[position] for position in value]
    # Which of two sources was forgotten first is the log's order.
    return bool(value) if name == "forgotten" else value


async def test_facts_about_others_end_the_same_in_any_order(graph: Graph) -> None:
    """Associations, citations, ends and conflicts may come before the insights they are about."""
    call = OnThisLoop()

    @seed(20261127)
    @held(30 if graph.product.name == "arcadedb" else 8)
    @given(_lines(), _CHANCE, _CHANCE, st.integers(1, 40))
    def holds(lines: list[Line], one: list[float], other: list[float], batch: int) -> None:
        found = [call(_content(graph, _merged(lines, each), batch)) for each in (one, other)]

        assert found[0] == found[1]
        assert len(found[0]) > SESSIONS + INSIGHTS

    await asyncio.to_thread(holds)
