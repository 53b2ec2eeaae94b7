"""The life of one thing: the events that name it."""

from __future__ import annotations

import re
from contextlib import aclosing
from datetime import datetime
from typing import TYPE_CHECKING, Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from anabranch.errors import HistoryNotFound
from anabranch.past.as_of import erased_sessions
from anabranch.past.event_text import ERASED, happened
from anabranch_events import canonical_uuid
from anabranch_events.errors import EventInvalid, InputInvalid
from anabranch_events.event.content import without_content

if TYPE_CHECKING:
    from collections.abc import Callable

    from anabranch.backend.backend import Backend
    from anabranch_events import Recorded

_TOLD_EACH: Final = 1000


class LifeEvent(BaseModel):
    """An event in the life of a thing; `happened` says in words what it was to that thing."""

    model_config = ConfigDict(frozen=True)
    position: int
    stored_at: datetime
    type: str
    session_id: str
    agent: str | None
    event_id: str | None
    happened: str


class History(BaseModel):
    """The life of a thing: its last events, in order, and how many came before these."""

    model_config = ConfigDict(frozen=True)
    events: tuple[LifeEvent, ...]
    earlier: int


async def history_of(
    backend: Backend,
    thing_id: str,
    *,
    namespace: str,
    to: int,
    progress: Callable[[int], None] | None = None,
) -> list[LifeEvent]:
    """Return the events up to `to` that name `thing_id`, a session with its own, in order.

    The log is read from its beginning; a record without the id in it costs a search for bytes.
    Raises InputInvalid when it is no id, HistoryNotFound.
    """
    try:
        key = canonical_uuid(thing_id)
    except ValueError as error:
        raise InputInvalid(
            f"id: {error}", field="id", fix="give the id of a session, insight or consolidation"
        ) from error
    graph = await backend.graph()
    rows = await graph.read("past/forgotten")
    forgotten = frozenset(row["id"] for row in rows if row["namespace"] == namespace)
    forgotten |= (await erased_sessions(graph, [key], namespace=namespace)).keys()
    rows = await graph.read("past/forgotten_sessions")
    silent = frozenset(row["id"] for row in rows if row["namespace"] == namespace)
    names = _spellings(key)
    life: list[LifeEvent] = []
    async with aclosing(backend.log.read_all(to=to)) as records:
        async for recorded in records:
            if progress is not None and recorded.position % _TOLD_EACH == 0:
                progress(recorded.position)
            if recorded.namespace != namespace:
                continue
            if recorded.session_id == key or names.search(recorded.document):
                life += _told(recorded, key, forgotten, silent)
    if not life:
        raise HistoryNotFound(key, namespace=namespace, to=to)
    return life


def _spellings(key: str) -> re.Pattern[bytes]:
    """Return what an id looks like in a message: a producer may write capitals, or no hyphens.

    JSON may spell any character by its code; a message with such an escape is looked at too.
    """
    plain = UUID(key).hex
    return re.compile(rf"{key}|{plain}|\\u00[2-6]".replace("-", "-?").encode(), re.IGNORECASE)


def _told(
    recorded: Recorded, key: str, forgotten: frozenset[str], silent: frozenset[str]
) -> list[LifeEvent]:
    """Return what a record was to the thing; nothing where it does not name it.

    An event of a session in `silent` is shown without what it said.
    """
    own = recorded.session_id == key
    try:
        event = recorded.decode()
    except EventInvalid as error:
        if not own:
            return []
        return [_life(recorded, "?", None, None, f"an event that cannot be read: {error.message}")]
    if event.opaque:
        words = "an event of a type that this version does not know" if own else None
    else:
        data = event.data
        if recorded.session_id in silent:
            data = without_content(data, text=ERASED)
        words = happened(data, key, own=own, forgotten=forgotten)
    if words is None:
        return []
    return [_life(recorded, event.type, event.agent, event.id, words)]


def _life(
    recorded: Recorded, kind: str, agent: str | None, event_id: str | None, words: str
) -> LifeEvent:
    return LifeEvent(
        position=recorded.position,
        stored_at=recorded.stored_at,
        type=kind,
        session_id=recorded.session_id,
        agent=agent,
        event_id=event_id,
        happened=words,
    )
