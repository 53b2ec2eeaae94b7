"""kill -9 of projectors at work: nothing is applied twice, nothing is missing, on every store."""

from __future__ import annotations

import asyncio
import random
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from anabranch_projections import Projector, wait_for
from tests.support.graphs import ask, empty
from tests.support.histories import stream
from tests.support.patience import FOREVER_S, PATIENCE_S
from tests.support.projecting import Nursery
from tests.support.rounds import CHAOS_ROUNDS, KILL_ROUNDS, in_full_only, two_stores

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from anabranch_events import Log, NatsServer
    from anabranch_store import Graph

pytestmark = two_stores

SEED = 20261123
PAUSE_S = 0.005
AHEAD_MAX = 300


async def _append_steadily(log: Log, graph: Graph, *, seed: int) -> None:
    """Append some 150 events a second until cancelled.

    A slow machine gets no more to do than a quick one: the log is never far ahead of the graph.
    """
    for number, event in enumerate(stream(seed)):
        if number % 100 == 0:
            await wait_for(log, graph, "graph", number - AHEAD_MAX, timeout_s=FOREVER_S)
        await log.append(event)
        await asyncio.sleep(PAUSE_S)


@asynccontextmanager
async def _steadily(log: Log, graph: Graph, *, seed: int) -> AsyncGenerator[None]:
    """Append for as long as the block runs, and no event half."""
    appending = asyncio.create_task(_append_steadily(log, graph, seed=seed))
    yield
    assert not appending.done(), appending
    appending.cancel()
    await asyncio.gather(appending, return_exceptions=True)


async def _kill_often(server: NatsServer, log: Log, graph: Graph, *, rounds: int) -> int:
    """Start and kill a projector `rounds` times; return how often it had moved on.

    Every other one is let commit first, so that there is progress on a slow machine too.
    """
    chance = random.Random(SEED)  # noqa: S311 - repeatable, not secret.
    moved, before = 0, 0
    async with Nursery(server.url, server.token, graph.address) as nursery:
        for number in range(rounds):
            pid = await nursery.start()
            if number % 2:
                await wait_for(log, graph, "graph", before + 1, timeout_s=PATIENCE_S)
            await asyncio.sleep(chance.uniform(0.0, 0.3))
            nursery.kill(pid)
            position = await graph.checkpoint("graph")
            moved += position > before
            before = position
    return moved


async def _killed(server: NatsServer, log: Log, graph: Graph, *, rounds: int) -> None:
    async with _steadily(log, graph, seed=SEED):
        moved = await _kill_often(server, log, graph, rounds=rounds)
    last = (await log.bounds()).last
    await Projector(log, graph).run(to=last)
    disturbed = await graph.digest()
    letters = await ask(graph.address, "MATCH (d:DeadLetter) RETURN d.reason AS reason")

    await empty(graph.address)
    await Projector(log, graph).run(to=last)
    undisturbed = await graph.digest()

    assert letters == []
    assert disturbed == undisturbed
    assert moved >= rounds // 2


@in_full_only
async def test_killed_projectors_leave_the_graph_of_an_undisturbed_one(
    nats_server: NatsServer, log: Log, graph: Graph
) -> None:
    """Projectors killed under a steady stream of events leave no trace in the digest."""
    await _killed(nats_server, log, graph, rounds=KILL_ROUNDS)


@pytest.mark.chaos
async def test_projectors_killed_for_long_leave_the_graph_of_an_undisturbed_one(
    nats_server: NatsServer, log: Log, graph: Graph
) -> None:
    """As many kills as ANABRANCH_CHAOS_ROUNDS says leave no trace in the digest."""
    await _killed(nats_server, log, graph, rounds=CHAOS_ROUNDS)


@in_full_only
async def test_two_projectors_at_once_make_the_graph_of_one(
    nats_server: NatsServer, log: Log, graph: Graph
) -> None:
    """Rivals fence each other by the checkpoint, and no event is applied twice for it."""
    async with (
        Nursery(nats_server.url, nats_server.token, graph.address) as nursery,
        _steadily(log, graph, seed=SEED + 1),
    ):
        await nursery.start()
        await nursery.start()
        await asyncio.sleep(3)
    last = (await log.bounds()).last
    await Projector(log, graph).run(to=last)
    contested = await graph.digest()

    await empty(graph.address)
    await Projector(log, graph).run(to=last)

    assert contested == await graph.digest()
