"""A stream of thoughts as memory sees them, made twice: as events and as rows ready to be loaded."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from anabranch_events import new_event
from anabranch_events.event.identifiers import new_id
from anabranch_events.event.types import (
    AssociationFormed,
    BranchCompleted,
    BranchCreated,
    BranchStarted,
    ConsolidationRecorded,
    EventData,
    Insight,
    InsightCited,
    InsightRecorded,
    Outcome,
    SessionClosed,
    SessionOpened,
    WorkingMemorySet,
)
from anabranch_projections import PositionedEvent, fold

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from anabranch_events import Event
    from anabranch_store import Step

BATCH: Final = 1000
NAMESPACE: Final = f"projected-{secrets.token_hex(4)}"
LOADED: Final = NAMESPACE.replace("projected", "loaded")
"""Names of this run's own: the server may hold other things."""
BRANCHES: Final = 3
A_THOUGHT: Final = 23
"""Events: 1 opening, 3 branches that are created, started and completed with an insight each, a
note, 6 insights, 2 associations, 2 citations, a consolidation and an end."""

Rows = list[dict[str, Any]]


class Load(NamedTuple):
    """One transaction of the loader: its rows by the statement that takes them."""

    sessions: Rows
    runs: Rows
    insights: Rows
    associations: Rows
    consolidations: Rows
    citations: Rows
    strengthened: Rows


def mixed(count: int) -> Iterator[Event]:
    """Make `count` events, one thought after another."""
    number = 0
    thought = 0
    while number < count:
        for event in _thought(thought):
            if number == count:
                return
            yield event
            number += 1
        thought += 1


def probe(text: str) -> Event:
    """Make the event of one insight in a session of its own."""
    return _event(InsightRecorded(insight_id=new_id(), text=text), new_id())


def loads(events: Sequence[Event], *, after: int) -> Iterator[Load]:
    """Make the rows of `events`, which stand after a position, a transaction each 1,000.

    They are folded beforehand: a row a node and no row twice, the fewest there can be.
    """
    weights: dict[tuple[str, str], float] = {}
    counts: dict[tuple[str, str], int] = {}
    ran: set[tuple[str, str]] = set()
    for start in range(0, len(events), BATCH):
        part = [
            PositionedEvent(after + start + place, event)
            for place, event in enumerate(events[start : start + BATCH], 1)
        ]
        made = _load(fold(part), _strengthened(part, weights, counts))
        new = [row for row in made.runs if (row["agent"], row["session_id"]) not in ran]
        ran.update((row["agent"], row["session_id"]) for row in new)
        yield made._replace(runs=new)


def _thought(number: int) -> Iterator[Event]:
    root = new_id()
    branches = [new_id() for _ in range(BRANCHES)]
    agent = f"agent-{number % 20}"
    noted = [_insight(number, place) for place in range(6)]
    found = [_insight(number, place) for place in range(6, 6 + BRANCHES)]
    ids = [one.insight_id for one in noted]

    yield _event(SessionOpened(task=f"Survey stretch {number} of the river", role="lead"), root)
    yield _event(WorkingMemorySet(key="stretch", value=number), root)
    for place, branch in enumerate(branches):
        yield _event(
            BranchCreated(
                parent_id=root, root_id=root, forked_at=1, depth=1, task=f"Look at side {place}"
            ),
            branch,
        )
    for place, branch in enumerate(branches):
        yield _event(BranchStarted(worker=f"worker-{place}"), branch, agent=agent)
    for one, branch in zip(noted, branches * 2, strict=True):
        yield _event(InsightRecorded(**one.model_dump()), branch, agent=agent)
    for first, second in ((0, 1), (2, 3)):
        yield _event(
            AssociationFormed(from_id=ids[first], to_id=ids[second], kind="supports", weight=0.5),
            root,
        )
    for first, second, third in ((0, 1, 4), (2, 3, 5)):
        cited = (ids[first], ids[second], ids[third])
        yield _event(InsightCited(insight_ids=cited, outcome=Outcome.CONFIRMED), root)
    for one, branch in zip(found, branches, strict=True):
        yield _event(
            BranchCompleted(result=one.text, insights=(one,), duration_ms=900), branch, agent=agent
        )
    yield _event(
        ConsolidationRecorded(
            consolidation_id=new_id(),
            root_id=root,
            sessions=tuple(branches),
            sources=tuple(one.insight_id for one in found),
            text=" ".join(one.text for one in found),
        ),
        root,
    )
    yield _event(SessionClosed(reason="surveyed"), root)


