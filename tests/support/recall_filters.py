"""A history whose insights differ in all that recall filters by, and the choice of each filter."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from anabranch_events.event import types
from anabranch_recall.filters import Filters
from tests.support.histories import at, insight, moment, session

if TYPE_CHECKING:
    from anabranch_events.event.types import EventData
    from anabranch_projections import PositionedEvent

YEAR: Final = timedelta(days=365)
TEXT: Final = "The gauge at Delta Bay number {} drifts"


def _said(number: int, **fields: Any) -> types.InsightRecorded:
    return types.InsightRecorded(
        insight_id=insight(number), text=TEXT.format(number), entities=("Delta Bay",), **fields
    )


def filtered_history() -> list[PositionedEvent]:
    """Return eight insights of two sessions; of them one is over, one to come, two have ended."""
    told: list[tuple[EventData, int, str | None]] = [
        (types.SessionOpened(task="Watch", role="watcher"), 1, "ada"),
        (types.SessionOpened(task="Lend", role="banker"), 2, "ben"),
        (_said(1, tags=("water", "salt"), kind="fact"), 1, "ada"),
        (_said(2, tags=("water",), confidence=0.5), 1, "ben"),
        (_said(3, kind="derived", tags=("water",)), 2, "ben"),
        (_said(4, valid_until=moment(0) - YEAR), 2, "ben"),
        (_said(5, valid_from=moment(0) + YEAR), 2, "ben"),
        (_said(6, valid_from=moment(0) - YEAR, valid_until=moment(0) + YEAR), 2, None),
        (_said(7), 2, "ben"),
        (types.InsightRetracted(insight_id=insight(7), reason="wrong"), 2, "ben"),
        (_said(8, kind="fact"), 1, "ada"),
        (
            types.InsightSuperseded(
                insight_id=insight(8), by=insight(1), valid_until=moment(0) - YEAR
            ),
            1,
            "ada",
        ),
    ]
    return [
        at(position, data, of=session(of), agent=agent)
        for position, (data, of, agent) in enumerate(told, start=1)
    ]


KEPT: Final[tuple[tuple[dict[str, Any], set[int]], ...]] = (
    ({}, {1, 2, 6}),
    ({"include_retired": True}, {1, 2, 4, 5, 6, 7, 8}),
    ({"filters": Filters(tags=("water",))}, {1, 2}),
    ({"filters": Filters(tags=("water", "salt"))}, {1}),
    ({"filters": Filters(tags=("sand",))}, set()),
    ({"filters": Filters(kinds=("fact",))}, {1}),
    ({"filters": Filters(kinds=("derived",))}, {3}),
    ({"filters": Filters(kinds=("fact", "derived"))}, {1, 3}),
    ({"filters": Filters(kinds=("none of them",))}, set()),
    ({"filters": Filters(agent="ada")}, {1}),
    ({"filters": Filters(agent="ben")}, {2, 6}),
    ({"filters": Filters(agent="nobody")}, set()),
    ({"filters": Filters(role="banker")}, {6}),
    ({"filters": Filters(role="baker")}, set()),
    ({"filters": Filters(confidence_min=0.6)}, {1, 6}),
    ({"filters": Filters(since=moment(4))}, {2, 6}),
    ({"filters": Filters(until=moment(4))}, {1, 2}),
    ({"filters": Filters(since=moment(4), until=moment(7))}, {2}),
    ({"filters": Filters(valid_at=moment(0) - 2 * YEAR)}, {1, 2, 4}),
    ({"filters": Filters(valid_at=moment(0) + 2 * YEAR)}, {1, 2, 5}),
    ({"filters": Filters(valid_at=moment(0)), "include_retired": True}, {1, 2, 6, 7}),
    ({"filters": Filters(tags=("water",), agent="ben", kinds=("observation",))}, {2}),
    ({"as_of": 9}, {1, 2, 6, 7}),
    ({"as_of": 11}, {1, 2, 6, 8}),
    ({"scope": "session", "session_id": session(2), "filters": Filters(kinds=("derived",))}, {3}),
    ({"scope": "session", "session_id": session(1), "filters": Filters(kinds=("fact",))}, {1}),
)
"""Fields of a question, and the numbers of the insights that it may be answered with."""


def kept_by(fields: dict[str, Any]) -> str:
    """Return the name of a case."""
    shown = {name: value for name, value in fields.items() if name != "filters"}
    filters = fields.get("filters")
    return str({**shown, **(filters.model_dump(exclude_defaults=True) if filters else {})})
