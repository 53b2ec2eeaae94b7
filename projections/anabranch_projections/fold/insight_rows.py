"""The rows of a batch about insights and consolidations: recorded, ended, perhaps erased.

For each of these the first event counts. So a batch keeps the first, and the statements leave alone
what the graph has already.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final

from anabranch_events.event.identifiers import canonical_uuid, composed
from anabranch_projections.fold.positioned import spelt, timestamp_or_none
from anabranch_projections.fold.rows import Row, steps

FORGETTING: Final = (
    "projection/forget_copies",
    "projection/forget_insights",
    "projection/forget_derived",
)
"""The statements that forget insights, and return those that are derived from them: next ones."""

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from anabranch_events.event.types import ConsolidationRecorded, Insight
    from anabranch_projections.fold.positioned import PositionedEvent
    from anabranch_store import Step


class _Ends:
    """Ends of a batch that do not depend on each other: of different insights, all of one sort."""

    def __init__(self, *, superseding: bool) -> None:
        self._superseding = superseding
        self._rows: dict[tuple[str, str], Row] = {}

    def takes(self, row: Row) -> bool:
        """Tell whether `row` stands beside the others: of their sort, and of other insights.

        One that states a time does so for an insight that holds. A retraction among the others may
        have let it hold again, so it comes behind them.
        """
        keys = {(row["namespace"], row["id"]), (row["namespace"], row["by"])}
        behind = row["valid_until"] is not None and any(
            one["retracted"] for one in self._rows.values()
        )
        same = (row["by"] is not None) == self._superseding
        return same and not behind and not keys & self._rows.keys()

    def add(self, row: Row) -> None:
        """Add a row that was found to stand beside the others."""
        self._rows[row["namespace"], row["id"]] = row

    def steps(self) -> Iterator[Step]:
        """Return the statements that end insights, and let hold again what others gave way to."""
        rows = [*self._rows.values()]
        yield from steps("projection/retire_insights", rows)
        if self._superseding:
            yield from steps("projection/supersede_insights", rows)
        yield from steps("projection/restore_insights", [row for row in rows if row["retracted"]])


class InsightRows:
    """The insight rows of one batch, in position order."""

    def __init__(self) -> None:
        self._recorded: dict[tuple[str, str], Row] = {}
        self._derived: list[Row] = []
        self._ends: list[_Ends] = []
        self._consolidations: dict[tuple[str, str], Row] = {}
        self._forgotten: dict[tuple[str, str], Row] = {}

    def record(self, at: PositionedEvent, insight: Insight) -> None:
        """Record an insight of the event's session."""
        key = (at.namespace, insight.insight_id)
        if key in self._recorded:
            return
        self._recorded[key] = {
            "namespace": at.namespace,
            "id": insight.insight_id,
            "session_id": at.session_id,
            "agent": at.agent,
            "kind": insight.kind,
            "confidence": insight.confidence,
            "recorded": at.position,
            "recorded_at": at.time,
            "valid_from": timestamp_or_none(insight.valid_from),
            "valid_until": timestamp_or_none(insight.valid_until),
            "content": {
                "text": insight.text,
                "subject": spelt(insight.subject),
                "tags": list(map(composed, insight.tags)),
                "entities": list(dict.fromkeys(map(composed, insight.entities))),
                "sources": list(insight.sources),
            },
        }
        sources = source_insights(insight)
        if sources:
            self._derived.append(
                {
                    "namespace": at.namespace,
                    "id": insight.insight_id,
                    "recorded": at.position,
                    "sources": sources,
                }
            )

    def retire(
        self,
        at: PositionedEvent,
        insight_id: str,
        *,
        reason: str | None,
        by: str | None = None,
        valid_until: datetime | None = None,
        lets_go: bool = True,
    ) -> None:
        """End an insight at the event's position, unless it has ended before.

        One that has ended itself ends no other, and a retraction lets others hold again. An end
        that `lets_go` of nothing does not. So an end that may depend on another of the batch goes
        into statements of their own behind it.
        """
        row = {
            "namespace": at.namespace,
            "id": insight_id,
            "session_id": at.session_id,
            "by": by,
            "position": at.position,
            "reason": reason,
            "valid_until": timestamp_or_none(valid_until),
            "retracted": by is None and lets_go,
        }
        if not self._ends or not self._ends[-1].takes(row):
            self._ends.append(_Ends(superseding=by is not None))
        self._ends[-1].add(row)

    def forget(self, at: PositionedEvent, insight_id: str, *, receipt: str) -> None:
        """Erase the content of an insight, for good."""
        self._forgotten.setdefault(
            (at.namespace, insight_id),
            {
                "namespace": at.namespace,
                "id": insight_id,
                "position": at.position,
                "receipt": receipt,
            },
        )

    def consolidate(self, at: PositionedEvent, data: ConsolidationRecorded) -> None:
        """Record a consolidation with the sessions it joins and the insights behind it."""
        key = (at.namespace, data.consolidation_id)
        if key in self._consolidations:
            return
        self._consolidations[key] = {
            "namespace": at.namespace,
            "id": data.consolidation_id,
            "recorded_at": at.time,
            "sessions": list(dict.fromkeys(data.sessions)),
            "sources": list(dict.fromkeys(data.sources)),
            "properties": {
                "root_id": data.root_id,
                "text": data.text,
                "method": data.method,
                "recorded": at.position,
            },
        }

    def steps(self) -> Iterator[Step]:
        """Return the statements that record and end insights."""
        yield from steps("projection/record_insights", self._recorded.values())
        for ends in self._ends:
            yield from ends.steps()
        yield from steps("projection/record_consolidations", self._consolidations.values())

    def last_steps(self) -> Iterator[Step]:
        """Return the statements that come after all others: nothing erased comes back."""
        derived, asked = self._derived, self._forgotten.values()
        yield from steps("projection/derive_insights", derived, onward=FORGETTING)
        yield from steps("projection/ask_forgotten", asked, onward=FORGETTING)


def source_insights(insight: Insight) -> list[str]:
    """Return the insights that one names as its sources: those that are ids, once each."""
    found: dict[str, None] = {}
    for source in insight.sources:
        with suppress(ValueError):
            found[canonical_uuid(source)] = None
    found.pop(insight.insight_id, None)
    return list(found)
