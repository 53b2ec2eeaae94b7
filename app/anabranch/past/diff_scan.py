"""Scan of a stretch of the log: the ids it touched, to look up, and what only events tell."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from anabranch_events.errors import EventInvalid
from anabranch_events.event import types
from anabranch_projections import ENDINGS, OPENINGS

if TYPE_CHECKING:
    from anabranch_events import Event, Recorded


class Citation(NamedTuple):
    """Insights that were cited together."""

    position: int
    useful: bool
    ids: frozenset[str]


class Ending(NamedTuple):
    """The end of an insight: its reason, and the one by which it was replaced."""

    reason: str
    by: str | None = None


@dataclass(slots=True)
class Touched:
    """The things that the events of one namespace touched, gathered in position order."""

    namespace: str
    events: int = 0
    insights: dict[str, None] = field(default_factory=dict[str, None])
    endings: dict[tuple[str, int], Ending] = field(default_factory=dict[tuple[str, int], Ending])
    linked: dict[str, None] = field(default_factory=dict[str, None])
    citations: list[Citation] = field(default_factory=list[Citation])
    outcomes: Counter[str] = field(default_factory=Counter[str])
    sessions: dict[str, None] = field(default_factory=dict[str, None])
    consolidations: dict[str, None] = field(default_factory=dict[str, None])
    opposed: dict[str, None] = field(default_factory=dict[str, None])

    def add(self, recorded: Recorded) -> None:
        """Take in a record of the log; one of elsewhere, or that cannot be read, is left out."""
        if recorded.namespace != self.namespace:
            return
        self.events += 1
        try:
            event = recorded.decode()
        except EventInvalid:
            return
        if not event.opaque:
            self._take(event, recorded.position)

    def _take(self, event: Event, position: int) -> None:
        match event.data:
            case types.InsightRecorded() as data:
                self.insights[data.insight_id] = None
            case types.InsightSuperseded() as data:
                self._end(data.insight_id, position, Ending("superseded", data.by))
            case types.InsightRetracted() as data:
                self._end(data.insight_id, position, Ending("retracted"))
            case types.InsightExpired() as data:
                self._end(data.insight_id, position, Ending("expired"))
            case types.InsightForgotten() as data:
                self._end(data.insight_id, position, Ending("forgotten"))
            case types.InsightCited() as data:
                self._cite(data, position)
            case types.AssociationFormed() | types.AssociationSevered() as data:
                self.linked[data.from_id] = None
            case types.ConsolidationRecorded() as data:
                self.consolidations[data.consolidation_id] = None
            case types.ConflictOpened() | types.ConflictResolved() as data:
                self.opposed[min(data.insights)] = None
            case _:
                self._session(event)

    def _end(self, insight_id: str, position: int, ending: Ending) -> None:
        self.insights[insight_id] = None
        self.endings[insight_id, position] = ending

    def _cite(self, data: types.InsightCited, position: int) -> None:
        self.outcomes[data.outcome.value] += 1
        ids = frozenset(data.insight_ids)
        if len(ids) > 1:
            useful = data.outcome is not types.Outcome.REJECTED
            self.citations.append(Citation(position, useful, ids))
            self.linked.update(dict.fromkeys(sorted(ids)))

    def _session(self, event: Event) -> None:
        if isinstance(event.data, types.BranchCompleted):
            self.insights.update(dict.fromkeys(one.insight_id for one in event.data.insights))
        if isinstance(event.data, _MOVES):
            self.sessions[event.session_id] = None


_MOVES: Final = (*OPENINGS, *ENDINGS)
