"""The ends of insights, by the sessions that brought them about."""

from __future__ import annotations

from dataclasses import dataclass, field
from operator import attrgetter
from typing import TYPE_CHECKING

from anabranch_recall.ends import End, Ends, ends_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from anabranch_projections.recall_index.entries import Retired


@dataclass(slots=True)
class Endings:
    """The ends of one namespace's insights, in log order."""

    _by_session: dict[str, list[Retired]] = field(default_factory=dict[str, list["Retired"]])
    _ends: Ends = field(default_factory=Ends)
    _until: dict[str, dict[int, int]] = field(default_factory=dict[str, dict[int, int]])

    def add(self, change: Retired) -> set[str]:
        """Take in an end; return the insights that end or hold again by it, for the namespace."""
        self._by_session.setdefault(change.session_id, []).append(change)
        changed = self._ends.add(_end(change))
        if change.insight_id in changed and change.valid_until is not None:
            self._until.setdefault(change.insight_id, {})[change.position] = change.valid_until
        return changed

    def held(self, insight_id: str) -> int | None:
        """Return where an insight ended for the namespace, None while it holds."""
        return self._ends.ended.get(insight_id)

    def ended(self) -> Iterator[str]:
        """Yield every insight that has ended for the namespace."""
        yield from self._ends.ended

    def lapsed(self, position: int) -> dict[str, int]:
        """Return where insights had ended as of a position that hold again by now."""
        return {
            insight_id: lapse.start
            for insight_id, lapses in self._ends.lapses.items()
            for lapse in lapses
            if lapse.start <= position < lapse.until
        }

    def validity(self, position: int) -> dict[str, int]:
        """Return until when insights held in the world, where their end said so by `position`."""
        found: dict[str, int] = {}
        for insight_id, untils in tuple(self._until.items()):
            ended = self._ends.then(insight_id, position)
            if ended is not None and ended in untils:
                found[insight_id] = untils[ended]
        return found

    def within(self, windows: Mapping[str, int]) -> dict[str, int]:
        """Return where insights ended for a reader who sees sessions up to these positions."""
        seen = [
            each
            for session_id, until in windows.items()
            for each in tuple(self._by_session.get(session_id, ()))
            if each.position <= until
        ]
        seen.sort(key=attrgetter("position"))
        return ends_of(map(_end, seen))


def _end(change: Retired) -> End:
    return End(change.position, change.insight_id, change.by, change.forgotten, change.expired)
