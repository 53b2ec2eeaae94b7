"""Associations with their whole history, so that a weight as of any position is exact."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from anabranch_recall.moment import NEVER, LinkThen

if TYPE_CHECKING:
    from anabranch_projections.recall_index.entries import Cited, Linked, Unlinked

STRENGTHENED: Final = 0.1
WEAKENED: Final = 0.9


@dataclass(slots=True, eq=False)
class _Link:
    """One association between its forming and its end; after each citation its weight and time."""

    one: str
    other: str
    kind: str
    position: int
    retired: int
    positions: list[int]
    weights: list[float]
    since: list[int]

    def then(self, position: int) -> LinkThen | None:
        """Return how it stood at a position; None before it was formed and after its end."""
        if self.position > position or self.retired <= position:
            return None
        at = bisect_right(self.positions, position) - 1
        place = (self.one, self.other, self.kind, self.weights[at], self.since[at])
        return LinkThen(*place, self.position)


@dataclass(slots=True)
class Links:
    """The associations of one namespace."""

    _of: dict[str, list[_Link]] = field(default_factory=dict[str, list[_Link]])
    _open: dict[tuple[str, str, str], _Link] = field(
        default_factory=dict[tuple[str, str, str], _Link]
    )

    def form(self, entry: Linked) -> None:
        """Form an association; the one before it between the same two ends here."""
        key = (entry.from_id, entry.to_id, entry.kind)
        self._end(key, entry.position)
        first = ([entry.position], [entry.weight], [entry.time])
        link = _Link(*key, entry.position, NEVER, *first)
        self._open[key] = link
        self._of.setdefault(entry.from_id, []).append(link)
        self._of.setdefault(entry.to_id, []).append(link)

    def sever(self, entry: Unlinked) -> None:
        """End the association, where there is one."""
        self._end((entry.from_id, entry.to_id, entry.kind), entry.position)

    def cite(self, entry: Cited) -> None:
        """Strengthen or weaken the associations that hold between the insights cited together."""
        cited = set(entry.insight_ids)
        for insight_id in entry.insight_ids:
            for link in self._of.get(insight_id, ()):
                if link.one == insight_id and link.other in cited and link.retired == NEVER:
                    self._move(link, entry)

    def then(self, insight_id: str, position: int) -> list[LinkThen]:
        """Return the associations of an insight as they stood, in the order they were formed."""
        links = (link.then(position) for link in self._of.get(insight_id, ()))
        return [link for link in links if link is not None]

    def _end(self, key: tuple[str, str, str], position: int) -> None:
        link = self._open.pop(key, None)
        if link is not None:
            link.retired = position

    @staticmethod
    def _move(link: _Link, entry: Cited) -> None:
        weight = link.weights[-1]
        if entry.useful:
            link.weights.append(weight + STRENGTHENED * (1.0 - weight))
            link.since.append(entry.time)
        else:
            link.weights.append(weight * WEAKENED)
            link.since.append(link.since[-1])
        # Last: a reader on another thread finds a position only when its weight is there.
        link.positions.append(entry.position)
