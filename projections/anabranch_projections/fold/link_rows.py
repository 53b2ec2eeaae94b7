"""The rows of a batch about links that begin and end: associations and conflicts.

Each beginning is a relationship of its own, with the positions between which it lives. So a read as
of any position is a filter.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from anabranch_projections.fold.rows import Row, steps

if TYPE_CHECKING:
    from collections.abc import Iterator

    from anabranch_events.event.types import AssociationFormed, AssociationSevered
    from anabranch_projections.fold.positioned import PositionedEvent
    from anabranch_store import Step


class LinkRows:
    """The association and conflict rows of one batch, in position order."""

    def __init__(self) -> None:
        self._associations: dict[tuple[str, str, str, str], Row] = {}
        self._conflicts: dict[tuple[str, str, str], Row] = {}

    def form(self, at: PositionedEvent, data: AssociationFormed) -> None:
        """Form an association; one between the same two of the same kind ends here."""
        row = self._end(at, data)
        row["formed"].append(
            {
                "recorded": at.position,
                "recorded_at": at.time,
                "retired": None,
                "weight": data.weight,
                "reason": data.reason,
            }
        )

    def sever(self, at: PositionedEvent, data: AssociationSevered) -> None:
        """End the association between two insights of a kind, where there is one."""
        self._end(at, data)

    def open_conflict(
        self, at: PositionedEvent, insights: tuple[str, str], *, subject: str
    ) -> None:
        """Open a conflict between two insights; one that is open already stays open."""
        self._conflict(at, insights)["opened"].append(
            {"recorded": at.position, "subject": subject, "retired": None, "decision": None}
        )

    def resolve_conflict(
        self, at: PositionedEvent, insights: tuple[str, str], *, decision: str
    ) -> None:
        """End every open conflict between two insights."""
        row = self._conflict(at, insights)
        for opened in row["opened"]:
            if opened["retired"] is None:
                opened.update(retired=at.position, decision=decision)
        row["resolved"].append({"position": at.position, "decision": decision})

    def steps(self) -> Iterator[Step]:
        """Return the statements that begin and end links."""
        forwards, backwards = self._by_lighter_end()
        yield from steps("projection/associate_insights", forwards)
        yield from steps("projection/associate_insights_backwards", backwards)
        yield from steps("projection/oppose_insights", self._conflicts.values())

    def _by_lighter_end(self) -> tuple[list[Row], list[Row]]:
        """Divide the associations by the end at which fewer of the batch meet.

        A store looks at all the links of the insight at which it begins. So for a hub that gets
        thousands it begins at the others.
        """
        rows = [*self._associations.values()]
        begin = Counter((row["namespace"], row["from_id"]) for row in rows)
        end = Counter((row["namespace"], row["to_id"]) for row in rows)
        forwards: list[Row] = []
        backwards: list[Row] = []
        for row in rows:
            namespace = row["namespace"]
            heavy = begin[namespace, row["from_id"]] > end[namespace, row["to_id"]]
            (backwards if heavy else forwards).append(row)
        return forwards, backwards

    def _end(self, at: PositionedEvent, data: AssociationFormed | AssociationSevered) -> Row:
        row = self._associations.setdefault(
            (at.namespace, data.from_id, data.to_id, data.kind),
            {
                "namespace": at.namespace,
                "from_id": data.from_id,
                "to_id": data.to_id,
                "kind": data.kind,
                "formed": [],
                "ends": [],
            },
        )
        row["ends"].append(at.position)
        formed: list[Row] = row["formed"]
        if formed and formed[-1]["retired"] is None:
            formed[-1]["retired"] = at.position
        return row

    def _conflict(self, at: PositionedEvent, insights: tuple[str, str]) -> Row:
        first, second = sorted(insights)
        return self._conflicts.setdefault(
            (at.namespace, first, second),
            {
                "namespace": at.namespace,
                "from_id": first,
                "to_id": second,
                "opened": [],
                "resolved": [],
            },
        )
