"""The fold of events into rows: the pure heart of the projection.

The resulting graph does not depend on how the log is cut into batches, nor on how often an event is
applied. Three rules make it so:

- A fact that happens once is kept by its first position: a session's opening, an insight's
  recording and its end.
- A fact that changes is overwritten only by a later position.
- A count (citations, mentions) takes only positions that were not counted before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from anabranch_projections.fold.effects import BatchRows

if TYPE_CHECKING:
    from collections.abc import Iterable

    from anabranch_projections.fold.positioned import PositionedEvent
    from anabranch_store import Step


def fold(events: Iterable[PositionedEvent]) -> list[Step]:
    """Return the statements that apply `events`, which stand in position order.

    There is one statement a kind of row, or a few where rows are many or long.
    """
    rows = BatchRows()
    for at in events:
        rows.add(at)
    return rows.steps()
