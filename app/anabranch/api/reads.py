"""The operations that only read, and need no message of NATS: a second table beside `operations`.

Surfaces that answer in any size walk it. Its answers are pages, and each page says where the next
one begins.
"""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel, ConfigDict, Field

from anabranch.api import read_requests as asked
from anabranch.api import settling
from anabranch.api.operations import Operation
from anabranch.errors import EventNotFound
from anabranch.generations.status import status
from anabranch.memory.cypher import cypher, cypher_alone
from anabranch.memory.forgetting.retention import RetentionPolicy
from anabranch.memory.reads.lanes import Lanes, lanes
from anabranch.memory.reads.links import (
    AssociationView,
    ConsolidationView,
    list_associations,
    list_consolidations,
)
from anabranch.memory.reads.sessions import page_of_sessions, session_tree
from anabranch.memory.spread import associations as associations_in
from anabranch.memory.thinking.views import TaskView, WorkerView
from anabranch.memory.thinking.work import MemoryWork
from anabranch.past.as_of import positions_of
from anabranch.past.diff import Span, diff_of
from anabranch.past.diff_model import Diff
from anabranch.past.replay import replay
from anabranch.past.stretch import check_stretch
from anabranch.transfer.exported_line import line_of
from anabranch.views import SessionView, Status
from anabranch_projections import DeadLetters
from anabranch_projections.dead_letters import DeadLetter
from anabranch_recall import Associated
from anabranch_store import QueryResult

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anabranch.api.context import Context

_SCANNED_MAX: Final = 20_000
_NEXT: Final = "The `cursor` of the next page; null at the end."


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True)


class SessionPage(_Answer):
    """Sessions, the newest first."""

    sessions: list[SessionView]
    next: int | None = Field(description=_NEXT)


class Tree(_Answer):
    """The sessions of a thought, parents before their branches."""

    sessions: list[SessionView]


class AssociationPage(_Answer):
    """Associations, by position."""

    associations: list[AssociationView]
    next: int | None = Field(description=_NEXT)


class AssociatedInsights(_Answer):
    """The insights that associations lead to, the strongest first."""

    insights: list[Associated]


class ConsolidationPage(_Answer):
    """Consolidations, by position."""

    consolidations: list[ConsolidationView]
    next: int | None = Field(description=_NEXT)


class EventPage(_Answer):
    """Events in the order of their positions: CloudEvents, each with its `position`."""

    events: list[dict[str, Any]]
    next: int | None = Field(description=_NEXT)


class StoredEvent(BaseModel):
    """A CloudEvent with its `position`."""

    model_config = ConfigDict(frozen=True, extra="allow")
    position: int


class DeadLetterPage(_Answer):
    """The events that could not be applied, by position."""

    dead_letters: list[DeadLetter]
    next: int | None = Field(description=_NEXT)


class TaskList(_Answer):
    """Branches for workers, the urgent ones first."""

    tasks: list[TaskView]


class WorkerList(_Answer):
    """The workers that answer."""

    workers: list[WorkerView]


async def list_sessions(context: Context, request: asked.ListSessions) -> SessionPage:
    """List sessions, the newest first. With `as_of` they are as of that moment.

    With `as_of`, `status` leaves sessions out of the page, which is shorter for it.
    """
    await context.waited(request)
    found = await page_of_sessions(
        context.namespace,
        root_id=request.root_id,
        status=request.status,
        limit=request.limit,
        before=request.cursor,
        as_of=request.as_of,
    )
    return SessionPage(sessions=found.sessions, next=found.before)


async def show_lanes(context: Context, request: asked.ShowLanes) -> Lanes:
    """Show sessions and the insights on them as columns, the newest first.

    The columns hold positions: they show any earlier moment without another request.
    """
    await context.waited(request)
    return await lanes(context.namespace, before=request.cursor, span=request.span)


async def tree(context: Context, request: asked.SessionTree) -> Tree:
    """Show the whole thought that a session belongs to, parents before their branches."""
    await context.waited(request)
    found = await session_tree(context.namespace, request.session_id, as_of=request.as_of)
    return Tree(sessions=found)


async def associations(context: Context, request: asked.ListAssociations) -> AssociationPage:
    """List the associations of an insight that hold, now or at a moment."""
    await context.waited(request)
    found = await list_associations(
        context.namespace,
        request.insight_id,
        as_of=request.as_of,
        beyond=request.cursor or 0,
        limit=request.limit,
    )
    return AssociationPage(associations=found, next=_next(found, request.limit))


async def associated(context: Context, request: asked.Associations) -> AssociatedInsights:
    """Follow the associations of an insight; the insights they lead to, the strongest first."""
    await context.waited(request)
    found = await associations_in(
        context.namespace,
        request.insight_id,
        steps=request.spread,
        as_of=request.as_of,
        include_retired=request.include_retired,
        limit=request.limit,
    )
    return AssociatedInsights(insights=found)


async def consolidations(context: Context, request: asked.ListConsolidations) -> ConsolidationPage:
    """List consolidations, with the sessions they join and the insights they stand on."""
    await context.waited(request)
    found = await list_consolidations(
        context.namespace,
        root_id=request.root_id,
        as_of=request.as_of,
        beyond=request.cursor or 0,
        limit=request.limit,
    )
    return ConsolidationPage(consolidations=found, next=_next(found, request.limit))


