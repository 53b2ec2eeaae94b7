"""The state of a session, folded from its own events: a pure function, so any reader agrees."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final, TypedDict

import msgspec
from msgspec.structs import replace

from anabranch_events.event.content import FORGOTTEN, without_content
from anabranch_events.event.identifiers import composed
from anabranch_events.event.types import (
    AssociationFormed,
    AssociationSevered,
    BranchCancelled,
    BranchCompleted,
    BranchCreated,
    BranchDeadLettered,
    BranchFailed,
    BranchHedged,
    BranchStarted,
    ConsolidationRecorded,
    Insight,
    InsightExpired,
    InsightForgotten,
    InsightRecorded,
    InsightRetracted,
    InsightSuperseded,
    JoinTerms,
    Priority,
    SessionClosed,
    SessionForgotten,
    SessionHandedOff,
    SessionOpened,
    WorkingMemoryCleared,
    WorkingMemorySet,
)
from anabranch_recall.ends import End, ends_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from pydantic import JsonValue

    from anabranch_events import Event


class Status(StrEnum):
    """The status of a session, equal to the graph's `Session.status`."""

    OPEN = "open"
    PENDING = "pending"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    DEAD_LETTERED = "dead_lettered"
    HANDED_OFF = "handed_off"
    CLOSED = "closed"


_BEGINS: Final = (SessionOpened, BranchCreated)
_GOES_ON: Final = (
    BranchStarted,
    BranchCompleted,
    BranchFailed,
    BranchCancelled,
    BranchDeadLettered,
    SessionHandedOff,
    SessionClosed,
)
GOING: Final = frozenset({Status.OPEN, Status.PENDING, Status.RUNNING})


@dataclass(frozen=True, slots=True)
class Claim:
    """A worker's hold on a branch: the `position` of the event that gave it."""

    session_id: str
    worker: str
    attempt: int
    position: int


@dataclass(frozen=True, slots=True)
class Link:
    """The identity of an association: its ends and its kind."""

    from_id: str
    to_id: str
    kind: str


@dataclass(frozen=True, slots=True)
class RecordedConsolidation:
    """A consolidation as the log holds it."""

    event_id: str
    position: int
    data: ConsolidationRecorded


