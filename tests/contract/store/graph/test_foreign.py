"""A graph that others write to as well: what is theirs is seen, told apart, and left alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from anabranch_events.event import types
from anabranch_projections import fold
from anabranch_store import delete_namespace, find_foreign
from tests.support.graphs import ask, empty
from tests.support.histories import at, insight
from tests.support.rounds import neo4j_in_full_only

if TYPE_CHECKING:
    from typing import LiteralString

    from anabranch_store import Graph

pytestmark = neo4j_in_full_only

EVENTS: Final = [
    at(1, types.SessionOpened(task="Tides"), agent="ada"),
    at(2, types.InsightRecorded(insight_id=insight(1), text="High", entities=("weir", "noon"))),
    at(3, types.InsightRecorded(insight_id=insight(2), text="Low", entities=("weir",))),
    at(4, types.WorkingMemorySet(key="plan", value=1)),
]
THEIRS: Final[tuple[LiteralString, ...]] = (
    "MATCH (e:Entity) SET e.community = 7, e:Person",
    "CREATE (:Session {id: 'chat-1', title: 'Theirs'}), (:Session {id: 'chat-2'})",
    "CREATE (:Note {body: 'Theirs'}), (:DeadLetter {queue: 'mail'}), (:Checkpoint {thread_id: 't'})",
    "MATCH (e:Entity {name: 'noon'}) CREATE (:Chunk {text: 'c'})-[:MENTIONS]->(e)",
    "MATCH (i:Insight {recorded: 2}) CREATE (i)-[:MENTIONS]->(:Entity {name: 'theirs'})",
    "CREATE (:Insight {namespace: 'default', text: 'Theirs, in a namespace of ours'})",
)


async def shared(graph: Graph) -> None:
    """Fill the graph with ours and theirs."""
    await empty(graph.address)
    await graph.write(fold(EVENTS))
    for command in THEIRS:
        await ask(graph.address, command)


async def test_what_is_foreign_is_told(graph: Graph) -> None:
    """Nodes without our keys are counted, and what stands on our nodes is named."""
    await shared(graph)

    found = await find_foreign(graph, whole=True)

    assert found.nodes == {
        "Checkpoint": 1,
        "DeadLetter": 1,
        "Entity": 1,
        "Insight": 1,
        "Note": 1,
        "Session": 2,
    }
    assert found.properties == {"Entity": ("community",)}
    assert found.labels == {"Entity": ("Person",)}
    assert found.hindering == ()


async def test_a_quick_look_counts_the_same_nodes(graph: Graph) -> None:
    """The stores' own counts are enough for it; the embedded graph has no other writers."""
    await shared(graph)

    found = await find_foreign(graph)

    theirs = {"Entity": 1, "Insight": 1, "Note": 1, "Session": 2}
    assert found.nodes == (theirs if graph.product.name == "neo4j" else {})


async def test_forgetting_takes_no_node_of_others_along(graph: Graph) -> None:
    """An entity goes though others linked to it, and what they linked it to stays."""
    await shared(graph)

    await graph.write(fold([at(5, types.InsightForgotten(insight_id=insight(1), receipt="7"))]))

    names = await ask(graph.address, "MATCH (e:Entity) RETURN e.name AS name ORDER BY name")
    assert [row["name"] for row in names] == ["theirs", "weir"]
    assert await ask(graph.address, "MATCH (c:Chunk) RETURN c.text AS text") == [{"text": "c"}]
    links = await ask(graph.address, "MATCH (:Insight)-[m:MENTIONS]->(e) RETURN e.name AS name")
    assert sorted(row["name"] for row in links) == ["theirs", "weir"]


async def test_a_namespace_ends_beside_nodes_of_others(graph: Graph) -> None:
    """The deletion is over though a foreign node has its namespace, and no dead letter is counted."""
    await shared(graph)

    await delete_namespace(graph, "default")

    left = await ask(graph.address, "MATCH (n) WHERE n.namespace = 'default' RETURN n.text AS text")
    assert left == [{"text": "Theirs, in a namespace of ours"}]
    assert await graph.read("projection/count_dead_letters") == [{"dead_letters": 0}]


async def test_a_constraint_of_others_and_a_lost_index_are_told(graph: Graph) -> None:
    """On Neo4j a constraint on a label of ours is named, and an index of ours that is gone."""
    if graph.product.name != "neo4j":
        assert (await find_foreign(graph)).hindering == ()
        return
    await empty(graph.address)
    await ask(
        graph.address, "CREATE CONSTRAINT their_names FOR (e:Entity) REQUIRE e.name IS UNIQUE"
    )
    await ask(graph.address, "DROP INDEX insight_text")
    try:
        found = (await find_foreign(graph)).hindering
    finally:
        await ask(graph.address, "DROP CONSTRAINT their_names")
        await graph.apply_schema()

    assert found == (
        "constraint their_names (UNIQUENESS) on Entity (name)",
        "index insight_text is not there; another may stand on Insight (text)",
    )
    assert (await find_foreign(graph)).hindering == ()
