"""The stores the projection is measured on: the embedded graph, and Neo4j where one can be had."""

from __future__ import annotations

import os
import sys
import tempfile
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from pydantic import SecretStr
from tests.support.graphs import neo4j_given
from tests.support.neo4j_server import CannotAssemble, Neo4jServer

from anabranch_events import Log, NatsServer
from anabranch_store import EmbeddedGraph, Graph, GraphAddress
from benchmarks.projection_loader import loader_driver
from benchmarks.projection_stream import LOADED, NAMESPACE

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator

    from anabranch_store.embedded.engine import EngineName
    from benchmarks.rows import Row

STORES: Final = ("neo4j", "embedded", "embedded-native")
"""Neo4j is NEO4J_URI, or else assembled; the last is the embedded graph by its other engine."""
_CLEAR: Final = """
MATCH (n) WHERE n.namespace IN $namespaces OR n.projection STARTS WITH $projection
CALL (n) { DETACH DELETE n } IN TRANSACTIONS OF 5000 ROWS"""


def stores() -> Iterator[str]:
    """Name the stores to measure on: those of ANABRANCH_BENCH_STORE, else all but the last."""
    wanted = os.environ.get("ANABRANCH_BENCH_STORE") or "neo4j,embedded"
    return (name for name in STORES if name in wanted.split(","))


class Bench(NamedTuple):
    """What is measured on; `server` is the log's."""

    log: Log
    graph: Graph
    server: NatsServer


async def on_each_store(measure: Callable[[Bench], Awaitable[list[Row]]]) -> list[Row]:
    """Measure on each store in turn; return the rows, each of which names its store."""
    rows: list[Row] = []
    for store in stores():
        with tempfile.TemporaryDirectory() as folder:
            async with bench(store, Path(folder)) as opened:
                if opened is not None:
                    rows += await measure(opened)
    return rows


@asynccontextmanager
async def bench(store: str, folder: Path) -> AsyncGenerator[Bench | None]:
    """Open a log of its own and an empty graph; None, with a word on stderr, without Neo4j."""
    with ExitStack() as stack:
        if store == "neo4j":
            address = _neo4j(stack)
            if address is None:
                yield None
                return
            async with _log(folder) as (log, server), Graph.connect(address) as graph:
                await graph.apply_schema()
                try:
                    yield Bench(log, graph, server)
                finally:
                    if os.environ.get("NEO4J_URI"):
                        await _clear(graph)
            return
        engine: EngineName = "native" if store == "embedded-native" else "jvm"
        async with (
            EmbeddedGraph(folder / "graph", engine=engine) as embedded,
            _log(folder) as (log, server),
            Graph.connect(embedded.address) as graph,
        ):
            await graph.apply_schema()
            yield Bench(log, graph, server)


@asynccontextmanager
async def _log(folder: Path) -> AsyncGenerator[tuple[Log, NatsServer]]:
    async with (
        NatsServer(folder / "nats") as server,
        Log.connect(server.url, token=server.token, timeout_s=60) as log,
    ):
        yield log, server


async def _clear(graph: Graph) -> None:
    """Leave a server that is not ours as it was: what we wrote has names of its own."""
    async with (
        loader_driver(graph) as driver,
        driver.session(database=graph.address.database) as session,
    ):
        found = await session.run(_CLEAR, namespaces=[NAMESPACE, LOADED], projection=NAMESPACE)
        await found.consume()


def _neo4j(stack: ExitStack) -> GraphAddress | None:
    if given := neo4j_given():
        return given
    try:
        server = stack.enter_context(Neo4jServer(long_lived=True))
    except CannotAssemble as error:
        print(f"no Neo4j here, so it is left out: {error}", file=sys.stderr)
        return None
    return GraphAddress(
        uri=server.uri, username=server.username, password=SecretStr(server.password)
    )
