"""The digest, on every backend: the same content gives the same hash, any other another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, LiteralString

import pytest

from tests.support.graphs import ask
from tests.support.rounds import neo4j_in_full_only, two_stores

if TYPE_CHECKING:
    from anabranch_store import Graph

pytestmark = [neo4j_in_full_only, two_stores]

EMPTY: Final = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
DIGEST: Final = "b78b8f8a61a826dbd125fd1703ce6d340106fae1ea98be212e600fa68d867f87"

NODES: Final[list[tuple[LiteralString, dict[str, Any]]]] = [
    (
        "CREATE (s:Session) SET s += $properties SET s.opened_at = datetime($time)",
        {
            "properties": {
                "namespace": "river",
                "id": "0193a000-0000-7000-8000-000000000001",
                "task": "measure the water: \u00e9, \U0001f30a, a tab\tand 'quotes'",
                "depth": 0,
                "opened": 1,
                "working_memory.plan": '{"a": [1, 2.5, null]}',
            },
            "time": "2026-01-02T03:04:05.678Z",
        },
    ),
    (
        "CREATE (i:Insight) SET i += $properties SET i.recorded_at = datetime($time)",
        {
            "properties": {
                "namespace": "river",
                "id": "0193a000-0000-7000-8000-000000000002",
                "text": "The gauge at the weir reads 1.20 m.",
                "confidence": 0.1 + 0.2,
                "tags": ["gauge", "weir"],
                "entities": [],
                "recorded": 2,
            },
            "time": "2026-01-02T05:04:06+02:00",
        },
    ),
    (
        "CREATE (i:Insight) SET i += $properties",
        {
            "properties": {
                "namespace": "river",
                "id": "0193a000-0000-7000-8000-000000000003",
                "confidence": 1.0,
                "recorded": 9_007_199_254_740_993,
            }
        },
    ),
    ("CREATE (e:Entity {namespace: 'river', name: 'weir', mentions: 1})", {}),
    (
        "CREATE (d:DeadLetter {position: 4, namespace: 'river', session_id: 'x', error: 'EventInvalid', reason: 'unreadable'})",
        {},
    ),
]

RELATIONSHIPS: Final[list[LiteralString]] = [
    "MATCH (s:Session), (i:Insight {recorded: 2}) CREATE (s)-[:PRODUCED {recorded: 2}]->(i)",
    "MATCH (i:Insight {recorded: 2}), (e:Entity) CREATE (i)-[:MENTIONS {recorded: 2}]->(e)",
    "MATCH (a:Insight {recorded: 2}), (b:Insight) WHERE b.recorded > 2  CREATE (a)-[:ASSOCIATED_WITH {kind: 'related', weight: 0.55, recorded: 3, retired: 5}]->(b)",
    "MATCH (a:Insight {recorded: 2}), (b:Insight) WHERE b.recorded > 2  CREATE (a)-[:ASSOCIATED_WITH {kind: 'related', weight: 0.7, recorded: 5}]->(b)",
]

CHANGES: Final[list[LiteralString]] = [
    "MATCH (s:Session) SET s.depth = 1",
    "MATCH (s:Session) SET s.opened_at = datetime('2026-01-02T03:04:05.679Z')",
    "MATCH (i:Insight {recorded: 2}) SET i.confidence = 0.3",
    "MATCH (i:Insight {recorded: 2}) SET i.tags = ['weir', 'gauge']",
    "MATCH (e:Entity) SET e.name = 'Weir'",
    "MATCH (d:DeadLetter) SET d.error = 'other'",
    "MATCH ()-[r:PRODUCED]->() DELETE r",
    "MATCH ()-[r:ASSOCIATED_WITH {recorded: 5}]->() SET r.weight = 0.70000000000000007",
    "MATCH (i:Insight {recorded: 2})-[r:MENTIONS]->(e) CREATE (e)-[:MENTIONS {recorded: 2}]->(i) DELETE r",
    "CREATE (:Agent {namespace: 'river', name: 'a'})",
]

NO_CHANGES: Final[list[LiteralString]] = [
    "CREATE (:Checkpoint {projection: 'vectors', position: 7, updated_at: datetime()})",
    "MATCH (i:Insight {recorded: 2}) SET i.embedding_model = 'one'",
    "MATCH (d:DeadLetter) SET d.reason = 'another wording'",
    "MATCH (s:Session) SET s.opened_at = datetime('2026-01-02T04:04:05.678+01:00')",
    "MATCH (s:Session) SET s.gone = null",
    "MATCH (n) SET n.score = 0.5, n:Scored",
    "CREATE (:Session {id: 'theirs', title: 'a chat'}), (:Entity {name: 'weir'}), (:Movie)",
    "CREATE (:Entity {name: 'lock'})<-[:MENTIONS {recorded: 2}]-(:Insight {text: 'theirs'})",
    "MATCH (e:Entity) CREATE (:Chunk {text: 'a'})-[:MENTIONS {recorded: 2}]->(e)",
    "MATCH (s:Session), (i:Insight {recorded: 2}) CREATE (s)-[:PRODUCED]->(i), (s)-[:LIKES]->(i)",
    "MATCH ()-[r:MENTIONS]->() SET r.score = 0.5",
]


async def test_an_empty_graph_has_the_digest_of_nothing(graph: Graph) -> None:
    """Its schema is no content."""
    digest = await graph.digest()

    assert digest.digest == EMPTY
    assert digest.position == 0


async def test_the_same_content_has_the_same_digest_on_every_store(graph: Graph) -> None:
    """The order of writing, internal ids and the store itself leave no trace in it."""
    await _fill(graph, NODES)

    digest = await graph.digest()

    assert digest.digest == DIGEST


async def test_another_order_of_writing_gives_the_same_digest(graph: Graph) -> None:
    """Nodes get other internal ids, and the digest does not show it."""
    await _fill(graph, NODES[::-1])

    digest = await graph.digest()

    assert digest.digest == DIGEST


async def test_every_change_of_content_shows(graph: Graph) -> None:
    """One property, one time, one relationship or its direction: each gives another digest."""
    await _fill(graph, NODES)
    seen = [(await graph.digest()).digest]

    for change in CHANGES:
        await ask(graph.address, change)
        seen.append((await graph.digest()).digest)

    assert len(set(seen)) == len(CHANGES) + 1


@pytest.mark.parametrize("change", NO_CHANGES)
async def test_what_events_do_not_determine_does_not_show(
    graph: Graph, change: LiteralString
) -> None:
    """Checkpoints, vectors, a reason's wording, another zone for a moment, and what others write."""
    await _fill(graph, NODES)

    await ask(graph.address, change)

    assert (await graph.digest()).digest == DIGEST


async def test_the_digest_says_its_position(graph: Graph) -> None:
    """It stands for the events up to the projection's checkpoint."""
    await ask(graph.address, "CREATE (:Checkpoint {projection: 'graph', position: 42})")

    assert (await graph.digest()).position == 42


async def _fill(graph: Graph, nodes: list[tuple[LiteralString, dict[str, Any]]]) -> None:
    for cypher, parameters in nodes:
        await ask(graph.address, cypher, **parameters)
    for cypher in RELATIONSHIPS:
        await ask(graph.address, cypher)
