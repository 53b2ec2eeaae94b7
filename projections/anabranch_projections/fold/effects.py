"""Every event type's effect on the graph, in the order of a session's life."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar

from anabranch_events.event import types
from anabranch_events.event.identifiers import RESERVED_NAMESPACE
from anabranch_events.event.types import EventData
from anabranch_projections.fold.citation_rows import CitationRows
from anabranch_projections.fold.insight_rows import InsightRows
from anabranch_projections.fold.link_rows import LinkRows
from anabranch_projections.fold.positioned import PositionedEvent, spelt, timestamp_or_none
from anabranch_projections.fold.rows import json_text
from anabranch_projections.fold.rules import JUDGED
from anabranch_projections.fold.session_rows import SessionRows
from anabranch_store import deletion_steps

if TYPE_CHECKING:
    from anabranch_store import Step


@dataclass(frozen=True, slots=True)
class BatchRows:
    """The rows of one batch, by subject; events are added in position order."""

    sessions: SessionRows = field(default_factory=SessionRows)
    insights: InsightRows = field(default_factory=InsightRows)
    links: LinkRows = field(default_factory=LinkRows)
    citations: CitationRows = field(default_factory=CitationRows)
    ended: list[str] = field(default_factory=list[str])
    """The namespaces that end in the batch: nothing of theirs is left by it."""
    judged: list[PositionedEvent] = field(default_factory=list[PositionedEvent])
    """The events that a rule is about."""

    def add(self, at: PositionedEvent) -> None:
        """Add an event's effect to the rows."""
        data = at.event.data
        if type(data) in JUDGED:
            self.judged.append(at)
        EFFECTS[type(data)](self, at, data)

    def steps(self) -> list[Step]:
        """Return the statements that apply the rows: one a kind, or a few where they are many."""
        return [*self.sessions.first_steps(), *self.later_steps()]

    def later_steps(self) -> list[Step]:
        """Return the statements that come after the sessions are brought up to date."""
        return [
            *self.sessions.steps(),
            *self.insights.steps(),
            *self.links.steps(),
            *self.citations.steps(),
            *self.insights.last_steps(),
            *self.sessions.last_steps(),
            *(step for namespace in self.ended for step in deletion_steps(namespace)),
        ]


D = TypeVar("D", bound=EventData)
Effect: TypeAlias = Callable[[BatchRows, PositionedEvent, D], None]

EFFECTS: Final[dict[type[EventData], Effect[Any]]] = {}
"""The effect of each class of event on the rows of its batch."""


def _effect_of(data_class: type[D]) -> Callable[[Effect[D]], Effect[D]]:
    def enter(effect: Effect[D]) -> Effect[D]:
        EFFECTS[data_class] = effect
        return effect

    return enter


@_effect_of(types.SessionOpened)
def _session_opened(fold: BatchRows, at: PositionedEvent, data: types.SessionOpened) -> None:
    fold.sessions.open(
        at,
        status="open",
        task=data.task,
        role=spelt(data.role),
        priority=data.priority.value,
        depth=0,
        root_id=at.session_id,
        attributes=json_text(data.attributes),
    )


@_effect_of(types.BranchCreated)
def _branch_created(fold: BatchRows, at: PositionedEvent, data: types.BranchCreated) -> None:
    fold.sessions.open(
        at,
        status="pending",
        parent_id=data.parent_id,
        deadline=timestamp_or_none(data.deadline),
        task=data.task,
        role=spelt(data.role),
        priority=data.priority.value,
        depth=data.depth,
        root_id=data.root_id,
        forked_at=data.forked_at,
        executor=data.executor,
        attributes=json_text(data.attributes) if data.attributes else None,
    )


@_effect_of(types.BranchStarted)
def _branch_started(fold: BatchRows, at: PositionedEvent, data: types.BranchStarted) -> None:
    fold.sessions.run(at)
    fold.sessions.resume(at, status="running", worker=data.worker, attempt=data.attempt)


@_effect_of(types.BranchCompleted)
def _branch_completed(fold: BatchRows, at: PositionedEvent, data: types.BranchCompleted) -> None:
    fold.sessions.end(
        at,
        status="completed",
        result=data.result,
        error=None,
        duration_ms=data.duration_ms,
        attempt=data.attempt,
    )
    for insight in data.insights:
        fold.insights.record(at, insight)


@_effect_of(types.BranchFailed)
def _branch_failed(fold: BatchRows, at: PositionedEvent, data: types.BranchFailed) -> None:
    if data.will_retry:
        fold.sessions.resume(at, status="pending", error=data.error, attempt=data.attempt)
    else:
        fold.sessions.end(at, status="failed", error=data.error, attempt=data.attempt)


@_effect_of(types.BranchCancelled)
def _branch_cancelled(fold: BatchRows, at: PositionedEvent, data: types.BranchCancelled) -> None:
    fold.sessions.end(at, status="cancelled", ended_reason=data.reason)


