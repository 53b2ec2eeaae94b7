"""kill -9 of the vector projection at work: every vector comes, and few texts are computed twice."""

from __future__ import annotations

import asyncio
import json
import random
import sys
from asyncio.subprocess import PIPE
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from anabranch_events import new_event, new_id
from anabranch_events.event import types
from anabranch_projections import Projector, VectorProjector
from anabranch_projections.vectors.cache import EMBEDDED_AT_ONCE
from anabranch_store import EmbeddingEndpoint
from tests.support.embeddings import DIMENSION, MODEL, EmbeddingsServer
from tests.support.graphs import ask
from tests.support.histories import insight, session
from tests.support.repository import ROOT
from tests.support.rounds import KILL_ROUNDS, in_full_only

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from anabranch_events import Log, NatsServer
    from anabranch_store import Graph

# The cache is the log's; the store has no part in what is computed twice.
pytestmark = pytest.mark.parametrize("graph_address", ["embedded"], indirect=True)

KILLS = min(KILL_ROUNDS, 5)
TEXTS = 600 * KILLS


@asynccontextmanager
async def _projecting(
    server: NatsServer, graph: Graph, endpoint: EmbeddingsServer
) -> AsyncGenerator[None]:
    """Run the projection in a process, and kill it at the end."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.support.embedding", cwd=ROOT, stdin=PIPE
    )
    address = graph.address
    order = {
        "url": server.url,
        "token": server.token,
        "endpoint": endpoint.url,
        "address": {
            **address.model_dump(exclude={"outside_password", "reader_password"}),
            "password": address.password.get_secret_value(),
        },
    }
    assert process.stdin is not None
    process.stdin.write(json.dumps(order).encode() + b"\n")
    await process.stdin.drain()
    try:
        yield
    finally:
        process.kill()
        await process.communicate()


@in_full_only
async def test_a_kill_computes_at_most_one_batch_again(
    nats_server: NatsServer, log: Log, graph: Graph
) -> None:
    """However often the projection is killed, every insight has its vector in the end."""
    await graph.apply_schema(dimension=DIMENSION)
    texts = [f"Gauge {number} {new_id()}" for number in range(TEXTS)]
    await log.ingest(
        new_event(
            types.InsightRecorded(insight_id=insight(number), text=text),
            session_id=session(1),
            namespace="default",
        )
        for number, text in enumerate(texts)
    )
    await Projector(log, graph).run(to=TEXTS)
    chance = random.Random()  # noqa: S311 - where it is killed is never the same.
    killed = 0

    with EmbeddingsServer(dimension=DIMENSION) as endpoint:
        endpoint.dawdle_s = 0.05
        for _ in range(KILLS):
            endpoint.asked.clear()
            async with _projecting(nats_server, graph, endpoint):
                assert await asyncio.to_thread(endpoint.asked.wait, 60)
                await asyncio.sleep(chance.uniform(0.0, 0.2))
            killed += await graph.checkpoint("vectors") < TEXTS
        async with EmbeddingEndpoint(endpoint.url, model=MODEL, dimension=DIMENSION) as embedder:
            await VectorProjector(log, graph, embedder).run(to=TEXTS)
        computed = len(endpoint.texts)

    [found] = await ask(
        graph.address,
        "MATCH (i:Insight) WHERE i.embedding IS NOT NULL RETURN count(i) AS vectors",
    )
    assert found["vectors"] == TEXTS
    assert set(endpoint.texts) == set(texts)
    assert killed
    assert computed - TEXTS <= KILLS * EMBEDDED_AT_ONCE
