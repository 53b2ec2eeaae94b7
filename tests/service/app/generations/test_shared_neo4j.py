"""A memory on a Neo4j that others use too: it says what is theirs, and mends what is its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from anabranch import Memory
from anabranch.doctor import examine
from tests.support.graphs import ask, empty
from tests.support.rounds import in_full_only

if TYPE_CHECKING:
    from anabranch.settings import Settings
    from anabranch_store import GraphAddress

pytestmark = [pytest.mark.timeout(900), in_full_only]


async def test_what_is_foreign_is_said_and_left_by_a_repair(
    own_settings: Settings, neo4j_address: GraphAddress
) -> None:
    """Status counts foreign nodes, doctor names their constraint, and both are there afterwards."""
    await empty(neo4j_address)
    settings = own_settings.changed(
        neo4j_uri=neo4j_address.uri,
        neo4j_username=neo4j_address.username,
        neo4j_password=neo4j_address.password,
        neo4j_database=neo4j_address.database,
        embedder="none",
    )
    async with Memory.open(settings=settings) as memory:
        receipt = await memory.remember("The gauge at the weir drifts", entities=["weir"])
        await memory.wait_for(receipt.position)
        whole = await memory.graph.digest()
        await ask(
            neo4j_address,
            "MATCH (e:Entity) SET e.score = 1 CREATE (:Session {title: 'theirs'})-[:ABOUT]->(e)",
        )
        await ask(neo4j_address, "MATCH (i:Insight) SET i.text = 'Wrong'")
        await ask(neo4j_address, "CREATE CONSTRAINT theirs FOR (e:Entity) REQUIRE e.name IS UNIQUE")
        try:
            status = (await memory.status()).graph
            checks = {check.name: check for check in await examine(settings)}
            mended = await memory.graph.repair()
        finally:
            await ask(neo4j_address, "DROP CONSTRAINT theirs")

        assert status.foreign == {"Session": 1}
        assert status.hindering == ("constraint theirs (UNIQUENESS) on Entity (name)",)
        assert not checks["others"].ok
        assert "property score on our Entity nodes" in checks["others"].detail
        assert (mended.mended, mended.nodes_changed, mended.digest) == (True, 1, whole.digest)
        kept = await ask(
            neo4j_address,
            "MATCH (s:Session)-[:ABOUT]->(e:Entity) RETURN s.title AS title, e.score AS score",
        )
        assert kept == [{"title": "theirs", "score": 1}]
    await empty(neo4j_address)
