"""Conflicts between insights: one to look at, its resolution, and those beside hits."""

from __future__ import annotations

from contextlib import aclosing
from datetime import datetime
from typing import TYPE_CHECKING, Final

from pydantic import BaseModel, ConfigDict

from anabranch.errors import ConflictNotFound
from anabranch.memory.reads.insights import get_insight
from anabranch.memory.reads.links import list_conflicts
from anabranch.views import InsightDetails
from anabranch_events.errors import EventInvalid, InputInvalid
from anabranch_events.event.types import (
    ConflictResolved,
    EventData,
    InsightCited,
    InsightSuperseded,
    Outcome,
)
from anabranch_recall.question import CONFLICTS_MAX, OpenConflict
from anabranch_store.recall.lanes import attempt
from anabranch_thinking.sessions.journal import Fact, checked
from anabranch_thinking.sessions.receipts import SessionReceipt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anabranch.memory.namespaces import OpenNamespace
    from anabranch.memory.reads.links import ConflictView
    from anabranch_events import Event
    from anabranch_recall import Recollection

_READ_S: Final = 2.0
_POSITION_MAX: Final = 2**63 - 1


class ConflictDetails(BaseModel):
    """A conflict with both insights, and who opened and resolved it; `decision` says why."""

    model_config = ConfigDict(frozen=True, defer_build=True)
    position: int
    subject: str | None
    one: InsightDetails
    other: InsightDetails
    opened_by: str | None
    opened_at: datetime | None
    resolved: int | None
    decision: str | None
    resolved_by: str | None
    resolved_at: datetime | None


async def show_conflict(namespace: OpenNamespace, position: int) -> ConflictDetails:
    """Return the conflict that was opened at a position. Raises ConflictNotFound."""
    found = await _conflict(namespace, position)
    opened_by, opened_at = await _said(namespace, position)
    resolved_by, resolved_at = await _said(namespace, found.resolved)
    return ConflictDetails(
        position=position,
        subject=found.subject,
        one=await get_insight(namespace, found.one),
        other=await get_insight(namespace, found.other),
        opened_by=opened_by,
        opened_at=opened_at,
        resolved=found.resolved,
        decision=found.decision,
        resolved_by=resolved_by,
        resolved_at=resolved_at,
    )


async def resolve_conflict(
    namespace: OpenNamespace,
    position: int,
    *,
    decision: str,
    holds: str | None,
    session_id: str | None,
    recall_id: str | None = None,
    agent: str | None = None,
) -> SessionReceipt:
    """Resolve a conflict as `Memory.resolve_conflict` says: all its events are one batch.

    The batch is conditional on the session it goes to, and the graph is asked as of there. So of
    two who decide at once the second hears that it was resolved, unless both say the same.
    """
    sessions, backend = namespace.sessions_of(agent), namespace.backend
    found = await _conflict(namespace, position)
    data = _resolution(found, decision=decision, holds=holds, recall_id=recall_id)
    if found.resolved is not None:
        return await _as_resolved(namespace, found, found.resolved, data)
    owner = session_id or (await namespace.producers([found.one]))[found.one]

    async def attempt() -> SessionReceipt:
        state = await sessions.state(owner)
        timeout_s = backend.settings.wait_timeout_s
        await backend.reached(state.position, projection="graph", timeout_s=timeout_s)
        found = await _conflict(namespace, position)
        if found.resolved is not None:
            return await _as_resolved(namespace, found, found.resolved, data)
        receipts = await sessions.append(
            [Fact(state.session_id, each) for each in data],
            root_id=state.root_id,
            expected={state.session_id: state.position},
        )
        return SessionReceipt(**dict(receipts[0]), session_id=state.session_id)

    return await sessions.settle(attempt)


def _resolution(
    found: ConflictView, *, decision: str, holds: str | None, recall_id: str | None
) -> list[EventData]:
    """Return the events that resolve a conflict. Raises InputInvalid.

    The insight that holds supersedes the other one, and is cited: whoever decides confirms it.
    """
    pair = (found.one, found.other)
    data: list[EventData] = [checked(ConflictResolved, insights=pair, decision=decision)]
    if holds is None:
        if recall_id is not None:
            raise InputInvalid(
                "recall_id: nothing is cited where both insights stay",
                field="recall_id",
                fix="say which insight holds, or leave recall_id out",
            )
        return data
    if holds not in pair:
        raise InputInvalid(
            f"holds: {holds} is neither of the two insights, {found.one} and {found.other}",
            field="holds",
            fix="give one of the two, or leave it out where both stay",
        )
    loser = next(each for each in pair if each != holds)
    return [
        *data,
        checked(InsightSuperseded, insight_id=loser, by=holds, reason=decision),
        checked(InsightCited, insight_ids=[holds], outcome=Outcome.CONFIRMED, recall_id=recall_id),
    ]


