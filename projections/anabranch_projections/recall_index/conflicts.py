"""Conflicts between insights with their whole history: which were open at a position."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from anabranch_recall.moment import NEVER, ConflictThen

if TYPE_CHECKING:
    from anabranch_projections.recall_index.entries import Opposed, Reconciled


@dataclass(slots=True, eq=False)
class _Conflict:
    """One conflict between its opening and its resolution."""

    one: str
    other: str
    position: int
    resolved: int = NEVER


@dataclass(slots=True)
class Conflicts:
    """The conflicts of one namespace. Their subjects stand in the log and the graph alone."""

    _of: dict[str, list[_Conflict]] = field(default_factory=dict[str, list[_Conflict]])

    def open(self, entry: Opposed) -> None:
        """Open a conflict between two insights; each opening is one of its own."""
        conflict = _Conflict(entry.one, entry.other, entry.position)
        self._of.setdefault(entry.one, []).append(conflict)
        self._of.setdefault(entry.other, []).append(conflict)

    def resolve(self, entry: Reconciled) -> None:
        """End every open conflict between two insights."""
        for conflict in self._of.get(entry.one, ()):
            if entry.other in {conflict.one, conflict.other} and conflict.resolved == NEVER:
                conflict.resolved = entry.position

    def then(self, insight_id: str, position: int) -> list[ConflictThen]:
        """Return the conflicts of an insight that were open at a position, the oldest first."""
        return [
            ConflictThen(each.other if each.one == insight_id else each.one, each.position)
            for each in self._of.get(insight_id, ())
            if each.position <= position < each.resolved
        ]
