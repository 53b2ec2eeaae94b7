"""The repair of a graph in place, on both stores: as the log says, and nothing of others lost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest

from anabranch_events.event import types
from anabranch_projections import PROJECTOR_VERSION, GraphNotBegun, Projector, fold, repair
from anabranch_projections.repair import repairing
from anabranch_projections.run.batch import put_aside
from anabranch_store import (
    Foreign,
    Graph,
    create_database,
    difference,
    drop_database,
    find_foreign,
    mending,
    read_stamp,
    stamp,
)
from anabranch_store.graph.content import LINKS
from tests.contract.projections.fold.test_effects import CASES
from tests.service.projections.test_repeats import said, story
from tests.support.graphs import ask, empty
from tests.support.histories import insight
from tests.support.rounds import neo4j_in_full_only, two_stores

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from typing import LiteralString

    from anabranch_events import Event, Log
    from anabranch_store import EmbeddedGraph

pytestmark = [neo4j_in_full_only, two_stores]

FOREIGN: Final[tuple[LiteralString, ...]] = (
    "MATCH (e:Entity) SET e.community = 7, e:Person",
    "MATCH (e:Entity) CREATE (:Chunk {text: 'theirs'})-[:MENTIONS {score: 0.5}]->(e)",
    "CREATE (:Session {id: 'chat', title: 'Theirs'})-[:PRODUCED]->(:Insight {text: 'Theirs'})",
)
LETTER: Final = {
    "position": 99,
    "namespace": "default",
    "session_id": "s",
    "error": "EventInvalid",
    "reason": "unreadable",
    "projection": "graph",
    "put_aside_at": "2026-01-02T03:04:05.000+00:00",
}
DAMAGES: Final[tuple[LiteralString, ...]] = (
    "MATCH (i:Insight) WHERE i.text STARTS WITH 'High at' SET i.text = 'Wrong', i.tags = ['x']",
    "MATCH (i:Insight) WHERE i.text STARTS WITH 'High comes' SET i.recorded_at = datetime()",
    "MATCH (i:Insight) WHERE i.text STARTS WITH 'High comes' DETACH DELETE i",
    "MATCH ()-[r:ASSOCIATED_WITH]->() SET r.weight = 0.01",
    "MATCH ()-[r:PRODUCED]->() WHERE r.recorded IS NOT NULL DELETE r",
    "MATCH (n:Note) SET n.value = 'null'",
    "MATCH (e:Entity {name: 'noon'}) SET e.mentions = 9",
    "CREATE (:Insight {namespace: 'default', id: 'no-event', text: 'Made up', recorded: 3})",
    "CREATE (:Agent {namespace: 'default', name: 'nobody'})-[:RAN {recorded: 1}]->(:Session {namespace: 'default', id: 'nothing', opened: 1})",
    "CREATE (:Agent {namespace: 'default', name: 'decorated', theirs: 1})-[:KNOWS]->(:Person)",
    "MATCH (s:Session {namespace: 'default'}) SET s.`working_memory.tide` = '\"low\"'",
)


@pytest.fixture
async def wanted(embedded_graph: EmbeddedGraph) -> AsyncIterator[Graph]:
    """Open an empty graph to fold the log into."""
    address = await create_database(embedded_graph.address)
    async with Graph.connect(address) as opened:
        await opened.apply_schema()
        yield opened
    await drop_database(address)


def told() -> list[Event]:
    """Return a history with most kinds of nodes and relationships, and of times."""
    one, two, three = insight(1), insight(2), insight(3)
    return [
        *story(),
        said(types.InsightRecorded(insight_id=three, text="It is 7 m", valid_until=_later())),
        said(types.InsightSuperseded(insight_id=two, by=three, reason="measured")),
        said(types.InsightRetracted(insight_id=one, reason="misread")),
        said(
            types.ConsolidationRecorded(
                consolidation_id=insight(9),
                root_id=said(types.SessionOpened(task="t")).subject,
                sessions=(said(types.SessionOpened(task="t")).subject,),
                sources=(one, three),
                text="Tides are 7 m",
                method="extractive",
            )
        ),
    ]


def _later() -> Any:
    return said(types.SessionOpened(task="t")).time


async def theirs(graph: Graph) -> list[dict[str, Any]]:
    """Return all that others wrote, by the statements above."""
    return await ask(
        graph.address,
        """MATCH (e:Entity:Person) WHERE e.community = 7
        OPTIONAL MATCH (e)<-[m:MENTIONS]-(c:Chunk)
        OPTIONAL MATCH (s:Session {title: 'Theirs'})-[p:PRODUCED]->(i:Insight)
        RETURN e.name AS name, m.score AS score, c.text AS chunk, i.text AS text ORDER BY name""",
    )


async def test_a_damaged_graph_becomes_what_the_log_says(
    log: Log, graph: Graph, wanted: Graph
) -> None:
    """Changes, losses and additions of every kind go; what others wrote stays as it is."""
    await empty(graph.address)
    events = told()
    await log.append_all(events)
    await Projector(log, graph).run(to=len(events))
    whole = await graph.digest()
    for command in (*FOREIGN, *DAMAGES):
        await ask(graph.address, command)
    assert (await graph.digest()).digest != whole.digest
    foreign = await theirs(graph)

    mended = await repair(log, graph, wanted)

    assert mended.mended
    assert await graph.digest() == whole
    assert (mended.position, mended.digest) == (len(events), whole.digest)
    assert mended.nodes_added == 1
    assert mended.nodes_removed == 4
    assert await theirs(graph) == foreign
    assert [
        row["theirs"]
        for row in await ask(
            graph.address,
            "MATCH (a:Agent)-[:KNOWS]->(:Person) RETURN a.theirs AS theirs, a.name AS name",
        )
    ] == [1]
    again = await repair(log, graph, wanted)
    assert again[1:6] == (0, 0, 0, 0, 0)


async def test_a_look_changes_nothing(log: Log, graph: Graph, wanted: Graph) -> None:
    """The differences are counted, and stay."""
    await empty(graph.address)
    events = story()
    await log.append_all(events)
    await Projector(log, graph).run(to=len(events))

    whole = await repair(log, graph, wanted, dry_run=True)
    await ask(graph.address, "MATCH (n:Note) SET n.value = 'null'")
    damaged = await graph.digest()

    found = await repair(log, graph, wanted, dry_run=True)

    assert (whole.mended, whole[1:6]) == (False, (0, 0, 0, 0, 0))
    assert (found.mended, found.nodes_changed, found.digest) == (False, 1, damaged.digest)
    assert await graph.digest() == damaged


async def test_an_older_graph_becomes_one_of_this_version(
    log: Log, graph: Graph, wanted: Graph
) -> None:
    """Notes that were properties are nodes afterwards, and the stamp says so."""
    await empty(graph.address)
    events = story()
    await log.append_all(events)
    await Projector(log, graph).run(to=len(events))
    await stamp(graph, log="", projector_version=5)
    await ask(
        graph.address,
        "MATCH (s:Session)-[:NOTED]->(n:Note) SET s.`working_memory.tide` = n.value "
        "DETACH DELETE n",
    )

    mended = await repair(log, graph, wanted)

    found = await read_stamp(graph)
    assert found is not None
    assert (mended.mended, found.projector_version) == (True, PROJECTOR_VERSION)
    rows = await ask(
        graph.address,
        "MATCH (s:Session)-[:NOTED]->(n:Note) RETURN n.value AS note, "
        "size([k IN keys(s) WHERE k STARTS WITH 'working_memory.']) AS old",
    )
    assert rows == [{"note": '"low"', "old": 0}]


async def test_projecting_goes_on_after_a_repair(log: Log, graph: Graph, wanted: Graph) -> None:
    """The checkpoint is let go, and the next events are applied."""
    await empty(graph.address)
    events = story()
    await log.append_all(events)
    await Projector(log, graph).run(to=4)

    await repair(log, graph, wanted)
    await Projector(log, graph).run(to=len(events))

    await Projector(log, wanted).run(to=len(events))
    assert await graph.digest() == await wanted.digest()


async def test_a_graph_that_holds_nothing_is_refused(log: Log, graph: Graph, wanted: Graph) -> None:
    """Projecting fills it; there is nothing to repair."""
    await empty(graph.address)

    with pytest.raises(GraphNotBegun, match="no checkpoint"):
        await repair(log, graph, wanted)


async def test_a_graph_that_lost_everything_is_whole_again(graph: Graph, wanted: Graph) -> None:
    """Every kind of node and relationship is made as the projector makes it."""
    await empty(graph.address)
    for kind, case in CASES.items():
        if not issubclass(kind, types.NamespaceDeleted | types.SessionForgotten):
            await wanted.write(fold(case.events))
    await wanted.write([*put_aside([LETTER])])
    whole = await wanted.digest()
    assert await find_foreign(wanted, whole=True) == Foreign(properties={}, labels={})
    [all_of_it] = await ask(
        wanted.address,
        "RETURN COUNT { MATCH (n) WHERE NOT n:Vectors } + COUNT { MATCH ()-[r]->() } AS rows",
    )
    assert (await wanted.content_hashes()).total() == all_of_it["rows"]

    for step in repairing(mending(await difference(graph, wanted))):
        await graph.write([step])

    assert (await graph.digest()).digest == whole.digest
    found = await ask(graph.address, "MATCH ()-[r]->() RETURN DISTINCT type(r) AS type")
    assert {row["type"] for row in found} == set(LINKS)
