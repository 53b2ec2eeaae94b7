"""The memory at an earlier moment: sessions, thoughts and the whole graph, as they were.

A moment is a position, or a time, which stands for the last position stored up to it.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing, asynccontextmanager, suppress
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from anabranch.past.stretch import check_order
from anabranch.views import SessionView
from anabranch_events.errors import EventInvalid, InputInvalid
from anabranch_events.event.content import FORGOTTEN
from anabranch_projections import OPENINGS, PositionedEvent, Projector, past_sessions
from anabranch_store import Step

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Collection, Mapping, Sequence

    from anabranch.backend.backend import Backend
    from anabranch_events import Log
    from anabranch_store import Graph

Moment = int | datetime | str
"""A position, or a time, in UTC where it names no zone; a text is either."""

ROWS_MAX: Final = 1000
_READS_AT_ONCE: Final = 16


async def position_of(backend: Backend, moment: Moment, *, field: str = "as_of") -> int:
    """Return the position a moment stands for.

    A time is compared with the log's own time of each append; one before the first event is 0.
    Raises PositionFromFuture, and InputInvalid for anything else.
    """
    if isinstance(moment, str):
        moment = moment_in(moment, field=field)
    if isinstance(moment, datetime):
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return await backend.log.position_at(aware)
    if isinstance(moment, bool) or not isinstance(moment, int):  # pyright: ignore[reportUnnecessaryIsInstance]  # Types are not checked everywhere.
        raise _no_moment(moment, field=field)
    return await backend.checked_position(moment, field=field)


async def positions_of(
    backend: Backend, begin: Moment, end: Moment, *, fields: tuple[str, str]
) -> tuple[int, int]:
    """Return the positions of two moments, whose fields are named.

    Raises InputInvalid where the second comes before the first, and what `position_of` raises.
    """
    first, last = fields
    positions = (
        await position_of(backend, begin, field=first),
        await position_of(backend, end, field=last),
    )
    times = [_time_of(begin, field=first), _time_of(end, field=last)]
    if times[0] is not None and times[1] is not None:  # Nothing may have happened in between.
        check_order(times[0], times[1], fields=fields)
    check_order(*positions, fields=fields)
    return positions


def _time_of(moment: Moment, *, field: str) -> datetime | None:
    found = moment_in(moment, field=field) if isinstance(moment, str) else moment
    if not isinstance(found, datetime):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def moment_in(text: str, *, field: str = "as_of") -> int | datetime:
    """Return the position, or the time, that a text is: ISO 8601, in UTC where it names no zone.

    Raises InputInvalid.
    """
    with suppress(ValueError):
        return int(text)
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise _no_moment(text, field=field) from error
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _no_moment(given: object, *, field: str) -> InputInvalid:
    return InputInvalid(
        f"{field}: {given!r} is neither a position nor a time",
        field=field,
        fix="give a position, or a time such as 2026-01-31T12:00:00Z",
    )


@asynccontextmanager
async def graph_as_of(
    backend: Backend,
    position: int,
    *,
    progress: Callable[[int], None] | None = None,
    telling: bool = True,
    namespaces: Collection[str] | None = None,
) -> AsyncGenerator[Graph]:
    """Give a graph into which only the events up to `position` were folded; then drop it.

    It costs what a rebuild up to there costs; `progress` gets each position. With `telling` its
    content will be read: the words of insights that were forgotten since are then left out. With
    `namespaces` it holds these, and nothing of any other.
    """
    live = await backend.graph()
    async with backend.scratch_graph(live.address, fixed=namespaces is not None) as graph:
        projector = Projector(backend.log, graph, on_commit=progress, namespaces=namespaces)
        projector.announces = False
        await projector.run(to=position)
        if telling:
            await _erase_forgotten(live, graph)
        yield graph


async def _erase_forgotten(live: Graph, then: Graph) -> None:
    forgotten = iter(await live.read("past/forgotten"))
    # The first reads what was said. Derived insights stand among the forgotten themselves.
    erasing = ("projection/forget_copies", "past/erase_insights")
    while rows := list(islice(forgotten, ROWS_MAX)):
        await then.write([Step(each, {"rows": rows}) for each in erasing])
    sessions = iter(await live.read("past/forgotten_sessions"))
    while rows := list(islice(sessions, ROWS_MAX)):
        await then.write([Step("past/erase_sessions", {"rows": rows})])


async def thought_then(
    backend: Backend, root_id: str, *, namespace: str, position: int
) -> list[SessionView]:
    """Return the sessions of a thought as the graph held them at `position`, oldest first.

    The cost is that of the events of its sessions.
    """
    graph = await backend.graph()
    rows = await graph.read(
        "past/thought_sessions", namespace=namespace, root_id=root_id, until=position
    )
    return await sessions_then(backend, rows, namespace=namespace, position=position)


async def sessions_then(
    backend: Backend, rows: Sequence[Mapping[str, Any]], *, namespace: str, position: int
) -> list[SessionView]:
    """Return sessions as the graph held them at `position`, oldest first.

    A row names a session, and those that had handed their task to it.
    """
    graph = await backend.graph()
    letters = await graph.read("dead_letters/positions", after=0)
    aside = {row["position"] for row in letters}
    wanted = {row["session_id"] for row in rows}
    read = sorted(wanted.union(*(row["handed_by"] for row in rows)))
    gate = asyncio.Semaphore(_READS_AT_ONCE)

    async def events_of(session_id: str) -> list[PositionedEvent]:
        async with gate:
            return await _events(backend.log, session_id, namespace, position)

    found = await asyncio.gather(*map(events_of, read))
    applied = (at for each in found for at in each if at.position not in aside)
    events = sorted(applied, key=lambda at: at.position)
    sessions = [row for row in past_sessions(events) if row["id"] in wanted]
    erased = await erased_sessions(graph, sorted(wanted), namespace=namespace)
    for row in sessions:
        if row["id"] in erased and row.get("result") is not None:
            row["result"] = FORGOTTEN
        if erased.get(row["id"]):
            row["task"] = FORGOTTEN
            row["error"] = None if row.get("error") is None else FORGOTTEN
    return list(map(_view, sessions))


async def erased_sessions(
    graph: Graph, session_ids: Sequence[str], *, namespace: str
) -> dict[str, bool]:
    """Return the sessions that learned what was forgotten, and so have no result any more.

    True are those that were forgotten themselves, and say nothing at all.
    """
    rows = await graph.read("sessions/erased", namespace=namespace, ids=list(session_ids))
    return {row["id"]: row["forgotten"] for row in rows}


async def _events(
    log: Log, session_id: str, namespace: str, position: int
) -> list[PositionedEvent]:
    """Return a session's events up to `position`, without those that cannot be read."""
    found: list[PositionedEvent] = []
    known: set[str] = set()
    async with aclosing(log.read(session_id, namespace=namespace)) as records:
        async for recorded in records:
            if recorded.position > position:
                break
            try:
                event = recorded.decode()
            except EventInvalid:
                continue
            if not event.opaque and (event.id not in known or isinstance(event.data, OPENINGS)):
                found.append(PositionedEvent(recorded.position, event))
            known.add(event.id)
    return found


def _view(row: dict[str, object]) -> SessionView:
    """Return a session as a list shows it, from what the graph held of it."""
    fields = SessionView.model_fields.keys() - {"session_id", "position", *_NOT_LISTED}
    return SessionView.model_validate(
        {
            **{name: row.get(name) for name in fields},
            "session_id": row["id"],
            "position": row["updated"],
        }
    )


_NOT_LISTED: Final = ("working_memory", "insights")
