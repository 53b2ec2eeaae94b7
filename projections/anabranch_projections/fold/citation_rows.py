"""The rows of a batch about the use of insights: citations, which move weights.

Weights depend on the order of citations. So a statement carries them as ordered steps, and the
graph takes those it has not taken before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from anabranch_events.event.types import InsightCited, Outcome
from anabranch_projections.fold.rows import ROWS_MAX, Row, steps

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from anabranch_projections.fold.positioned import PositionedEvent
    from anabranch_store import Step


class CitationRows:
    """The citations of one batch, in position order."""

    def __init__(self) -> None:
        self._citations: list[tuple[str, Row]] = []

    def cite(self, at: PositionedEvent, data: InsightCited) -> None:
        """Cite insights together: used, confirmed or rejected."""
        self._citations.append(
            (
                at.namespace,
                {
                    "position": at.position,
                    "time": at.time,
                    "useful": data.outcome is not Outcome.REJECTED,
                    "confirmed": data.outcome is Outcome.CONFIRMED,
                    "ids": list(dict.fromkeys(data.insight_ids)),
                },
            )
        )

    def steps(self) -> Iterator[Step]:
        """Return the statements that count citations and move the weights of associations."""
        for chunk in self._chunks():
            yield from steps("projection/cite_insights", _insights(chunk))
            yield from steps(
                "projection/cite_associations",
                _places(chunk),
                shared={"citations": [citation for _, citation in chunk]},
            )

    def _chunks(self) -> Iterator[list[tuple[str, Row]]]:
        """Cut the citations, in order, so that no statement gets more rows than it may."""
        chunk: list[tuple[str, Row]] = []
        size = 0
        for namespace, citation in self._citations:
            if chunk and size + len(citation["ids"]) > ROWS_MAX:
                yield chunk
                chunk, size = [], 0
            chunk.append((namespace, citation))
            size += len(citation["ids"])
        if chunk:
            yield chunk


def _insights(citations: list[tuple[str, Row]]) -> list[Row]:
    """Make a row for each insight: where it was of use, where confirmed, and the last of any."""
    rows: dict[tuple[str, str], Row] = {}
    for namespace, citation in citations:
        for insight_id in citation["ids"]:
            row = rows.setdefault(
                (namespace, insight_id),
                {
                    "namespace": namespace,
                    "id": insight_id,
                    "useful": [],
                    "confirmed": [],
                    "last": 0,
                },
            )
            row["last"] = citation["position"]
            if citation["useful"]:
                row["useful"].append(citation["position"])
            if citation["confirmed"]:
                row["confirmed"].append(citation["position"])
    return list(rows.values())


def _places(citations: Sequence[tuple[str, Row]]) -> list[Row]:
    """Make a row for each insight cited in company: the places of those citations in the chunk.

    A hub has thousands of associations and is cited often. So the places are listed by the other
    insight: an association looks up its own, and not through all of them.
    """
    rows: dict[tuple[str, str], Row] = {}
    for place, (namespace, citation) in enumerate(citations):
        ids: list[str] = citation["ids"]
        if len(ids) == 1:
            continue
        for insight_id in ids:
            row = rows.setdefault(
                (namespace, insight_id), {"namespace": namespace, "id": insight_id, "others": {}}
            )
            for other in ids:
                row["others"].setdefault(other, []).append(place)
    return list(rows.values())
