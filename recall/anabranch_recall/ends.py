"""The ends of insights as a reader of the log sees them: only from events within its reach.

The rules, in log order:

- An insight ends when it is superseded, retracted, expired or forgotten. Of several ends the first
  counts.
- One that has ended ends no other, and none itself: of a circle the last stands.
- A retracted one holds no other down: an insight that it superseded holds again. Not so where that
  one was retracted itself, or where one that was not took its place, be it by several steps.
- A forgotten or expired one holds down what it superseded: nobody said that it was wrong.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class End(NamedTuple):
    """An event that ended an insight: superseded `by` another, or by none."""

    position: int
    insight_id: str
    by: str | None = None
    forgotten: bool = False
    expired: bool = False


class Lapse(NamedTuple):
    """A stretch in which an insight did not hold, and after which it held again."""

    start: int
    until: int


class Ends:
    """The ends of insights, taken in one after another in log order."""

    def __init__(self) -> None:
        self.ended: dict[str, int] = {}
        """The position at which each insight ended, for those that do not hold."""
        self.lapses: dict[str, list[Lapse]] = {}
        self._final: set[str] = set()
        self._retracted: set[str] = set()
        self._powerless: set[str] = set()
        self._over: dict[str, list[str]] = {}
        self._under: dict[str, list[str]] = {}

    def add(self, end: End) -> set[str]:
        """Take in an end; return the insights that end or hold again by it."""
        if end.by:
            return self._supersede(end)
        ended = {end.insight_id} - self.ended.keys()
        self.ended.setdefault(end.insight_id, end.position)
        if end.insight_id in self._final:
            return ended
        self._final.add(end.insight_id)
        if end.forgotten or end.expired:
            return ended
        self._retracted.add(end.insight_id)
        return ended | set(self._let_go(end))

    def then(self, insight_id: str, position: int) -> int | None:
        """Return where an insight had ended as of a position, None where it held."""
        ended = self.ended.get(insight_id)
        if ended is not None and ended <= position:
            return ended
        lapses = self.lapses.get(insight_id, ())
        return next((each.start for each in lapses if each.start <= position < each.until), None)

    def _supersede(self, end: End) -> set[str]:
        by = end.by or ""
        if by in self.ended or by == end.insight_id or end.insight_id in self._final:
            return set()
        self._over.setdefault(end.insight_id, []).append(by)
        self._under.setdefault(by, []).append(end.insight_id)
        if end.insight_id in self.ended:
            return set()
        self.ended[end.insight_id] = end.position
        return {end.insight_id}

    def _let_go(self, end: End) -> Iterator[str]:
        """Yield what holds again, now that an insight was retracted."""
        waiting = [end.insight_id]
        while waiting:
            insight_id = waiting.pop()
            if not self._powerless.issuperset(self._over.get(insight_id, ())):
                continue
            if insight_id in self._retracted:
                self._powerless.add(insight_id)
                waiting += self._under.pop(insight_id, ())
            elif insight_id not in self._final and insight_id in self.ended:
                lapse = Lapse(self.ended.pop(insight_id), end.position)
                self.lapses.setdefault(insight_id, []).append(lapse)
                yield insight_id


def ends_of(seen: Iterable[End]) -> dict[str, int]:
    """Return where the insights ended that do not hold, by the events a reader sees, in order."""
    ends = Ends()
    for end in seen:
        ends.add(end)
    return ends.ended
