"""The projection beside a loader written by hand: the same facts on the same store, in one run.

Ours reads events from the log, decodes and folds them, and commits them under the checkpoint's
compare-and-set. Theirs is given ready rows, in lists of 1,000, and writes them by `UNWIND` in plain
transactions: no log, no checkpoint, no guard against replay.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, LiteralString, NamedTuple

from neo4j import AsyncGraphDatabase
from pydantic import SecretStr

from anabranch_events import Log, NatsServer, new_event
from anabranch_events.identifiers import new_id
from anabranch_events.types import AssociationFormed, EventData, InsightRecorded
from anabranch_projections import Projector
from anabranch_store import EmbeddedGraph, Graph, GraphAddress
from benchmarks.rows import Row, at_least

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from neo4j import AsyncDriver, AsyncManagedTransaction

BATCH: Final = 1000
BATCHES: Final = 8
ROUNDS: Final = 6
WARM_UP: Final = 2
SESSIONS: Final = 50
NAMESPACE: Final = "bench"
TIME: Final = "2026-11-23T00:00:00.000+00:00"

LOAD_INSIGHTS: Final = """
UNWIND $rows AS row
MERGE (i:Insight {namespace: row.namespace, id: row.id})
SET i += row.properties, i.recorded_at = datetime(row.recorded_at)
MERGE (s:Session {namespace: row.namespace, id: row.session_id})
CREATE (s)-[:PRODUCED {recorded: row.properties.recorded}]->(i)
FOREACH (name IN row.properties.entities |
  MERGE (e:Entity {namespace: row.namespace, name: name})
  CREATE (i)-[:MENTIONS {recorded: row.properties.recorded}]->(e)
  SET e.mentions = coalesce(e.mentions, 0) + 1
)
"""
LOAD_ASSOCIATIONS: Final = """
UNWIND $rows AS row
MATCH (a:Insight {namespace: row.namespace, id: row.from_id})
MATCH (b:Insight {namespace: row.namespace, id: row.to_id})
MERGE (a)-[r:ASSOCIATED_WITH {kind: row.properties.kind, recorded: row.properties.recorded}]->(b)
SET r += row.properties, r.recorded_at = datetime(row.recorded_at)
"""


async def run() -> list[Row]:
    """Measure on NEO4J_URI where that is set, else on an embedded graph; return the rows."""
    with tempfile.TemporaryDirectory() as folder:
        async with (
            NatsServer(Path(folder) / "nats") as server,
            Log.connect(server.url, token=server.token, timeout_s=30) as log,
            _graph(Path(folder) / "graph") as graph,
            AsyncGraphDatabase.driver(
                graph.address.uri,
                auth=(graph.address.username, graph.address.password.get_secret_value()),
            ) as driver,
        ):
            await graph.apply_schema()
            contest = _Contest(log, graph, driver)
            return [await contest.run("insights"), await contest.run("associations")]


@asynccontextmanager
async def _graph(folder: Path) -> AsyncGenerator[Graph, None]:
    uri = os.environ.get("NEO4J_URI")
    if uri:
        address = GraphAddress(
            uri=uri,
            username=os.environ.get("NEO4J_USERNAME", "neo4j"),
            password=SecretStr(os.environ.get("NEO4J_PASSWORD", "")),
            database=os.environ.get("NEO4J_DATABASE"),
        )
        async with Graph.connect(address) as graph:
            yield graph
        return
    async with EmbeddedGraph(folder) as embedded, Graph.connect(embedded.address) as graph:
        yield graph


class _Facts(NamedTuple):
    """The same facts twice: as events' data, and as the rows of a statement."""

    events: list[EventData]
    statement: LiteralString
    rows: list[dict[str, Any]]


class _Contest:
    """Writes facts in turn as a projection and as a load."""

    def __init__(self, log: Log, graph: Graph, driver: AsyncDriver) -> None:
        self._log = log
        self._graph = graph
        self._driver = driver
        self._sessions = [new_id() for _ in range(SESSIONS)]
        self._insights: list[str] = []

    async def run(self, name: Literal["insights", "associations"]) -> Row:
        """Compare medians; the first rounds warm up."""
        ours: list[float] = []
        theirs: list[float] = []
        for number in range(ROUNDS):
            facts = self._make_insights() if name == "insights" else self._make_associations()
            last = await self._append(facts)
            for mine in (True, False) if number % 2 else (False, True):
                began = time.perf_counter()
                await (
                    Projector(self._log, self._graph).run(to=last) if mine else self._load(facts)
                )
                (ours if mine else theirs).append(time.perf_counter() - began)
        count = BATCH * BATCHES
        return at_least(
            f"project {name} / UNWIND loader ({self._graph.product.agent})",
            ours=count / statistics.median(ours[WARM_UP:]),
            theirs=count / statistics.median(theirs[WARM_UP:]),
            limit=0.8,
            unit="events/s",
        )

    async def _append(self, facts: _Facts) -> int:
        """Store the facts as events and give their rows the same positions; return the last."""
        events = [
            new_event(data, session_id=self._sessions[number % SESSIONS], namespace=NAMESPACE)
            for number, data in enumerate(facts.events)
        ]
        receipts = [
            receipt
            for start in range(0, len(events), BATCH)
            for receipt in await self._log.append_all(events[start : start + BATCH])
        ]
        for row, receipt in zip(facts.rows, receipts, strict=True):
            row |= {"namespace": NAMESPACE, "recorded_at": TIME}
            row["properties"]["recorded"] = receipt.position
        return receipts[-1].position

    async def _load(self, facts: _Facts) -> None:
        async with self._driver.session(database=self._graph.address.database) as session:
            for start in range(0, len(facts.rows), BATCH):
                await session.execute_write(
                    _write, facts.statement, facts.rows[start : start + BATCH]
                )

    def _make_insights(self) -> _Facts:
        made = [
            InsightRecorded(
                insight_id=new_id(),
                text=f"Ferry {number} sails at 09:40 on weekdays and at 10:15 on Sundays. " * 3,
                tags=("travel", "ferry"),
                entities=(f"Ferry {number % 90}", f"Island {number % 40}"),
            )
            for number in range(BATCH * BATCHES)
        ]
        self._insights += [one.insight_id for one in made]
        rows = [
            {
                "id": f"row-{one.insight_id}",
                "session_id": self._sessions[number % SESSIONS],
                # The same properties as ours, which the same indexes cover.
                "properties": {
                    **one.model_dump(exclude={"insight_id"}, exclude_none=True),
                    "session_id": self._sessions[number % SESSIONS],
                },
            }
            for number, one in enumerate(made)
        ]
        return _Facts([*made], LOAD_INSIGHTS, rows)

    def _make_associations(self) -> _Facts:
        """Link insights that were made before, by a kind that is new each time."""
        kind = new_id()
        ends = self._insights
        made = [
            AssociationFormed(
                from_id=ends[number], to_id=ends[number * 3 + 1], kind=kind, weight=0.5
            )
            for number in range(BATCH * BATCHES)
        ]
        rows = [
            {
                "from_id": f"row-{one.from_id}",
                "to_id": f"row-{one.to_id}",
                "properties": {"kind": kind, "weight": 0.5, "formed_weight": 0.5, "citations": 0},
            }
            for one in made
        ]
        return _Facts([*made], LOAD_ASSOCIATIONS, rows)


async def _write(
    transaction: AsyncManagedTransaction, statement: LiteralString, rows: list[dict[str, Any]]
) -> None:
    await (await transaction.run(statement, rows=rows)).consume()
