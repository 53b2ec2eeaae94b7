"""The book of a namespace: what settling knows of it, as a fold of the log.

The same events give the same book, so a successor goes on where another stopped.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Final

from anabranch_events.event.types import (
    AssociationFormed,
    BranchCompleted,
    ConflictOpened,
    ConsolidationRecorded,
    InsightCited,
    InsightExpired,
    InsightForgotten,
    InsightRecorded,
    InsightRetracted,
    InsightSuperseded,
    Outcome,
)
from anabranch_recall.candidates import RESTATED
from anabranch_recall.ends import Ends
from anabranch_thinking.consolidation.links import SIMILAR
from anabranch_thinking.sessions.state import end_of
from anabranch_thinking.settling.neighbours import LATEST, Neighbours
from anabranch_thinking.settling.remembered import DERIVED, Remembered

if TYPE_CHECKING:
    from collections.abc import Iterable

    from anabranch_events import Event
    from anabranch_events.event.types import Insight

INSIGHTS_MAX: Final = 50_000
"""The number of latest insights that a book holds."""
CITED_TOGETHER_MAX: Final = 8
"""A citation of more insights says little of each two of them."""
Pair = frozenset[str]


@dataclass(slots=True)
class Group:
    """Insights that say one fact, and how many of them the last consolidation cites."""

    members: list[str]
    recorded: int = 0


class Book:
    """The insights of a namespace, and what was said of each two of them."""

    def __init__(self) -> None:
        self.insights: dict[str, Remembered] = {}
        self.neighbours = Neighbours()
        self.linked: set[Pair] = set()
        self.links: Counter[str] = Counter()
        self.opposed: set[Pair] = set()
        self.groups: dict[str, Group] = {}
        """The group of each insight that says what others say."""
        self.mentions: dict[str, deque[str]] = {}
        self.mention_counts: Counter[str] = Counter()
        self.cited_with: dict[str, set[str]] = {}
        self._ends = Ends()
        self._to_end: set[str] = set()

    def holds(self, insight_id: str) -> bool:
        """Tell whether an insight is known and has not ended."""
        return (
            insight_id in self.insights
            and insight_id not in self._ends.ended
            and insight_id not in self._to_end
        )

    def take(self, event: Event, position: int) -> list[str]:
        """Take in an event; return the insights that are to be looked at for it."""
        match event.data:
            case InsightRecorded() as data:
                return self._learned(data, event, position)
            case BranchCompleted() as data:
                return [
                    each for one in data.insights for each in self._learned(one, event, position)
                ]
            case (
                InsightSuperseded() | InsightRetracted() | InsightExpired() | InsightForgotten()
            ) as data:
                self._ends.add(end_of(data, position))
                self._to_end.discard(data.insight_id)
                if isinstance(data, InsightForgotten | InsightExpired):
                    self._drop(data.insight_id)
            case AssociationFormed() as data:
                self.link(data.from_id, data.to_id)
                if data.kind == SIMILAR:
                    self.neighbours.linked(data.from_id, data.to_id, data.weight)
            case ConflictOpened() as data:
                self.opposed.add(frozenset(data.insights))
            case ConsolidationRecorded(method=method) as data if method == RESTATED:
                self.group(data.sources)
            case InsightCited() as data:
                return self._cited(data)
            case _:
                pass
        return []

    def latest_without_vector(self, before: int) -> list[str]:
        """Return the latest insights up to a position whose vectors are not at hand."""
        held = [each for each, one in self.insights.items() if one.position <= before]
        return [each for each in held[-LATEST:] if not self.neighbours.has_vector(each)]

    def link(self, one: str, other: str) -> None:
        """Note that two insights are linked; they are not linked again, even once unlinked."""
        pair = frozenset((one, other))
        if pair not in self.linked:
            self.linked.add(pair)
            self.links.update(pair)

    def group(self, sources: Iterable[str]) -> None:
        """Note a consolidation of insights that say one fact."""
        members = [*sources]
        known = self.groups.get(members[0]) if members else None
        if known is not None and set(members) <= set(known.members):
            known.recorded = max(known.recorded, len(members))
        else:
            self.groups.update(dict.fromkeys(members, Group(members, recorded=len(members))))

    def supersede(self, older: str) -> None:
        """Note that an insight is to end, which the log does not say yet."""
        self._to_end.add(older)

    def _learned(self, insight: Insight, event: Event, position: int) -> list[str]:
        if insight.kind == DERIVED or insight.insight_id in self.insights:
            return []
        found = Remembered.of(insight, event, position)
        if not found.wording.stems or insight.insight_id in self._ends.ended:
            return []
        self.insights[insight.insight_id] = found
        self.neighbours.add(found)
        for name in dict.fromkeys(found.entities):
            self.mention_counts[name] += 1
            self.mentions.setdefault(name, deque(maxlen=CITED_TOGETHER_MAX)).append(
                insight.insight_id
            )
        if len(self.insights) > INSIGHTS_MAX:
            self._drop(next(iter(self.insights)))
        return [insight.insight_id]

    def _cited(self, data: InsightCited) -> list[str]:
        cited = sorted({each for each in data.insight_ids if each in self.insights})
        if data.outcome is Outcome.REJECTED or not 1 < len(cited) <= CITED_TOGETHER_MAX:
            return []
        for one, other in combinations(cited, 2):
            self.cited_with.setdefault(other, set()).add(one)
        return cited

    def _drop(self, insight_id: str) -> None:
        self.insights.pop(insight_id, None)
        self.neighbours.drop(insight_id)
        self.cited_with.pop(insight_id, None)
        self.groups.pop(insight_id, None)
