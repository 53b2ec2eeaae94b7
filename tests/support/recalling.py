"""Steps that tests of recall share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from anabranch_recall import Question
from anabranch_store import Graph, GraphRanker
from tests.support.histories import moment
from tests.support.learning import HashingEmbedder
from tests.support.patience import PATIENCE_S

if TYPE_CHECKING:
    from anabranch_recall import Embedder, Recollection


def both_ways(
    graph: Graph, *, embedder: Embedder | None = None, timeout_s: float = PATIENCE_S
) -> list[GraphRanker]:
    """Return a ranker that scans what is in reach, and one that goes through the indexes."""
    return [
        GraphRanker(
            graph,
            embedder or HashingEmbedder(),
            scan_max=scan_max,
            timeout_s=timeout_s,
            clock=lambda: moment(1000),
        )
        for scan_max in (2000, 0)
    ]


def ids(recollection: Recollection) -> list[str]:
    """Return the ids of the hits, best first."""
    return [hit.insight_id for hit in recollection.hits]


def ask(text: str, **fields: Any) -> Question:
    """Return a question to the namespace `default`."""
    return Question.model_validate({"text": text, "namespace": "default", **fields})
