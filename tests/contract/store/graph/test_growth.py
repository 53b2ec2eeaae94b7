"""Nodes and relationships that outgrow the place they were stored in, and what stands beside them."""

from __future__ import annotations

import os
import random
import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, LiteralString

import pytest
from pydantic import SecretStr

from anabranch_store import (
    EmbeddedGraph,
    Graph,
    GraphAddress,
    create_database,
    drop_database,
)
from anabranch_store.embedded.admin import admin_of
from anabranch_store.graph.schema import KEYS, RELATIONSHIP_TYPES
from tests.support.graphs import ask, session_with
from tests.support.neo4j_server import CannotAssemble, Neo4jServer
from tests.support.rounds import ENGINE, in_full_only, neo4j_in_full_only

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from pathlib import Path

pytestmark = neo4j_in_full_only

NODES = 300
GROWING = 3
SIZES = (10, 100, 1_000, 70_000)
"""Of a text, in the order in which it grows; the last is more than a page of any store."""
AT_ONCE = 20
SEED = 20261128
MAKE_NODES = """
UNWIND $rows AS row CREATE (n:Entity {namespace: 'n', name: row.name}) SET n.text = row.text"""
MAKE_RELATIONSHIPS = """
UNWIND $rows AS row
MATCH (a:Entity {namespace: 'n', name: row.name}), (b:Entity {namespace: 'n', name: '0'})
CREATE (a)-[r:ASSOCIATED_WITH {name: row.name}]->(b) SET r.text = row.text"""
GROW_NODES = (
    "UNWIND $rows AS row MATCH (n:Entity {namespace: 'n', name: row.name}) SET n.text = row.text"
)
GROW_RELATIONSHIPS = """
UNWIND $rows AS row
MATCH (:Entity {namespace: 'n', name: row.name})-[r:ASSOCIATED_WITH]->() SET r.text = row.text"""
READ_NODES = "MATCH (n:Entity) RETURN n.name AS name, n.text AS text"
READ_RELATIONSHIPS = "MATCH ()-[r:ASSOCIATED_WITH]->() RETURN r.name AS name, r.text AS text"

Texts = dict[str, str | None]


class Garden:
    """What was written: a text for each node and each relationship, the smallest of them none."""

    def __init__(self, address: GraphAddress) -> None:
        self.address = address
        chance = random.Random(SEED)  # noqa: S311 - repeatable, not secret.
        sizes = [0 if at % GROWING == 0 else chance.randint(300, 700) for at in range(NODES)]
        self.nodes: Texts = {str(at): "n" * size or None for at, size in enumerate(sizes)}
        self.relationships: Texts = {str(at): "r" * size or None for at, size in enumerate(sizes)}
        self._growing = [str(at) for at in range(0, NODES, GROWING)]
        chance.shuffle(self._growing)

    async def plant(self) -> None:
        """Make all of them, side by side."""
        await self._write(MAKE_NODES, self.nodes, list(self.nodes))
        await self._write(MAKE_RELATIONSHIPS, self.relationships, list(self.relationships))

    async def grow(self) -> None:
        """Let every third grow, step after step, in one order and then in the other."""
        for size in SIZES:
            self._growing.reverse()
            for name in self._growing:
                self.nodes[name] = f"{name}-" + "g" * size
                self.relationships[name] = f"{name}-" + "h" * size
            await self._write(GROW_NODES, self.nodes, self._growing)
            await self._write(GROW_RELATIONSHIPS, self.relationships, self._growing)

    async def _write(self, cypher: LiteralString, texts: Texts, names: Sequence[str]) -> None:
        async with session_with(self.address) as session:
            for start in range(0, len(names), AT_ONCE):
                rows = [
                    {"name": name, "text": texts[name]} for name in names[start : start + AT_ONCE]
                ]

                async def work(transaction: Any, rows: list[dict[str, str | None]] = rows) -> None:
                    await (await transaction.run(cypher, rows=rows)).consume()

                await session.execute_write(work)


async def stands(address: GraphAddress) -> tuple[Texts, Texts]:
    """Return the texts that a graph holds, of its nodes and of its relationships."""
    nodes = await ask(address, READ_NODES)
    relationships = await ask(address, READ_RELATIONSHIPS)
    return (
        {row["name"]: row["text"] for row in nodes},
        {row["name"]: row["text"] for row in relationships},
    )


async def test_what_grows_leaves_its_neighbours_alone(graph: Graph) -> None:
    """Texts grow past a page in many steps; each of them, and all between them, read as written."""
    garden = Garden(graph.address)
    await garden.plant()

    await garden.grow()

    assert await stands(graph.address) == (garden.nodes, garden.relationships)


@in_full_only
async def test_what_has_grown_is_there_after_a_kill_and_a_close(tmp_path: Path) -> None:
    """The embedded graph holds the same when its server was killed, and when it was closed."""
    folder = tmp_path / "graph"
    async with EmbeddedGraph(folder, engine=ENGINE) as embedded:
        async with Graph.connect(embedded.address) as graph:
            await graph.apply_schema()
            garden = Garden(embedded.address)
            await garden.plant()
            await garden.grow()
        os.kill(embedded.pid, signal.SIGKILL)
    found: list[tuple[Texts, Texts]] = []

    for _ in range(2):
        async with EmbeddedGraph(folder, engine=ENGINE) as embedded:
            found.append(await stands(embedded.address))

    assert found == [(garden.nodes, garden.relationships)] * 2


@in_full_only
async def test_what_has_grown_on_neo4j_is_there_after_a_kill() -> None:
    """A Neo4j that was killed and started again holds the same."""
    with _neo4j() as server:
        address = GraphAddress(
            uri=server.uri, username=server.username, password=SecretStr(server.password)
        )
        async with Graph.connect(address) as graph:
            await graph.apply_schema()
        garden = Garden(address)
        await garden.plant()
        await garden.grow()

        server.restart()

        assert await stands(address) == (garden.nodes, garden.relationships)


async def test_the_embedded_graph_stores_nodes_and_relationships_only(
    embedded_graph: EmbeddedGraph,
) -> None:
    """ArcadeDB 26.10 loses what stands beside a document of a few bytes that grows: we have none.

    A node's record begins with the places of its relationships, and is never as small.
    """
    address = await create_database(embedded_graph.address)
    async with Graph.connect(address) as graph:
        await graph.apply_schema()

    body = {
        "language": "sql",
        "command": "SELECT type, count(*) AS n FROM schema:types GROUP BY type",
    }
    answer = await admin_of(address)._post(f"command/{address.database}", body, request="types")  # pyright: ignore[reportPrivateUsage]  # Our own code never asks for them.

    assert {row["type"]: row["n"] for row in answer["result"]} == {
        "vertex": len(KEYS),
        "edge": len(RELATIONSHIP_TYPES),
    }
    await drop_database(address)


@contextmanager
def _neo4j() -> Generator[Neo4jServer]:
    try:
        with Neo4jServer() as server:
            yield server
    except CannotAssemble as error:
        pytest.skip(f"no Neo4j here: {error}")
