"""Histories for tests: events of every type, in log order, that keep meeting one another."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from hypothesis import strategies as st

from anabranch_events import Event, new_event
from anabranch_events.event import types
from anabranch_events.event.types import ConsolidationRecorded, EventData, Outcome
from anabranch_projections import PositionedEvent
from anabranch_projections.fold.rules import ENDINGS
from tests.support.events import events

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

START: Final = datetime(2026, 11, 23, tzinfo=UTC)


def identifier(kind: int, number: int) -> str:
    """Return a fixed id; `kind` keeps those of sessions, insights and consolidations apart."""
    return f"00000000-0000-7000-8{kind:03x}-{number:012x}"


def session(number: int) -> str:
    """Return the id of a session."""
    return identifier(1, number)


def insight(number: int) -> str:
    """Return the id of an insight."""
    return identifier(2, number)


def consolidation(number: int) -> str:
    """Return the id of a consolidation."""
    return identifier(3, number)


def at(
    position: int,
    data: EventData,
    *,
    of: str | None = None,
    namespace: str = "default",
    agent: str | None = None,
) -> PositionedEvent:
    """Return an event at a position, by default of the first session; a second each position."""
    return PositionedEvent(
        position,
        new_event(
            data,
            session_id=of or session(1),
            namespace=namespace,
            agent=agent,
            time=START + timedelta(seconds=position),
        ),
    )


def moment(position: int) -> datetime:
    """Return when the event at a position happened."""
    return START + timedelta(seconds=position)


def positioned(history: Sequence[Event]) -> list[PositionedEvent]:
    """Return the events at the positions 1, 2, 3..."""
    return [PositionedEvent(position, event) for position, event in enumerate(history, start=1)]


def histories(length_max: int, *, length_min: int = 1) -> st.SearchStrategy[list[Event]]:
    """Return any events of any types, about a few sessions and insights in two namespaces."""
    found = st.lists(events().map(_crowded), min_size=length_min, max_size=length_max)
    return found.map(lambda history: [event for event in history if event is not None])


def placed(history: Sequence[Event]) -> list[Event]:
    """Return the events, each branch at the root and depth of its parent where that is known.

    Of random ones hardly any would be where the rules want it, and thoughts would have no branches.
    """
    lines: dict[tuple[str, str], tuple[str, int]] = {}
    found: list[Event] = []
    for event in history:
        data, own = event.data, (event.namespace, event.session_id)
        if isinstance(data, types.SessionOpened):
            lines.setdefault(own, (event.session_id, 0))
        elif isinstance(data, types.BranchCreated):
            parent = lines.get((event.namespace, data.parent_id))
            if parent is not None:
                root_id, depth = parent[0], parent[1] + 1
                lines.setdefault(own, (root_id, depth))
                data = data.model_copy(update={"root_id": root_id, "depth": depth})
        found.append(event.model_copy(update={"data": data}))
    return found


@st.composite
def thoughts(draw: st.DrawFn, length_max: int) -> list[Event]:
    """Return histories in which a session begins somewhere, a branch of it later, and few end.

    Of wholly random ones hardly any event of a session would keep the rules of its line.
    """
    history = draw(histories(length_max, length_min=length_max // 2))
    events = [one for place, one in enumerate(history) if place % 4 == 0 or not _ends(one)]
    begin, fork = sorted(draw(st.tuples(*[st.integers(0, len(events) // 2)] * 2)))
    branch = types.BranchCreated(
        parent_id=session(0), root_id=session(0), forked_at=1, depth=1, task="Ask upstream"
    )
    events.insert(fork, new_event(branch, session_id=session(1), namespace="a", agent="ada"))
    opening = types.SessionOpened(task="Watch the river")
    events.insert(begin, new_event(opening, session_id=session(0), namespace="a", agent="ben"))
    return placed(events)


def _ends(event: Event) -> bool:
    return type(event.data) in ENDINGS


_SESSIONS: Final = {"parent_id", "root_id", "sessions", "to"}
_INSIGHTS: Final = {"by", "from_id", "insight_id", "insight_ids", "sources", "to_id"}


def _crowded(event: Event) -> Event | None:
    """Move an event among a few sessions and insights; None where it would no longer be valid."""
    fields = event.data.model_dump()
    for name, value in fields.items():
        if name in _SESSIONS:
            fields[name] = _few(value, kind=1, count=2)
        elif name in _INSIGHTS and (
            name != "sources" or isinstance(event.data, ConsolidationRecorded)
        ):
            fields[name] = _few(value, kind=2, count=3)
        elif name == "consolidation_id":
            fields[name] = _few(value, kind=3, count=1)
        elif name == "insights":
            fields[name] = [_crowded_insight(one) for one in value]
        elif name in {"key", "kind"}:
            fields[name] = "aab"[len(value) % 3]
        elif name == "entities":
            fields[name] = [one.strip()[:1] for one in value]
    try:
        data = type(event.data).model_validate(fields)
    except ValueError:
        return None
    return new_event(
        data,
        session_id=str(_few(event.session_id, kind=1, count=2)),
        namespace="aaab"[len(event.namespace) % 4],
        agent=event.agent and event.agent.strip()[:1],
        time=event.time,
    )


def _crowded_insight(value: Any) -> Any:
    if isinstance(value, str):
        return _few(value, kind=2, count=3)
    return {**value, "insight_id": _few(value["insight_id"], kind=2, count=3)}


def _few(value: Any, *, kind: int, count: int) -> Any:
    """Map ids, alone or in a list, onto `count` of them; an empty list stays one."""
    if isinstance(value, str):
        return identifier(kind, UUID(value).int % count)
    return [_few(one, kind=kind, count=count) for one in value]


def stream(seed: int, *, first_session: int = 0) -> Iterator[Event]:
    """Yield events without end, the same for the same seed: a few sessions that learn and link.

    Sessions begin before anything is said of them, as in real life; all else is random. Two streams
    of one log need sessions of their own: the numbers from `first_session` on.
    """
    chance = random.Random(seed)  # noqa: S311 - repeatable, not secret.
    root = session(first_session)
    yield _said(types.SessionOpened(task="Watch the river"), root)
    sessions, insights, depths = 1, 0, {root: 0}
    while True:
        where = session(first_session + chance.randrange(sessions))
        roll = chance.random()
        if roll < 0.1:
            data: EventData = types.BranchCreated(
                parent_id=where,
                root_id=root,
                forked_at=sessions,
                depth=depths[where] + 1,
                task=f"Branch {sessions}",
            )
            branch = session(first_session + sessions)
            depths[branch] = depths[where] + 1
            where, sessions = branch, sessions + 1
        elif roll < 0.5 or insights < 4:
            data = types.InsightRecorded(
                insight_id=insight(insights),
                text=f"Gauge {insights} shows {chance.randrange(900)}",
                entities=tuple(f"Gauge {chance.randrange(20)}" for _ in range(2)),
            )
            insights += 1
        else:
            data = _about(
                chance, [insight(number) for number in range(max(0, insights - 12), insights)]
            )
        yield _said(data, where)


def _said(data: EventData, where: str) -> Event:
    return new_event(data, session_id=where, namespace="default", agent="ada", time=START)


def _about(chance: random.Random, insights: list[str]) -> EventData:
    """Return an event about some of `insights`."""
    one, other, third = chance.sample(insights, 3)
    return chance.choice(
        [
            types.AssociationFormed(
                from_id=one, to_id=other, kind="similar", weight=chance.random()
            ),
            types.AssociationFormed(
                from_id=other, to_id=third, kind="similar", weight=chance.random()
            ),
            types.AssociationSevered(from_id=one, to_id=other, kind="similar"),
            types.InsightCited(insight_ids=(one, other, third), outcome=chance.choice([*Outcome])),
            types.InsightSuperseded(insight_id=one, by=other),
            types.ConflictOpened(insights=(one, other), subject="Which gauge is right"),
            types.WorkingMemorySet(key="level", value=chance.randrange(900)),
            types.InsightForgotten(insight_id=one, receipt="Request"),
        ]
    )
