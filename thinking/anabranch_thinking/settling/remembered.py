"""An insight as settling reads it: where it stands in the log, and how it is worded."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from anabranch_recall import entities
from anabranch_recall.text.subject import with_subject
from anabranch_thinking.consolidation.wording import Wording

if TYPE_CHECKING:
    from datetime import datetime

    from anabranch_events import Event
    from anabranch_events.event.types import Insight

DERIVED: Final = "derived"
"""The kind of insights that only repeat others: they are no evidence of their own."""
_CLOCKS: Final = timedelta(hours=1)
"""The most by which the clocks of two machines may well differ."""


@dataclass(frozen=True, slots=True)
class Remembered:
    """One insight, with its session, its thought and its position."""

    insight_id: str
    session_id: str
    root_id: str
    position: int
    said_at: datetime
    wording: Wording
    entities: tuple[str, ...]
    valid_from: datetime | None = None
    valid_until: datetime | None = None

    @classmethod
    def of(cls, insight: Insight, event: Event, position: int) -> Remembered:
        """Read an insight that `event` recorded at `position`."""
        return cls(
            insight_id=insight.insight_id,
            session_id=event.session_id,
            root_id=event.correlationid or event.session_id,
            position=position,
            said_at=event.time,
            wording=Wording(with_subject(insight.text, insight.subject), insight.subject),
            entities=tuple(insight.entities or entities(insight.text)),
            valid_from=insight.valid_from,
            valid_until=insight.valid_until,
        )

    def is_earlier_than(self, other: Remembered) -> bool:
        """Tell whether it was said well before the other one, whichever the log has first.

        One that is imported today may have been said a year ago.
        """
        return other.said_at - self.said_at > _CLOCKS

    def follows(self, older: Remembered) -> bool:
        """Tell whether both speak of times that do not end before the other begins.

        A fact that held in May and ended then is not contradicted by one that holds in June. Nor
        does a late report of May replace a fact that holds since June.
        """
        if self.valid_from is None:
            return older.valid_until is None
        if older.valid_until is not None and older.valid_until <= self.valid_from:
            return False
        return older.valid_from is None or older.valid_from <= self.valid_from
