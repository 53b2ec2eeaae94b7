"""The other side: a loader written by hand, which is given ready rows and writes them by UNWIND.

It has no log, no checkpoint and no guard against replay, and it knows beforehand what is new and
what is there. A list of 1,000 events is one transaction, a kind of row one statement, as ours are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, LiteralString

from neo4j import AsyncGraphDatabase

if TYPE_CHECKING:
    from collections.abc import Iterable

    from neo4j import AsyncDriver, AsyncManagedTransaction

    from anabranch_store import Graph
    from benchmarks.projection_stream import Load

# In the order in which they must run; each name is a field of `Load`.
STATEMENTS: Final[dict[str, LiteralString]] = {
    "sessions": """
UNWIND $rows AS row
MERGE (s:Session {namespace: row.namespace, id: row.id})
SET s += row.properties
SET s += {opened_at: coalesce(datetime(row.opened_at), s.opened_at), ended_at: datetime(row.ended_at)}
FOREACH (parent_id IN row.parents |
  MERGE (p:Session {namespace: row.namespace, id: parent_id})
  CREATE (s)-[:BRANCHED_FROM {forked_at: row.properties.forked_at}]->(p)
)""",
    "runs": """
UNWIND $rows AS row
MATCH (s:Session {namespace: row.namespace, id: row.session_id})
MERGE (a:Agent {namespace: row.namespace, name: row.agent})
CREATE (a)-[:RAN {recorded: row.recorded}]->(s)""",
    "insights": """
UNWIND $rows AS row
MERGE (i:Insight {namespace: row.namespace, id: row.id})
SET i += row.properties
SET i.recorded_at = datetime(row.recorded_at)
MERGE (s:Session {namespace: row.namespace, id: row.session_id})
SET i.root_id = s.root_id
CREATE (s)-[:PRODUCED {recorded: row.recorded}]->(i)
FOREACH (name IN row.entities |
  MERGE (e:Entity {namespace: row.namespace, name: name})
  CREATE (i)-[:MENTIONS {recorded: row.recorded}]->(e)
  SET e.mentions = coalesce(e.mentions, 0) + 1
)""",
    "associations": """
UNWIND $rows AS row
MERGE (a:Insight {namespace: row.namespace, id: row.from_id})
MERGE (b:Insight {namespace: row.namespace, id: row.to_id})
CREATE (a)-[:ASSOCIATED_WITH {
  kind: row.kind, weight: row.weight, formed_weight: row.weight, recorded: row.recorded,
  recorded_at: datetime(row.recorded_at), citations: 0
}]->(b)""",
    "consolidations": """
UNWIND $rows AS row
MERGE (c:Consolidation {namespace: row.namespace, id: row.id})
SET c += row.properties
SET c.recorded_at = datetime(row.recorded_at)
FOREACH (session_id IN row.sessions |
  MERGE (s:Session {namespace: row.namespace, id: session_id})
  CREATE (c)-[:CONSOLIDATES]->(s)
)
FOREACH (insight_id IN row.sources |
  MERGE (i:Insight {namespace: row.namespace, id: insight_id})
  CREATE (c)-[:DERIVED_FROM]->(i)
)""",
    "citations": """
UNWIND $rows AS row
MERGE (i:Insight {namespace: row.namespace, id: row.id})
SET i += {citations: coalesce(i.citations, 0) + row.count, cited: row.last}""",
    "strengthened": """
UNWIND $rows AS row
MATCH (:Insight {namespace: row.namespace, id: row.from_id})-[r:ASSOCIATED_WITH]->
      (:Insight {namespace: row.namespace, id: row.to_id})
SET r += row.properties
SET r.last_cited = datetime(row.time)""",
}


def loader_driver(graph: Graph) -> AsyncDriver:
    """Return a driver of the loader's own to the same server."""
    address = graph.address
    password = address.password.get_secret_value()
    return AsyncGraphDatabase.driver(address.uri, auth=(address.username, password))


async def load(driver: AsyncDriver, graph: Graph, loads: Iterable[Load]) -> None:
    """Write ready rows, a transaction a list."""
    async with driver.session(database=graph.address.database) as session:
        for one in loads:
            await session.execute_write(_write, one)


async def _write(transaction: AsyncManagedTransaction, one: Load) -> None:
    for name, statement in STATEMENTS.items():
        rows = getattr(one, name)
        if rows:
            await (await transaction.run(statement, rows=rows)).consume()