class SessionState(msgspec.Struct, frozen=True):
    """A session as of `position`, the position of its last event (0: it has none).

    Each event makes a copy of it: a struct's takes a twentieth of a dataclass's time.
    """

    session_id: str
    namespace: str
    position: int = 0
    newest_event: str = ""
    """The highest id of its events: an event above it is new."""
    status: Status | None = None
    task: str = ""
    role: str | None = None
    agent: str | None = None
    priority: Priority = Priority.NORMAL
    executor: str | None = None
    labels: tuple[str, ...] = ()
    deadline: datetime | None = None
    parent_id: str | None = None
    root_id: str = ""
    forked_at: int = 0
    depth: int = 0
    join: JoinTerms | None = None
    opened_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    duration_ms: float = 0
    claim: Claim | None = None
    attempt: int = 0
    hedged: int = 0
    """The attempt that a second copy ran beside; 0: there was none."""
    result: str | None = None
    error: str | None = None
    handed_to: str | None = None
    attributes: Mapping[str, JsonValue] = msgspec.field(default_factory=dict)
    working_memory: Mapping[str, JsonValue] = msgspec.field(default_factory=dict)
    insights: tuple[Insight, ...] = ()
    ends: tuple[End, ...] = ()
    links: frozenset[Link] = frozenset()
    consolidation: RecordedConsolidation | None = None
    consolidation_ids: frozenset[str] = frozenset()
    forgotten: bool = False
    """Its own words were erased; the graph knows which insights of it were."""

    @property
    def retired(self) -> frozenset[str]:
        """The insights that do not hold by the session's own events."""
        return frozenset(ends_of(self.ends))

    @property
    def exists(self) -> bool:
        """True when the session was opened or forked; of one without that its beginning is gone."""
        return self.opened_at is not None

    @property
    def ended(self) -> bool:
        """True when the session takes no more work."""
        return self.status is not None and self.status not in GOING

    def without_content(self) -> SessionState:
        """Return the session without what it said; the graph has it the same way."""
        return replace(
            self,
            forgotten=True,
            task=FORGOTTEN if self.exists else "",
            result=None if self.result is None else FORGOTTEN,
            error=None if self.error is None else FORGOTTEN,
            attributes={},
            working_memory={},
        )

    def after(self, event: Event, *, position: int) -> SessionState:
        """Return the state after `event`, stored at `position`.

        A session that was forgotten says nothing any more, whatever comes.
        """
        if self.forgotten:
            event = event.model_copy(update={"data": without_content(event.data)})
        after = self._after(event, position=position)
        return after.without_content() if self.forgotten else after

    def _after(self, event: Event, *, position: int) -> SessionState:  # noqa: C901, PLR0912 - one case an event type.
        """Return the state after `event`, stored at `position`.

        A second beginning, and any event after the end, moves the position and nothing else, as in
        the graph, where it is a dead letter.
        """
        moved = _Moved(position=position, newest_event=max(self.newest_event, event.id))
        if (self.exists and isinstance(event.data, _BEGINS)) or (
            self.ended and isinstance(event.data, _GOES_ON)
        ):
            return replace(self, **moved)
        match event.data:
            case SessionOpened() as data:
                return _opened(self, event, data, moved)
            case BranchCreated() as data:
                return _forked(self, event, data, moved)
            case BranchStarted() as data:
                claim = Claim(self.session_id, data.worker, data.attempt, position)
                return replace(
                    self,
                    **moved,
                    status=Status.RUNNING,
                    claim=claim,
                    attempt=data.attempt,
                    started_at=event.time,
                )
            case BranchHedged() as data:
                return replace(self, **moved, hedged=data.attempt)
            case InsightRecorded() as data:
                return replace(self, **moved, insights=(*self.insights, _insight(data)))
            case WorkingMemorySet() as data:
                return replace(
                    self,
                    **moved,
                    working_memory={**self.working_memory, composed(data.key): data.value},
                )
            case WorkingMemoryCleared() as data:
                kept = {**self.working_memory}
                kept.pop(composed(data.key), None)
                return replace(self, **moved, working_memory=kept)
            case (
                InsightSuperseded() | InsightRetracted() | InsightExpired() | InsightForgotten()
            ) as data:
                return replace(self, **moved, ends=(*self.ends, end_of(data, position)))
            case AssociationFormed() as data:
                return replace(
                    self, **moved, links=self.links | {Link(data.from_id, data.to_id, data.kind)}
                )
            case AssociationSevered() as data:
                return replace(
                    self, **moved, links=self.links - {Link(data.from_id, data.to_id, data.kind)}
                )
            case ConsolidationRecorded() as data:
                return replace(
                    self,
                    **moved,
                    consolidation=RecordedConsolidation(event.id, position, data),
                    consolidation_ids=self.consolidation_ids | {data.consolidation_id},
                )
            case _:
                return _ended(self, event, moved)


class _Moved(TypedDict):
    """The fields that every event changes."""

    position: int
    newest_event: str


