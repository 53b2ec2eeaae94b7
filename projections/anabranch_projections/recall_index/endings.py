"""The ends of insights, by the sessions that brought them about."""

from __future__ import annotations

from dataclasses import dataclass, field
from operator import attrgetter
from typing import TYPE_CHECKING

from anabranch_recall.ends import End, ends_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from anabranch_projections.recall_index.entries import Retired


@dataclass(slots=True)
class Endings:
    """The ends of one namespace's insights, in log order."""

    _by_session: dict[str, list[Retired]] = field(default_factory=dict[str, list["Retired"]])
    _held: dict[str, Retired] = field(default_factory=dict[str, "Retired"])

    def add(self, change: Retired) -> bool:
        """Take in an end; tell whether it is the one that holds for the namespace."""
        self._by_session.setdefault(change.session_id, []).append(change)
        if change.by in self._held or change.insight_id in self._held:
            return False
        self._held[change.insight_id] = change
        return True

    def held(self, insight_id: str) -> Retired | None:
        """Return the end of an insight that holds for the namespace."""
        return self._held.get(insight_id)

    def ended(self) -> Iterator[str]:
        """Yield every insight that has ended for the namespace."""
        yield from self._held

    def within(self, windows: Mapping[str, int]) -> dict[str, int]:
        """Return where insights ended for a reader who sees sessions up to these positions."""
        seen = [
            each
            for session_id, until in windows.items()
            for each in tuple(self._by_session.get(session_id, ()))
            if each.position <= until
        ]
        seen.sort(key=attrgetter("position"))
        return ends_of(End(each.position, each.insight_id, each.by) for each in seen)
