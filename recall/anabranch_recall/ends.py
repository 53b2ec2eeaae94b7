"""The ends of insights as a reader of the log sees them: only from events within its reach."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable


class End(NamedTuple):
    """An event that ended an insight: superseded `by` another, or by none."""

    position: int
    insight_id: str
    by: str | None = None


def ends_of(seen: Iterable[End]) -> dict[str, int]:
    """Return the position at which each insight ended, by the events a reader sees, in log order.

    The first end counts. An insight that has ended ends no other: of a circle the last stands.
    """
    ended: dict[str, int] = {}
    for end in seen:
        if not (end.by and end.by in ended):
            ended.setdefault(end.insight_id, end.position)
    return ended