def _insight(thought: int, place: int) -> Insight:
    number = thought * 9 + place
    return Insight(
        insight_id=new_id(),
        text=f"Gauge {number % 4999} at weir {number % 997} stands {number % 83} cm above its mark, "
        "and the ferry sails at 09:40 on weekdays and at 10:15 on Sundays.",
        tags=("river", "gauge"),
        entities=(f"Gauge {number % 4999}", f"Weir {number % 997}"),
    )


def _event(data: EventData, session_id: str, *, agent: str | None = None) -> Event:
    return new_event(data, session_id=session_id, namespace=NAMESPACE, agent=agent)


def _load(steps: Sequence[Step], strengthened: Rows) -> Load:
    """Lay the fold's rows flat: nothing is left to the store that can be known beforehand."""
    rows: dict[str, Rows] = {}
    for step in steps:
        rows.setdefault(step.statement.removeprefix("projection/"), []).extend(
            {**row, "namespace": LOADED} for row in step.parameters["rows"]
        )
    return Load(
        sessions=[_session(row) for row in rows.get("apply_sessions", [])],
        runs=rows.get("run_sessions", []),
        insights=[_recorded(row) for row in rows.get("record_insights", [])],
        associations=[
            {**row, **formed}
            for row in rows.get("associate_insights", [])
            for formed in row["formed"]
        ],
        consolidations=rows.get("record_consolidations", []),
        citations=[{**row, "count": len(row["useful"])} for row in rows.get("cite_insights", [])],
        strengthened=strengthened,
    )


def _session(row: dict[str, Any]) -> dict[str, Any]:
    openings: list[dict[str, Any]] = row["openings"]
    opening: dict[str, Any] = openings[0] if openings else {"properties": {}, "parents": []}
    return {
        "namespace": row["namespace"],
        "id": row["id"],
        "parents": opening["parents"],
        "opened_at": opening.get("opened_at"),
        "ended_at": row["ended_at"],
        "properties": {
            **opening["properties"],
            **row["properties"],
            "updated": row["position"],
        },
    }


def _recorded(row: dict[str, Any]) -> dict[str, Any]:
    ready = ("session_id", "kind", "confidence", "recorded")
    return {
        "namespace": row["namespace"],
        "id": row["id"],
        "session_id": row["session_id"],
        "recorded": row["recorded"],
        "recorded_at": row["recorded_at"],
        "entities": row["content"]["entities"],
        "properties": {**{name: row[name] for name in ready}, **row["content"]},
    }


def _strengthened(
    events: Sequence[PositionedEvent],
    weights: dict[tuple[str, str], float],
    counts: dict[tuple[str, str], int],
) -> Rows:
    """Compute what the citations of a batch make of the associations: one row an association."""
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for at in events:
        data = at.event.data
        if isinstance(data, AssociationFormed):
            weights[data.from_id, data.to_id] = data.weight
        elif isinstance(data, InsightCited):
            pair = (data.insight_ids[0], data.insight_ids[1])
            if pair not in weights:
                continue  # It was formed before this slice of the stream.
            weights[pair] += 0.1 * (1 - weights[pair])
            counts[pair] = counts.get(pair, 0) + 1
            rows[pair] = {
                "namespace": LOADED,
                "from_id": pair[0],
                "to_id": pair[1],
                "time": at.time,
                "properties": {
                    "weight": weights[pair],
                    "citations": counts[pair],
                    "cited": at.position,
                },
            }
    return list(rows.values())
