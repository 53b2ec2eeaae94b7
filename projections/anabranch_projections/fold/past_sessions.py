"""Past sessions: their properties in the graph, from their events alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from anabranch_projections.fold.fold import fold

if TYPE_CHECKING:
    from collections.abc import Iterable

    from anabranch_projections.fold.positioned import PositionedEvent
    from anabranch_projections.fold.rows import Row

_APPLY: Final = "projection/apply_sessions"


def past_sessions(events: Iterable[PositionedEvent]) -> list[Row]:
    """Return the properties of each session that `events` open, in the order of their opening.

    `events` are all that touch those sessions up to a position, in order: their own, and the
    hand-offs to them. Folded in one go they are the sessions of a graph of that position. The names
    are those of the graph's properties, times are text.
    """
    rows = [
        _properties(row)
        for step in fold(events)
        if step.statement == _APPLY
        for row in step.parameters["rows"]
        if row["openings"]
    ]
    return sorted(rows, key=lambda row: row["opened"])


def _properties(row: Row) -> Row:
    opening = row["openings"][0]
    return {
        **opening["properties"],
        "id": row["id"],
        "opened_at": opening["opened_at"],
        "deadline": opening["deadline"],
        **row["properties"],
        "ended_at": row["ended_at"],
        "updated": row["position"],
    }
