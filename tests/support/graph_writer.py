"""A process that owns an embedded graph and writes to it until it is killed.

`python -m tests.support.graph_writer FOLDER` prints one JSON line when it is ready ({"host",
"position", "nodes"}) and then the position of every commit that was acknowledged. When the graph's
server is killed it opens the graph again, and says so by another such line.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress
from pathlib import Path

import orjson

from anabranch_store import EmbeddedGraph, Graph, Step
from anabranch_store.errors import GraphUnavailable
from tests.support.graphs import ask
from tests.support.rounds import ENGINE

TIME = "2026-01-02T03:04:05.678Z"


async def main(folder: Path) -> None:
    """Write, and begin again when the server is gone."""
    while True:
        with suppress(GraphUnavailable):
            await _write(folder)


async def _write(folder: Path) -> None:
    """Write a node a commit, in one transaction with the checkpoint."""
    async with (
        EmbeddedGraph(folder, engine=ENGINE) as embedded,
        Graph.connect(embedded.address) as graph,
    ):
        await graph.apply_schema()
        position = await graph.checkpoint("graph")
        rows = await ask(graph.address, "MATCH (d:DeadLetter) RETURN count(d) AS nodes")
        _say({"host": embedded.pid, "position": position, "nodes": rows[0]["nodes"]})
        while await graph.write_if(_move(position), [_node(position + 1)]):
            position += 1
            _say(position)


def _move(position: int) -> Step:
    parameters = {
        "projection": "graph",
        "expected": position,
        "position": position + 1,
        "time": TIME,
    }
    return Step("projection/move_checkpoint", parameters)


def _node(position: int) -> Step:
    row = {
        "position": position,
        "namespace": "n",
        "session_id": "s",
        "error": "E",
        "reason": "r" * 200,
    }
    return Step("projection/put_aside", {"rows": [row]})


def _say(line: object) -> None:
    sys.stdout.buffer.write(orjson.dumps(line) + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
