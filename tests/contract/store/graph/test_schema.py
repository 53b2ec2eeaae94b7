"""The schema, on every backend."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, LiteralString, cast

import pytest

from anabranch_events.event.types import InsightRecorded
from anabranch_projections import fold
from anabranch_store import Step, find_foreign
from anabranch_store.embedded.admin import admin_of
from anabranch_store.errors import VectorsMismatched
from tests.support.graphs import ask, session_with
from tests.support.histories import at, insight

if TYPE_CHECKING:
    from anabranch_store.graph.graph import Graph


async def test_applying_the_schema_again_changes_nothing(graph: Graph) -> None:
    """A second start finds its schema there and goes on."""
    await graph.apply_schema()

    assert await graph.checkpoint("graph") == 0


@pytest.mark.parametrize("graph_address", ["neo4j"], indirect=True)
async def test_several_may_make_the_schema_at_once(graph: Graph) -> None:
    """Processes that start together on a new database: none fails, and all of it is there.

    See findings/neo4j_if_not_exists_fails_where_two_make_it.sh (Neo4j 5.26.31 and 2026.09.0).
    """
    before = await _names(graph)
    for _ in range(3):
        await _drop_schema(graph)
        await asyncio.gather(*(graph.apply_schema() for _ in range(4)))

        assert await _names(graph) == before


async def _names(graph: Graph) -> set[object]:
    shown = [
        await ask(graph.address, f"SHOW {what} YIELD name") for what in ("INDEXES", "CONSTRAINTS")
    ]
    return {
        row["name"] for rows in shown for row in rows if not str(row["name"]).startswith("index_")
    }


async def _drop_schema(graph: Graph) -> None:
    for row in await ask(graph.address, "SHOW CONSTRAINTS YIELD name"):
        await ask(graph.address, cast("Any", f"DROP CONSTRAINT `{row['name']}`"))
    for row in await ask(graph.address, "SHOW INDEXES YIELD name, type WHERE type <> 'LOOKUP'"):
        await ask(graph.address, cast("Any", f"DROP INDEX `{row['name']}`"))


@pytest.mark.parametrize("graph_address", ["embedded"], indirect=True)
async def test_a_foreign_constraint_keeps_no_embedded_graph_from_starting(graph: Graph) -> None:
    """It gives way to our index of the texts."""
    await ask(graph.address, "CREATE CONSTRAINT theirs FOR (i:Insight) REQUIRE i.text IS UNIQUE")
    try:
        await graph.apply_schema()
        insights = [
            InsightRecorded(insight_id=insight(number), text="The weir is open")
            for number in (1, 2)
        ]
        for number, one in enumerate(insights, start=1):
            await graph.write(fold([at(number, one)]))
        rows = await ask(graph.address, "MATCH (i:Insight) RETURN count(i) AS count")
        assert rows == [{"count": 2}]
    finally:
        await ask(graph.address, "DROP CONSTRAINT theirs IF EXISTS")
        await graph.apply_schema()


async def test_another_dimension_is_refused(graph: Graph) -> None:
    """A graph that holds vectors of 384 numbers takes none of 512."""
    await graph.claim_vectors(model="one", dimension=384)

    with pytest.raises(VectorsMismatched, match="384"):
        await graph.apply_schema(dimension=512)


async def test_before_the_first_vector_another_dimension_may_be_chosen(graph: Graph) -> None:
    """Nothing is lost when the index of a graph without vectors is made anew, and it serves."""
    await graph.apply_schema(dimension=8)
    await graph.claim_vectors(model="small", dimension=8)
    await graph.apply_schema()
    row = {"namespace": "default", "id": insight(1), "recorded": 1, "embedding": [1.0] * 8}
    recorded = InsightRecorded(insight_id=insight(1), text="Gauge")
    embeddings = {"rows": [row], "model": "small"}
    await graph.write([*fold([at(1, recorded)]), Step("projection/set_embeddings", embeddings)])

    held = await graph.vectors_in_use()
    found = await ask(
        graph.address,
        "CALL db.index.vector.queryNodes('insight_embedding', 5, $vector) YIELD node "
        "RETURN node.text AS text",
        vector=[1.0] * 8,
    )

    assert held is not None
    assert (held.model, held.dimension) == ("small", 8)
    assert found == [{"text": "Gauge"}]


async def test_vectors_of_another_model_are_refused(graph: Graph) -> None:
    """Two models' vectors are never mixed in one graph."""
    await graph.claim_vectors(model="one", dimension=384)
    await graph.claim_vectors(model="one", dimension=384)

    with pytest.raises(VectorsMismatched, match="one"):
        await graph.claim_vectors(model="two", dimension=384)


async def test_a_vector_search_may_not_see_its_own_transaction(graph: Graph) -> None:
    """Neo4j finds a new vector after the commit, the embedded graph before it; full text both."""
    await graph.claim_vectors(model="one", dimension=384)
    vector = [1.0] * 384
    by_meaning: LiteralString = (
        "CALL db.index.vector.queryNodes('insight_embedding', 5, $vector) YIELD node "
        "RETURN count(node) AS found"
    )
    by_words: LiteralString = (
        "CALL db.index.fulltext.queryNodes('insight_text', 'gauge') YIELD node "
        "RETURN count(node) AS found"
    )

    async with session_with(graph.address) as session:
        transaction = await session.begin_transaction()
        await transaction.run(
            "CREATE (:Insight {namespace: 'n', id: 'i', text: 'gauge', embedding: $vector})",
            vector=vector,
        )
        counts = [
            (await (await transaction.run(query, vector=vector)).data())[0]["found"]
            for query in (by_meaning, by_words)
        ]
        await transaction.commit()

    assert counts == [0 if graph.product.name == "neo4j" else 1, 1]
    assert await ask(graph.address, by_meaning, vector=vector) == [{"found": 1}]


async def test_a_full_text_index_of_an_earlier_version_is_made_anew(graph: Graph) -> None:
    """One of our name that cuts words otherwise does not stay: `IF NOT EXISTS` would leave it.

    Neo4j 5.26.31 takes any index of a name for the one that is to be made, see
    findings/neo4j_if_not_exists_leaves_another_index.sh; ArcadeDB refuses another analyzer.
    """
    if graph.product.name == "neo4j":
        await ask(graph.address, "DROP INDEX insight_text")
        await ask(
            graph.address, "CREATE FULLTEXT INDEX insight_text FOR (n:Insight) ON EACH [n.text]"
        )
    else:
        admin, database = admin_of(graph.address), str(graph.address.database)
        await admin.sql(database, "DROP INDEX insight_text")
        await admin.sql(database, "CREATE INDEX insight_text ON Insight (text) FULL_TEXT")

    await graph.apply_schema()

    told = InsightRecorded(insight_id=insight(1), text="The pumps failed")
    await graph.write(fold([at(1, told)]))
    found = await ask(
        graph.address,
        "CALL db.index.fulltext.queryNodes('insight_text', 'pump') YIELD node "
        "RETURN node.text AS text",
    )
    assert found == [{"text": "The pumps failed"}]
    assert (await find_foreign(graph)).hindering == ()
