"""Subjects that can be forgotten as a whole: a session with its branches, an entity, a producer."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import orjson

from anabranch.memory.forgetting.mentions import insights_saying, sessions_saying
from anabranch_events.errors import EventInvalid, InputInvalid, SessionNotFound
from anabranch_events.event import types
from anabranch_events.event.identifiers import composed

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence

    from anabranch.memory.namespaces import OpenNamespace
    from anabranch_events import Event

IDS_MAX: Final = 500
OF_SESSIONS: Final = "insights/to_forget_of_sessions"
_LISTED: Final = 10
_SUBJECTS: Final = ("session_id", "entity", "producer")


@dataclass(frozen=True, slots=True)
class Subject:
    """A subject by its name, with the sessions that belong to it and what finds its insights."""

    kind: Literal["session", "entity", "producer"]
    name: str
    sessions: tuple[str, ...]
    statement: str
    names: tuple[str, ...]
    everywhere: bool = False

    async def insights(self, namespace: OpenNamespace) -> AsyncGenerator[list[dict[str, Any]]]:
        """Yield its insights that are not forgotten yet, some at a time."""
        graph = await namespace.backend.graph()
        for some in some_of(self.names):
            after, after_id = 0, ""
            while True:
                rows = await graph.read(
                    self.statement,
                    namespace=namespace.name,
                    names=some,
                    after=after,
                    after_id=after_id,
                    limit=IDS_MAX,
                )
                if rows:
                    yield rows
                if len(rows) < IDS_MAX:
                    break
                after, after_id = rows[-1]["position"], rows[-1]["insight_id"]
        if self.everywhere:
            async with aclosing(insights_saying(namespace, self.name)) as batches:
                async for found in batches:
                    yield found


async def subject_of(
    namespace: OpenNamespace,
    *,
    session_id: str | None,
    entity: str | None,
    producer: str | None,
    everywhere: bool = False,
) -> Subject:
    """Return the one subject that is named. Raises InputInvalid and SessionNotFound."""
    given = dict(zip(_SUBJECTS, (session_id, entity, producer), strict=True))
    named = [name for name, value in given.items() if value is not None]
    if len(named) != 1:
        raise InputInvalid(
            f"{named[0] if named else _SUBJECTS[0]}: {_given(named)}, one subject is forgotten",
            field=named[0] if named else _SUBJECTS[0],
            fix=f"give one of {', '.join(_SUBJECTS)}",
        )
    if everywhere and entity is None:
        raise InputInvalid(
            "everywhere: is for an entity",
            field="everywhere",
            fix="name an entity, or leave it out",
        )
    _refuse_blank(entity=entity, producer=producer)
    if session_id is not None:
        return await _session(namespace, session_id)
    if entity is not None:
        names = (composed(entity),)
        saying = tuple(await sessions_saying(namespace, entity)) if everywhere else ()
        statement = "insights/to_forget_of_entities"
        return Subject("entity", entity, saying, statement, names, everywhere=everywhere)
    return await _producer(namespace, producer or "")


def _given(named: Sequence[str]) -> str:
    """Say which subjects are given: none, or several."""
    return f"{' and '.join(named)} are given" if named else "nothing is given"


def _refuse_blank(**names: str | None) -> None:
    """Raise InputInvalid for a name of nothing: an empty text is in all words."""
    for field, name in names.items():
        if name is not None and not name.strip():
            raise InputInvalid(f"{field}: is empty", field=field, fix="name what is forgotten")


async def _session(namespace: OpenNamespace, given: str) -> Subject:
    """Return a session with all below it; `given` is its id, or the one that its tool knows."""
    graph = await namespace.backend.graph()
    try:
        found = [(await namespace.sessions.state(given)).session_id]
    except (SessionNotFound, InputInvalid):
        source = f'"source_id":{orjson.dumps(given).decode()}'
        rows = await graph.read("sessions/of_source", namespace=namespace.name, source=source)
        found = [row["id"] for row in rows]
        if not found:
            raise
        tops = [row["id"] for row in rows if row["parent_id"] not in found]
        if len(tops) > 1:
            raise InputInvalid(
                f"session_id: {given!r} is what a tool calls {len(tops)} sessions: "
                f"{', '.join(tops[:_LISTED])}",
                field="session_id",
                fix="give the id of one of them",
            ) from None
    known = dict.fromkeys(found)
    left = [*known]
    while left:
        some, left = left[:IDS_MAX], left[IDS_MAX:]
        for row in await graph.read("sessions/below", namespace=namespace.name, ids=some):
            if row["id"] not in known:
                known[row["id"]] = None
                left.append(row["id"])
    sessions = tuple(known)
    return Subject("session", given, sessions, OF_SESSIONS, sessions)


async def _producer(namespace: OpenNamespace, source: str) -> Subject:
    """Return what events of a source brought, wherever they stand; the log is read for it."""
    log = namespace.backend.log
    spelt = orjson.dumps(source)
    sessions, insights = dict[str, None](), dict[str, None]()
    async with aclosing(log.read_all()) as records:
        async for recorded in records:
            if recorded.namespace != namespace.name:
                continue
            if spelt not in recorded.raw and b"\\u" not in recorded.raw:
                continue
            try:
                event = recorded.decode()
            except EventInvalid:
                continue
            if event.source == source:
                _brought(event, sessions, insights)
    return Subject("producer", source, tuple(sessions), "insights/to_forget", tuple(insights))


def _brought(event: Event, sessions: dict[str, None], insights: dict[str, None]) -> None:
    match event.data:
        case types.SessionOpened() | types.BranchCreated():
            sessions[event.session_id] = None
        case types.InsightRecorded() as data:
            insights[data.insight_id] = None
        case types.BranchCompleted() as data:
            insights.update(dict.fromkeys(one.insight_id for one in data.insights))
        case _:
            pass


def some_of(ids: Sequence[str]) -> Iterator[list[str]]:
    """Yield ids, as many at a time as one statement or batch takes."""
    for start in range(0, len(ids), IDS_MAX):
        yield list(ids[start : start + IDS_MAX])


def ids_of(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the ids of insights in rows."""
    return [row["insight_id"] for row in rows]