async def query(context: Context, request: asked.Cypher) -> QueryResult:
    """Query the graph, read only, with a bound on time, rows and bytes.

    For whoever may see every namespace the graph holds them all: filter by `$namespace`. Anybody
    else asks a graph that holds one namespace and nothing of others. With `as_of` the log is folded
    up to there for the answer, unless the query filters by `$as_of`.
    """
    await context.waited(request)
    if context.graphs is not None:
        return await cypher_alone(
            context.graphs,
            context.namespace,
            request.query,
            request.parameters,
            as_of=request.as_of,
        )
    return await cypher(context.namespace, request.query, request.parameters, as_of=request.as_of)


async def list_events(context: Context, request: asked.ListEvents) -> EventPage:
    """List events after a position, in order.

    A page looks at so many positions at most: it may be short, or empty, and still have a `next`.
    """
    backend, name = context.namespace.backend, context.namespace.name
    await check_stretch(backend, request.cursor, request.to, fields=("cursor", "to"))
    last = (await backend.log.bounds()).last if request.to is None else request.to
    end = last if request.session_id else min(last, request.cursor + _SCANNED_MAX)
    found: list[dict[str, Any]] = []
    events = replay(backend, name, after=request.cursor, to=end, session_id=request.session_id)
    async with aclosing(events):
        async for recorded in events:
            found.append(line_of(recorded))
            if len(found) == request.limit:
                end = recorded.position
                break
    return EventPage(events=found, next=end if end < last else None)


async def get_event(context: Context, request: asked.GetEvent) -> StoredEvent:
    """Show the event at a position."""
    backend, name = context.namespace.backend, context.namespace.name
    await backend.checked_position(request.position, field="position")
    recorded = await backend.log.at(request.position)
    if recorded is None or recorded.namespace != name:
        raise EventNotFound(request.position, namespace=name)
    return StoredEvent.model_validate(line_of(recorded))


async def diff(context: Context, request: asked.Diff) -> Diff:
    """Tell what was learned between two moments; the sums are exact, the lists are bounded."""
    backend, name = context.namespace.backend, context.namespace.name
    one, other = await positions_of(backend, request.after, request.to, fields=("after", "to"))
    await backend.wait_for(
        max(one, other), projection="graph", timeout_s=backend.settings.wait_timeout_s
    )
    return await diff_of(backend, Span(name, one, other), items_max=request.items_max)


async def get_status(context: Context, request: asked.GetStatus) -> Status:
    """Tell where the log and the graph are, and how far the graph is behind."""
    del request
    return await status(context.namespace.backend, namespace=context.namespace.name)


async def dead_letters(context: Context, request: asked.ListDeadLetters) -> DeadLetterPage:
    """List the events of the namespace that could not be applied, with the reason of each."""
    await context.waited(request)
    backend = context.namespace.backend
    await context.namespace.caught_up()
    letters = DeadLetters(backend.log, await backend.graph(), namespace=context.namespace.name)
    found = await letters.page(
        beyond=request.cursor or 0, limit=request.limit, discarded=request.discarded
    )
    return DeadLetterPage(dead_letters=found, next=_next(found, request.limit))


async def list_tasks(context: Context, request: asked.ListTasks) -> TaskList:
    """List the branches that wait for a worker or are in work, the urgent ones first."""
    await context.waited(request)
    work = MemoryWork(context.namespace)
    return TaskList(tasks=await work.tasks(status=request.status, limit=request.limit))


async def list_workers(context: Context, request: asked.ListWorkers) -> WorkerList:
    """List the workers of the namespace that answer; one that is frozen does not."""
    del request
    return WorkerList(workers=await MemoryWork(context.namespace).workers())


def _next(
    found: Sequence[AssociationView | ConsolidationView | DeadLetter], limit: int
) -> int | None:
    return found[-1].position if len(found) == limit else None


READS: Final = (
    Operation("list_sessions", asked.ListSessions, SessionPage, list_sessions),
    Operation("show_lanes", asked.ShowLanes, Lanes, show_lanes),
    Operation("session_tree", asked.SessionTree, Tree, tree),
    Operation("associations", asked.Associations, AssociatedInsights, associated),
    Operation("list_associations", asked.ListAssociations, AssociationPage, associations),
    Operation("show_retention", asked.ShowRetention, RetentionPolicy, settling.show_retention),
    Operation("list_consolidations", asked.ListConsolidations, ConsolidationPage, consolidations),
    Operation("cypher", asked.Cypher, QueryResult, query),
    Operation("list_events", asked.ListEvents, EventPage, list_events),
    Operation("get_event", asked.GetEvent, StoredEvent, get_event),
    Operation("diff", asked.Diff, Diff, diff),
    Operation("status", asked.GetStatus, Status, get_status),
    Operation("list_dead_letters", asked.ListDeadLetters, DeadLetterPage, dead_letters),
    Operation("list_tasks", asked.ListTasks, TaskList, list_tasks),
    Operation("list_workers", asked.ListWorkers, WorkerList, list_workers),
)
"""Every operation that only reads and has no place among the commands."""