async def _as_resolved(
    namespace: OpenNamespace, found: ConflictView, resolved: int, data: Sequence[EventData]
) -> SessionReceipt:
    """Return the receipt of a conflict that was resolved by the same words for the same insight.

    The log is asked: a request that is sent again is no second decision. Raises InputInvalid.
    """
    stored = await _stored_resolution(namespace, resolved)
    if stored and [one.data for one in stored] == [*data[:2]]:
        first = stored[0]
        return SessionReceipt(event_id=first.id, position=resolved, session_id=first.session_id)
    raise InputInvalid(
        f"position: the conflict at {found.position} was resolved at {resolved}",
        field="position",
        fix="list the open ones",
    )


async def _stored_resolution(namespace: OpenNamespace, position: int) -> list[Event]:
    """Return the resolution that was stored at a position, and what it superseded with it."""
    log = namespace.backend.log
    first = await log.at(position)
    found: list[Event] = []
    if first is None:
        return found
    records = log.read(first.session_id, namespace=namespace.name, after=position - 1)
    async with aclosing(records):
        async for recorded in records:
            try:
                event = recorded.decode()
            except EventInvalid:
                break
            if found and not _of_resolution(event, found[0]):
                break
            found.append(event)
            if len(found) > 1:
                break
    return found


def _of_resolution(event: Event, resolution: Event) -> bool:
    """Tell whether an event right after a resolution was stored in one batch with it."""
    return (
        isinstance(event.data, InsightSuperseded)
        and isinstance(resolution.data, ConflictResolved)
        and event.time == resolution.time
        and event.data.reason == resolution.data.decision
    )


async def with_conflicts(
    namespace: OpenNamespace, answers: Sequence[Recollection], moments: Sequence[int | None]
) -> list[Recollection]:
    """Return answers whose hits have their open conflicts, as of each answer's moment."""
    return [
        await _beside(namespace, answer, answer.position if moment is None else moment)
        for answer, moment in zip(answers, moments, strict=True)
    ]


async def _beside(namespace: OpenNamespace, answer: Recollection, until: int) -> Recollection:
    """Return one answer with the open conflicts of its hits, by one read.

    A ranker may know which there are: the graph is asked what they are about. Where it does not
    answer in time, the answer stays as it is.
    """
    if answer.conflicts_known and not any(hit.conflicts for hit in answer):
        return answer
    if not answer.hits:
        return answer.model_copy(update={"conflicts_known": True})
    reading = open_conflicts(namespace, [hit.insight_id for hit in answer], until=until)
    read = await attempt(reading, nothing={}, timeout_s=_READ_S)
    if read.state == "failed" or (answer.conflicts_known and not read.found):
        return answer
    hits = [
        hit.model_copy(update={"conflicts": read.found.get(hit.insight_id, ())}) for hit in answer
    ]
    return answer.model_copy(update={"hits": hits, "conflicts_known": True})


async def open_conflicts(
    namespace: OpenNamespace, insight_ids: Sequence[str], *, until: int
) -> dict[str, tuple[OpenConflict, ...]]:
    """Return the open conflicts of insights as of a position, at most three of each."""
    graph = await namespace.backend.graph()
    rows = await graph.read(
        "recall/read_open_conflicts",
        namespace=namespace.name,
        ids=list(insight_ids),
        until=until,
        limit=CONFLICTS_MAX,
    )
    return {
        row["insight_id"]: tuple(OpenConflict.model_validate(one) for one in row["conflicts"])
        for row in rows
    }


async def _conflict(namespace: OpenNamespace, position: int) -> ConflictView:
    if 0 < position <= _POSITION_MAX:  # The graph takes none further on.
        for found in await list_conflicts(namespace, only_open=False, beyond=position - 1, limit=1):
            if found.position == position:
                return found
    raise ConflictNotFound(position, namespace=namespace.name)


async def _said(
    namespace: OpenNamespace, position: int | None
) -> tuple[str | None, datetime | None]:
    """Return who recorded the event at a position, and when."""
    recorded = None if position is None else await namespace.backend.log.at(position)
    if recorded is None or recorded.namespace != namespace.name:
        return None, None
    try:
        return recorded.decode().agent, recorded.stored_at
    except EventInvalid:
        return None, recorded.stored_at
