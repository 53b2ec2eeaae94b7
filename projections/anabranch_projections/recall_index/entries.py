"""Events into entries of the index: a pure function, the same for live events and for replays.

An entry is what an event means for recall. Entries are plain structs, so that a segment can hold
those that are not rows of columns (ends, links, citations, sessions) as they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

import msgspec

from anabranch_events.event import types
from anabranch_events.event.identifiers import composed
from anabranch_events.event.types import Outcome
from anabranch_projections.fold.insight_rows import source_insights
from anabranch_projections.fold.rules import JUDGED
from anabranch_recall.moment import milliseconds

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from anabranch_events.event.types import Insight
    from anabranch_projections.fold.positioned import PositionedEvent


class Entry(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=True):
    """The meaning of an event for recall, at its position."""

    position: int


class Learned(Entry, frozen=True, array_like=True, gc=False, tag="learned"):
    """An insight was recorded. Times are milliseconds since 1970."""

    time: int
    session_id: str
    insight_id: str
    text: str
    kind: str
    confidence: float
    tags: tuple[str, ...]
    names: tuple[str, ...]
    agent: str
    valid_from: int | None
    valid_until: int | None
    subject: str = ""


class Began(Entry, frozen=True, array_like=True, gc=False, tag="began"):
    """A session or a branch began."""

    session_id: str
    root_id: str
    depth: int
    parent_id: str
    forked_at: int
    role: str


class Ended(Entry, frozen=True, array_like=True, gc=False, tag="ended"):
    """A session ended."""

    session_id: str


class Ran(Entry, frozen=True, array_like=True, gc=False, tag="ran"):
    """An agent ran a session."""

    session_id: str
    agent: str


class Retired(Entry, frozen=True, array_like=True, gc=False, tag="retired"):
    """A session said that an insight ceased to hold: superseded `by` another, or by none."""

    session_id: str
    insight_id: str
    by: str
    valid_until: int | None
    forgotten: bool = False
    expired: bool = False


class Consolidated(Entry, frozen=True, array_like=True, gc=False, tag="consolidated"):
    """Sessions were joined, and insights cited as the sources of one text."""

    consolidation_id: str
    session_ids: tuple[str, ...]
    sources: tuple[str, ...]
    method: str


class Derived(Entry, frozen=True, array_like=True, gc=False, tag="derived"):
    """An insight that is about to be recorded is derived from others, and goes with them."""

    insight_id: str
    sources: tuple[str, ...]


class Forgotten(Entry, frozen=True, array_like=True, gc=False, tag="forgotten"):
    """An insight was erased."""

    insight_id: str


class SessionErased(Entry, frozen=True, array_like=True, gc=False, tag="session_erased"):
    """A session was forgotten, and with it the texts of consolidations of it."""

    session_id: str


class Linked(Entry, frozen=True, array_like=True, gc=False, tag="linked"):
    """An association was formed; one between the same two of the same kind ends here."""

    time: int
    from_id: str
    to_id: str
    kind: str
    weight: float


class Unlinked(Entry, frozen=True, array_like=True, gc=False, tag="unlinked"):
    """An association was severed."""

    from_id: str
    to_id: str
    kind: str


class Cited(Entry, frozen=True, array_like=True, gc=False, tag="cited"):
    """Insights were cited together."""

    time: int
    insight_ids: tuple[str, ...]
    useful: bool


class Opposed(Entry, frozen=True, array_like=True, gc=False, tag="opposed"):
    """A conflict between two insights was opened."""

    one: str
    other: str


class Reconciled(Entry, frozen=True, array_like=True, gc=False, tag="reconciled"):
    """The conflicts between two insights were resolved."""

    one: str
    other: str


Change: TypeAlias = (
    Began
    | Ended
    | Ran
    | Consolidated
    | Retired
    | Derived
    | Forgotten
    | SessionErased
    | Linked
    | Unlinked
    | Cited
    | Opposed
    | Reconciled
)
"""An entry that is no row: what a segment keeps as it is."""
AnyEntry: TypeAlias = Learned | Change

DAY_MS: Final = 86_400_000


def entries_of(at: PositionedEvent) -> Iterator[AnyEntry]:
    """Yield what an event means for recall, in the order in which it takes effect.

    The rules of sessions are judged before: an event that breaks one means nothing.
    """
    data = at.event.data
    if type(data) is types.InsightRecorded:
        yield from _learned(at, data)
        return
    if type(data) in JUDGED:
        yield from _of_session(at)
    if type(data) is types.BranchCompleted:
        for insight in data.insights:
            yield from _learned(at, insight)
    else:
        yield from _of_insights(at)


def _of_insights(at: PositionedEvent) -> Iterator[Change]:
    data, position, own = at.event.data, at.position, at.session_id
    match data:
        case types.InsightSuperseded() if data.by == data.insight_id:
            pass
        case types.InsightSuperseded():
            yield Retired(position, own, data.insight_id, data.by, time_ms(data.valid_until))
        case types.InsightRetracted():
            yield Retired(position, own, data.insight_id, "", time_ms(data.valid_until))
        case types.InsightExpired():
            yield Retired(position, own, data.insight_id, "", None, expired=True)
        case types.InsightForgotten():
            yield Retired(position, own, data.insight_id, "", None, forgotten=True)
            yield Forgotten(position, data.insight_id)
        case types.InsightCited():
            ids = tuple(dict.fromkeys(data.insight_ids))
            useful = data.outcome is not Outcome.REJECTED
            if len(ids) > 1:
                yield Cited(position, milliseconds(at.event.time), ids, useful)
        case types.ConsolidationRecorded():
            sessions, sources = (
                tuple(dict.fromkeys(each)) for each in (data.sessions, data.sources)
            )
            yield Consolidated(position, data.consolidation_id, sessions, sources, data.method)
        case types.SessionForgotten():
            yield SessionErased(position, own)
        case _:
            yield from _between_insights(at)


def _between_insights(at: PositionedEvent) -> Iterator[Change]:
    data, position = at.event.data, at.position
    match data:
        case types.AssociationFormed():
            ends = (data.from_id, data.to_id, data.kind)
            yield Linked(position, milliseconds(at.event.time), *ends, data.weight)
        case types.AssociationSevered():
            yield Unlinked(position, data.from_id, data.to_id, data.kind)
        case types.ConflictOpened():
            yield Opposed(position, *data.insights)
        case types.ConflictResolved():
            yield Reconciled(position, *data.insights)
        case _:
            pass


def _of_session(at: PositionedEvent) -> Iterator[Change]:
    data, position, own = at.event.data, at.position, at.session_id
    match data:
        case types.SessionOpened():
            yield Began(position, own, own, 0, "", 0, composed(data.role or ""))
        case types.BranchCreated():
            parent = "" if data.parent_id == own else data.parent_id
            place = (data.root_id, data.depth, parent, data.forked_at)
            yield Began(position, own, *place, composed(data.role or ""))
        case types.BranchStarted():
            pass
        case types.BranchFailed():
            if not data.will_retry:
                yield Ended(position, own)
            return
        case (
            types.BranchCompleted()
            | types.BranchCancelled()
            | types.BranchDeadLettered()
            | types.SessionHandedOff()
            | types.SessionClosed()
        ):
            yield Ended(position, own)
            return
        case _:
            return
    if at.agent is not None:
        yield Ran(position, own, at.agent)


def _learned(at: PositionedEvent, insight: Insight) -> Iterator[AnyEntry]:
    sources = source_insights(insight) if insight.sources else []
    if sources:
        yield Derived(at.position, insight.insight_id, tuple(sources))
    yield Learned(
        position=at.position,
        time=milliseconds(at.event.time),
        session_id=at.session_id,
        insight_id=insight.insight_id,
        text=insight.text,
        kind=insight.kind,
        confidence=insight.confidence,
        tags=tuple(dict.fromkeys(map(composed, insight.tags))),
        names=tuple(dict.fromkeys(map(composed, insight.entities))),
        agent=at.agent or "",
        valid_from=time_ms(insight.valid_from),
        valid_until=time_ms(insight.valid_until),
        subject=composed(insight.subject or ""),
    )


def time_ms(moment: datetime | None) -> int | None:
    """Return a time that may be missing as milliseconds since 1970."""
    return None if moment is None else milliseconds(moment)