@_effect_of(types.BranchDeadLettered)
def _branch_dead_lettered(
    fold: BatchRows, at: PositionedEvent, data: types.BranchDeadLettered
) -> None:
    fold.sessions.end(at, status="dead_lettered", ended_reason=data.reason, attempt=data.attempt)


@_effect_of(types.InsightRecorded)
def _insight_recorded(fold: BatchRows, at: PositionedEvent, data: types.InsightRecorded) -> None:
    fold.insights.record(at, data)


@_effect_of(types.InsightSuperseded)
def _insight_superseded(
    fold: BatchRows, at: PositionedEvent, data: types.InsightSuperseded
) -> None:
    if data.by == data.insight_id:
        return
    fold.insights.retire(
        at,
        data.insight_id,
        reason=data.reason or "superseded",
        by=data.by,
        valid_until=data.valid_until,
    )


@_effect_of(types.InsightRetracted)
def _insight_retracted(fold: BatchRows, at: PositionedEvent, data: types.InsightRetracted) -> None:
    fold.insights.retire(at, data.insight_id, reason=data.reason, valid_until=data.valid_until)


@_effect_of(types.InsightCited)
def _insight_cited(fold: BatchRows, at: PositionedEvent, data: types.InsightCited) -> None:
    fold.citations.cite(at, data)


@_effect_of(types.AssociationFormed)
def _association_formed(
    fold: BatchRows, at: PositionedEvent, data: types.AssociationFormed
) -> None:
    fold.links.form(at, data)


@_effect_of(types.AssociationSevered)
def _association_severed(
    fold: BatchRows, at: PositionedEvent, data: types.AssociationSevered
) -> None:
    fold.links.sever(at, data)


@_effect_of(types.ConsolidationRecorded)
def _consolidation_recorded(
    fold: BatchRows, at: PositionedEvent, data: types.ConsolidationRecorded
) -> None:
    fold.insights.consolidate(at, data)


@_effect_of(types.ConflictOpened)
def _conflict_opened(fold: BatchRows, at: PositionedEvent, data: types.ConflictOpened) -> None:
    fold.links.open_conflict(at, data.insights, subject=data.subject)


@_effect_of(types.ConflictResolved)
def _conflict_resolved(fold: BatchRows, at: PositionedEvent, data: types.ConflictResolved) -> None:
    fold.links.resolve_conflict(at, data.insights, decision=data.decision)


@_effect_of(types.WorkingMemorySet)
def _working_memory_set(fold: BatchRows, at: PositionedEvent, data: types.WorkingMemorySet) -> None:
    fold.sessions.remember(at, {data.key: data.value})


@_effect_of(types.WorkingMemoryCleared)
def _working_memory_cleared(
    fold: BatchRows, at: PositionedEvent, data: types.WorkingMemoryCleared
) -> None:
    fold.sessions.drop(at, data.key)


@_effect_of(types.SessionHandedOff)
def _session_handed_off(fold: BatchRows, at: PositionedEvent, data: types.SessionHandedOff) -> None:
    fold.sessions.end(at, status="handed_off")
    fold.sessions.hand_off(at, to=data.to, summary=data.summary)
    fold.sessions.remember(at, data.working_memory, session_id=data.to)


@_effect_of(types.SessionClosed)
def _session_closed(fold: BatchRows, at: PositionedEvent, data: types.SessionClosed) -> None:
    fold.sessions.end(at, status="closed", ended_reason=data.reason)


@_effect_of(types.InsightExpired)
def _insight_expired(fold: BatchRows, at: PositionedEvent, data: types.InsightExpired) -> None:
    fold.insights.retire(at, data.insight_id, reason=data.reason, lets_go=False)


@_effect_of(types.InsightForgotten)
def _insight_forgotten(fold: BatchRows, at: PositionedEvent, data: types.InsightForgotten) -> None:
    fold.insights.retire(at, data.insight_id, reason="forgotten", lets_go=False)
    fold.insights.forget(at, data.insight_id, receipt=data.receipt)


@_effect_of(types.SessionForgotten)
def _session_forgotten(fold: BatchRows, at: PositionedEvent, data: types.SessionForgotten) -> None:
    fold.sessions.forget(at, receipt=data.receipt)


@_effect_of(types.NamespaceDeleted)
def _namespace_deleted(fold: BatchRows, at: PositionedEvent, data: types.NamespaceDeleted) -> None:
    if at.namespace == RESERVED_NAMESPACE:
        fold.ended.append(data.namespace)


def _nothing(_fold: BatchRows, _at: PositionedEvent, _data: EventData) -> None:
    """Leave the graph as it is: of work, seals and policies one asks the log."""


_WITHOUT: Final = (
    types.BranchHedged,
    types.ResourceClaimed,
    types.ResourceReleased,
    types.NamespaceSealed,
    types.RetentionSet,
)
EFFECTS.update(dict.fromkeys(_WITHOUT, _nothing))
