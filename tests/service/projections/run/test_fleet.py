"""Projectors in a fleet: killed, frozen, cut off, their servers killed; the graph stays right."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections import Counter
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr

from anabranch_projections import Projector, wait_for
from anabranch_store import EmbeddedGraph, Graph, GraphAddress, create_database, drop_database
from tests.support.fleet import Fleet
from tests.support.graphs import ask, empty
from tests.support.killing import MortalServer
from tests.support.neo4j_server import Neo4jServer
from tests.support.patience import PATIENCE_S
from tests.support.rounds import CHAOS_ROUNDS, ENGINE, FULL, KILL_ROUNDS, in_full_only

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

    from anabranch_events import Log
    from tests.support.fleet import GraphServer

STORY_ROUNDS = 50
"""After so many rounds the log and the graph begin anew, so that a digest stays cheap."""


class Standing:
    """A graph whose server is not ours to kill."""

    fate = "graph cut off from all"

    def __init__(self, address: GraphAddress) -> None:
        self.address = address

    async def restart(self) -> None:
        """Stay; the connections to it are cut."""


class KillableEmbedded:
    """An embedded graph whose server is killed and started again, on another port."""

    fate = "graph killed"

    def __init__(self, embedded: EmbeddedGraph) -> None:
        self._embedded = embedded

    @property
    def address(self) -> GraphAddress:
        """Where it is by now."""
        return self._embedded.address

    async def restart(self) -> None:
        """Kill the server and start another on the folder."""
        os.kill(self._embedded.pid, signal.SIGKILL)
        await self._embedded.__aexit__(None, None, None)
        await self._embedded.__aenter__()


class KillableNeo4j:
    """A Neo4j that is killed and started again where it was."""

    fate = "graph killed"

    def __init__(self, server: Neo4jServer) -> None:
        self._server = server
        password = SecretStr(server.password)
        self.address = GraphAddress(uri=server.uri, username=server.username, password=password)

    async def restart(self) -> None:
        """Kill the server and start another on the folder and the port."""
        await asyncio.to_thread(self._server.restart)


@asynccontextmanager
async def _quiet(embedded: EmbeddedGraph) -> AsyncGenerator[Graph]:
    """Give a graph of one's own that nothing happens to."""
    address = await create_database(embedded.address)
    try:
        async with Graph.connect(address) as graph:
            await graph.apply_schema()
            yield graph
    finally:
        await drop_database(address)


async def _survive(
    server: GraphServer, quiet: Graph, folder: Path, *, rounds: int, seed: int
) -> None:
    """Let something happen `rounds` times; compare with a quiet projector's graph every time."""
    dice = random.Random(seed)  # noqa: S311 - repeatable, not secret.
    done: Counter[str] = Counter()
    takeovers_s: list[float] = []
    kinds: list[str] = []
    for story in range(0, rounds, STORY_ROUNDS):
        async with (
            MortalServer(folder / f"log-{story}") as log_server,
            Fleet(log_server, server, folder=folder, dice=dice) as fleet,
        ):
            for number in range(story, min(story + STORY_ROUNDS, rounds)):
                kinds = kinds or dice.sample([*fleet.kinds], len(fleet.kinds))
                last = await fleet.suffer(kind := kinds.pop())
                try:
                    await _compare(fleet.log, server.address, quiet, last)
                except BaseException:
                    print(f"round {number}: {kind}")  # noqa: T201 - where to look
                    raise
            done += fleet.done
            takeovers_s += fleet.takeovers_s
        async with Graph.connect(server.address) as graph:
            await _begin_anew(graph)
        await _begin_anew(quiet)
        slowest_s = max(takeovers_s, default=0.0)
        print(  # noqa: T201 - for who waits
            f"{done.total()} rounds of {rounds}, seed {seed}: {dict(sorted(done.items()))}; "
            f"{len(takeovers_s)} takeovers from the active one, the slowest after {slowest_s:.1f} s"
        )


async def _begin_anew(graph: Graph) -> None:
    await empty(graph.address)
    assert await graph.checkpoint("graph") == 0


async def _compare(log: Log, address: GraphAddress, quiet: Graph, last: int) -> None:
    """The graph comes to the log's end, and then it is the one of an undisturbed projector."""
    async with Graph.connect(address, timeout_s=PATIENCE_S) as graph:
        await wait_for(log, graph, "graph", last, timeout_s=PATIENCE_S)
        await Projector(log, quiet).run(to=last)
        disturbed, undisturbed = await graph.digest(), await quiet.digest()
    letters = await ask(address, "MATCH (d:DeadLetter) RETURN d.reason AS reason")

    assert letters == []
    assert undisturbed.position == last
    assert disturbed == undisturbed


@pytest.mark.parametrize(
    "graph_address", ["embedded", "neo4j"] if FULL else ["embedded"], indirect=True
)
@pytest.mark.timeout(2700)
@in_full_only
async def test_a_fleet_of_projectors_makes_the_graph_of_a_quiet_one(
    graph: Graph, embedded_graph: EmbeddedGraph, tmp_path: Path
) -> None:
    """Killed, frozen and cut off at work, on each store, they lose and repeat nothing."""
    async with _quiet(embedded_graph) as quiet:
        await _survive(Standing(graph.address), quiet, tmp_path, rounds=KILL_ROUNDS, seed=20261124)


@pytest.mark.chaos
async def test_a_fleet_outlives_the_embedded_graph(
    embedded_graph: EmbeddedGraph, tmp_path: Path
) -> None:
    """As many rounds as ANABRANCH_CHAOS_ROUNDS says, kills of the graph's server among them."""
    async with (
        EmbeddedGraph(tmp_path / "graph", engine=ENGINE) as killed,
        _quiet(embedded_graph) as quiet,
    ):
        async with Graph.connect(killed.address) as graph:
            await graph.apply_schema()
        await _survive(
            KillableEmbedded(killed), quiet, tmp_path, rounds=CHAOS_ROUNDS, seed=_any_seed()
        )


@pytest.mark.chaos
async def test_a_fleet_outlives_neo4j(embedded_graph: EmbeddedGraph, tmp_path: Path) -> None:
    """The same on Neo4j's long-term release."""
    with Neo4jServer() as killed:
        server = KillableNeo4j(killed)
        async with _quiet(embedded_graph) as quiet:
            async with Graph.connect(server.address) as graph:
                await graph.apply_schema()
            await _survive(server, quiet, tmp_path, rounds=CHAOS_ROUNDS, seed=_any_seed())


def _any_seed() -> int:
    return random.SystemRandom().randrange(2**32)