class StateFold:
    """The fold of many events onto a session's state, in a time that grows with their number.

    The lists of a session are appended to here, and copied once, at the end.
    """

    def __init__(self, state: SessionState) -> None:
        self._state = state
        self._insights: list[Insight] | None = None
        self._working_memory: dict[str, JsonValue] | None = None
        self._ends: list[End] | None = None
        self._links: set[Link] | None = None

    @property
    def position(self) -> int:
        """The position of the last event taken in."""
        return self._state.position

    @property
    def newest_event(self) -> str:
        """The highest id of the events taken in."""
        return self._state.newest_event

    def pass_by(self, position: int) -> None:
        """Take in an event that changes nothing but the position."""
        self._state = replace(self._state, position=position)

    def take(self, event: Event, *, position: int) -> None:
        """Take in an event, as `SessionState.after` does."""
        if isinstance(event.data, BranchCompleted | SessionForgotten):
            self._state = self.state()
            self._insights = self._working_memory = self._ends = self._links = None
        elif not self._state.forgotten and self._gathered(event, position):
            newest = max(self._state.newest_event, event.id)
            self._state = replace(self._state, position=position, newest_event=newest)
            return
        self._state = self._state.after(event, position=position)

    def state(self) -> SessionState:
        """Return the state after all that was taken in."""
        state = self._state
        if self._insights is not None:
            state = replace(state, insights=tuple(self._insights))
        if self._working_memory is not None:
            state = replace(state, working_memory={**self._working_memory})
        if self._ends is not None:
            state = replace(state, ends=tuple(self._ends))
        if self._links is not None:
            state = replace(state, links=frozenset(self._links))
        return state

    def _gathered(self, event: Event, position: int) -> bool:
        """Take in an event that adds to what the session gathers; tell whether it is one."""
        match event.data:
            case InsightRecorded() as data:
                if self._insights is None:
                    self._insights = [*self._state.insights]
                self._insights.append(_insight(data))
            case WorkingMemorySet() as data:
                self._notes()[composed(data.key)] = data.value
            case WorkingMemoryCleared() as data:
                self._notes().pop(composed(data.key), None)
            case (
                InsightSuperseded() | InsightRetracted() | InsightExpired() | InsightForgotten()
            ) as data:
                if self._ends is None:
                    self._ends = [*self._state.ends]
                self._ends.append(end_of(data, position))
            case AssociationFormed() as data:
                self._held().add(Link(data.from_id, data.to_id, data.kind))
            case AssociationSevered() as data:
                self._held().discard(Link(data.from_id, data.to_id, data.kind))
            case _:
                return False
        return True

    def _notes(self) -> dict[str, JsonValue]:
        if self._working_memory is None:
            self._working_memory = {**self._state.working_memory}
        return self._working_memory

    def _held(self) -> set[Link]:
        if self._links is None:
            self._links = {*self._state.links}
        return self._links


def _opened(state: SessionState, event: Event, data: SessionOpened, moved: _Moved) -> SessionState:
    return replace(
        state,
        **moved,
        status=Status.OPEN,
        task=data.task,
        role=data.role,
        agent=event.agent,
        priority=data.priority,
        root_id=state.session_id,
        opened_at=event.time,
        attributes=data.attributes,
    )


def _forked(state: SessionState, event: Event, data: BranchCreated, moved: _Moved) -> SessionState:
    return replace(
        state,
        **moved,
        status=Status.PENDING,
        task=data.task,
        role=data.role,
        agent=event.agent,
        priority=data.priority,
        executor=data.executor,
        labels=data.labels or (),
        deadline=data.deadline,
        parent_id=data.parent_id,
        root_id=data.root_id,
        forked_at=data.forked_at,
        depth=data.depth,
        join=data.join,
        opened_at=event.time,
        attributes=data.attributes or {},
    )


def _ended(state: SessionState, event: Event, moved: _Moved) -> SessionState:
    """Return the state after an event that ends or forgets the session, else only moved."""
    at = event.time
    match event.data:
        case BranchCompleted() as data:
            return replace(
                state,
                **moved,
                ended_at=at,
                status=Status.COMPLETED,
                result=data.result,
                duration_ms=data.duration_ms,
                error=None,
                insights=(*state.insights, *data.insights),
            )
        case BranchFailed(will_retry=True) as data:
            return replace(state, **moved, status=Status.PENDING, claim=None, error=data.error)
        case BranchFailed() as data:
            return replace(state, **moved, ended_at=at, status=Status.FAILED, error=data.error)
        case BranchCancelled() as data:
            return replace(state, **moved, ended_at=at, status=Status.CANCELLED, error=data.reason)
        case BranchDeadLettered() as data:
            return replace(
                state, **moved, ended_at=at, status=Status.DEAD_LETTERED, error=data.reason
            )
        case SessionHandedOff() as data:
            return replace(state, **moved, ended_at=at, status=Status.HANDED_OFF, handed_to=data.to)
        case SessionClosed():
            return replace(state, **moved, ended_at=at, status=Status.CLOSED)
        case SessionForgotten():
            return replace(state, **moved).without_content()
        case _:
            return replace(state, **moved)


def _insight(data: InsightRecorded) -> Insight:
    return Insight.model_construct(**vars(data))


def end_of(
    data: InsightSuperseded | InsightRetracted | InsightExpired | InsightForgotten, position: int
) -> End:
    """Return the end of an insight that an event brought about at its position."""
    return End(
        position,
        data.insight_id,
        by=data.by if isinstance(data, InsightSuperseded) else None,
        forgotten=isinstance(data, InsightForgotten),
        expired=isinstance(data, InsightExpired),
    )
