"""The traces of an event: its writes and reads in the graph, which decide on a late retry.

Two events that share nothing, or only read the same things, give the same graph in either order.
Other pairs need log order: the later one has written what the earlier one writes or reads, or read
what it writes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from anabranch_events.event import types
from anabranch_projections.fold.rules import JUDGED

if TYPE_CHECKING:
    from collections.abc import Iterable

    from anabranch_projections.fold.positioned import PositionedEvent

Mark: TypeAlias = tuple[str, ...]
"""One thing in the graph: its kind, its namespace, and its ids."""


@dataclass(frozen=True, slots=True)
class Trace:
    """The marks of one event."""

    writes: frozenset[Mark]
    reads: frozenset[Mark]


@dataclass(slots=True)
class Traces:
    """The last position at which each thing was written, and read."""

    _written: dict[Mark, int] = field(default_factory=dict[Mark, int])
    _read: dict[Mark, int] = field(default_factory=dict[Mark, int])

    def add(self, at: PositionedEvent) -> None:
        """Take in an event that the graph holds; the last position counts."""
        trace = trace_of(at)
        for last, marks in ((self._written, trace.writes), (self._read, trace.reads)):
            for mark in marks:
                last[mark] = max(at.position, last.get(mark, 0))

    def later(self, at: PositionedEvent) -> int | None:
        """Return the position of a later event that makes this one too late, or None."""
        trace = trace_of(at)
        found = [
            *(self._written.get(mark, 0) for mark in trace.writes | trace.reads),
            *(self._read.get(mark, 0) for mark in trace.writes),
        ]
        last = max(found, default=0)
        return last if last > at.position else None


def trace_of(at: PositionedEvent) -> Trace:
    """Return the writes and reads of an event."""
    writes = set(_insights_written(at))
    reads = {_mark(at, "said", one) for one in _spoken_of(at.event.data)}
    data = at.event.data
    if type(data) in JUDGED or isinstance(
        data, types.WorkingMemorySet | types.WorkingMemoryCleared
    ):
        writes.add(_mark(at, "session", at.session_id))
    if isinstance(data, types.SessionOpened | types.BranchCreated):
        writes.add(_mark(at, "opening", at.session_id))
    if isinstance(data, types.BranchCreated):
        reads.add(_mark(at, "opening", data.parent_id))
    elif isinstance(data, types.SessionHandedOff):
        writes.add(_mark(at, "session", data.to))
    elif isinstance(data, types.InsightSuperseded):
        reads |= {_mark(at, "end", data.by), _mark(at, "succession")}
    elif isinstance(data, types.InsightForgotten):
        # It erases what was said about the insight, whenever that was. But a consolidation that
        # came before keeps the rest of its text, if the insight's own words are known by then.
        writes.add(_mark(at, "said", data.insight_id))
    elif isinstance(data, types.InsightRetracted):
        # Others hold again that it had superseded; the event does not name them.
        writes.add(_mark(at, "succession"))
    elif isinstance(data, types.InsightRecorded | types.BranchCompleted):
        reads.add(_mark(at, "opening", at.session_id))
    elif isinstance(data, types.AssociationFormed | types.AssociationSevered):
        # A citation moves the weights of the links that hold at its position.
        reads |= {_mark(at, "cited", one) for one in (data.from_id, data.to_id)}
    return Trace(frozenset(writes), frozenset(reads))


def _insights_written(at: PositionedEvent) -> Iterable[Mark]:
    data = at.event.data
    match data:
        case types.InsightRecorded():
            return [_mark(at, "insight", data.insight_id)]
        case types.BranchCompleted():
            return [_mark(at, "insight", one.insight_id) for one in data.insights]
        case (
            types.InsightSuperseded()
            | types.InsightRetracted()
            | types.InsightExpired()
            | types.InsightForgotten()
        ):
            return [_mark(at, "end", data.insight_id)]
        case types.InsightCited():
            return [_mark(at, "cited", one) for one in data.insight_ids]
        case types.AssociationFormed() | types.AssociationSevered():
            return [_mark(at, "link", data.from_id, data.to_id, data.kind)]
        case types.ConflictOpened() | types.ConflictResolved():
            return [_mark(at, "conflict", *sorted(data.insights))]
        case types.ConsolidationRecorded():
            return [_mark(at, "consolidation", data.consolidation_id)]
        case _:
            return []


def _spoken_of(data: types.EventData) -> tuple[str, ...]:
    """Return the insights of which an event says something that forgetting erases in part."""
    match data:
        case types.InsightRecorded():
            return (data.insight_id,)
        case types.BranchCompleted():
            return tuple(one.insight_id for one in data.insights)
        case types.ConsolidationRecorded():
            return data.sources
        case _:
            return ()


def _mark(at: PositionedEvent, what: str, *ids: str) -> Mark:
    return (what, at.namespace, *ids)
