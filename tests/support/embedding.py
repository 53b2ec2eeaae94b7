"""A vector projection as a process of its own, to be killed.

`python -m tests.support.embedding` starts it.
"""

from __future__ import annotations

import asyncio
import json
import sys

from pydantic import SecretStr

from anabranch_events import Log
from anabranch_projections import VectorProjector
from anabranch_store import EmbeddingEndpoint, Graph, GraphAddress
from tests.support.embeddings import DIMENSION, MODEL


async def _project() -> None:
    order = json.loads(sys.stdin.readline())
    address = order["address"]
    address["password"] = SecretStr(address["password"])
    async with (
        Log.connect(order["url"], token=order["token"]) as log,
        Graph.connect(GraphAddress(**address)) as graph,
        EmbeddingEndpoint(order["endpoint"], model=MODEL, dimension=DIMENSION) as embedder,
    ):
        await VectorProjector(log, graph, embedder).run()


if __name__ == "__main__":
    asyncio.run(_project())
