"""A text that an endpoint has no vector for keeps no other insight from its own."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

from anabranch_events import new_event
from anabranch_events.event import types
from anabranch_projections import Projector, VectorProjector
from anabranch_store import EmbeddingEndpoint
from tests.support.embeddings import DIMENSION, MODEL, EmbeddingsServer
from tests.support.graphs import ask
from tests.support.histories import insight, session

if TYPE_CHECKING:
    from anabranch_events import Log
    from anabranch_store import Graph

# What is put aside never comes to a store.
pytestmark = pytest.mark.parametrize("graph_address", ["embedded"], indirect=True)


async def test_a_text_without_a_vector_is_put_aside(
    log: Log, graph: Graph, caplog: pytest.LogCaptureFixture
) -> None:
    """Those before and after it have theirs, it has none, and the log of the process says so."""
    await graph.apply_schema(dimension=DIMENSION)
    texts = [f"Gauge {number}" for number in range(5)]
    await log.ingest(
        new_event(
            types.InsightRecorded(insight_id=insight(number), text=text),
            session_id=session(1),
            namespace="default",
        )
        for number, text in enumerate(texts)
    )
    await Projector(log, graph).run(to=len(texts))

    with EmbeddingsServer() as endpoint:
        endpoint.bad = {"Gauge 2": [math.nan] * DIMENSION}
        async with EmbeddingEndpoint(endpoint.url, model=MODEL, dimension=DIMENSION) as embedder:
            await VectorProjector(log, graph, embedder).run(to=len(texts))

    rows = await ask(
        graph.address,
        "MATCH (i:Insight) WHERE i.embedding IS NOT NULL RETURN i.text AS text ORDER BY i.text",
    )
    assert [row["text"] for row in rows] == ["Gauge 0", "Gauge 1", "Gauge 3", "Gauge 4"]
    assert "gives no vector for 1 of 5 texts" in caplog.text
