"""The rows of a batch about insights and consolidations: recorded, ended, perhaps erased.

For each of these the first event counts. So a batch keeps the first, and the statements leave alone
what the graph has already.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from anabranch_projections.fold.positioned import timestamp_or_none
from anabranch_projections.fold.rows import Row, steps

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from anabranch_events.event.types import ConsolidationRecorded, Insight
    from anabranch_projections.fold.positioned import PositionedEvent
    from anabranch_store import Step


class InsightRows:
    """The insight rows of one batch, in position order."""

    def __init__(self) -> None:
        self._recorded: dict[tuple[str, str], Row] = {}
        self._superseded: dict[tuple[str, str, str], Row] = {}
        self._retired: list[dict[tuple[str, str], Row]] = [{}]
        self._ends: list[Row] = []
        self._ended: set[tuple[str, str]] = set()
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
            "agent": at.event.agent,
            "kind": insight.kind,
            "confidence": insight.confidence,
            "recorded": at.position,
            "recorded_at": at.time,
            "valid_from": timestamp_or_none(insight.valid_from),
            "valid_until": timestamp_or_none(insight.valid_until),
            "content": {
                "text": insight.text,
                "tags": list(insight.tags),
                "entities": list(dict.fromkeys(insight.entities)),
                "sources": list(insight.sources),
            },
        }

    def supersede(self, at: PositionedEvent, insight_id: str, *, by: str) -> None:
        """Link an insight to the newer one that took its place."""
        if by == insight_id:
            return
        self._superseded.setdefault(
            (at.namespace, insight_id, by),
            {"namespace": at.namespace, "id": insight_id, "by": by, "recorded": at.position},
        )

    def retire(
        self,
        at: PositionedEvent,
        insight_id: str,
        *,
        reason: str | None,
        by: str | None = None,
        valid_until: datetime | None = None,
    ) -> None:
        """End an insight at the event's position, unless it has ended before.

        One that has ended itself ends no other. So an end that depends on another of the batch
        goes into a statement of its own behind it. The event's session is kept with each end:
        for a reader in a lineage only those count that it sees.
        """
        key = (at.namespace, insight_id)
        self._ends.append(
            {
                "namespace": at.namespace,
                "id": insight_id,
                "session_id": at.session_id,
                "by": by,
                "recorded": at.position,
            }
        )
        if key in self._ended:
            return
        if by is None:
            self._ended.add(key)
        if key in self._retired[-1] or (at.namespace, by) in self._retired[-1]:
            self._retired.append({})
        self._retired[-1][key] = {
            "namespace": at.namespace,
            "id": insight_id,
            "by": by,
            "position": at.position,
            "reason": reason,
            "valid_until": timestamp_or_none(valid_until),
        }

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
        yield from steps("projection/supersede_insights", self._superseded.values())
        for retired in self._retired:
            yield from steps("projection/retire_insights", retired.values())
        yield from steps("projection/end_insights", self._ends)
        yield from steps("projection/record_consolidations", self._consolidations.values())

    def last_steps(self) -> Iterator[Step]:
        """Return the statements that come after all others: nothing erased comes back."""
        yield from steps("projection/forget_insights", self._forgotten.values())
