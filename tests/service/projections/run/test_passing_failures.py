"""Refusals for a reason that passes: provoked on the server, applied once afterwards."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import TYPE_CHECKING, LiteralString

import pytest
from neo4j.exceptions import TransientError

from anabranch_events import Log, new_event
from anabranch_events.event import types
from anabranch_projections import Projector, rebuild
from anabranch_store import EmbeddedGraph, Graph
from tests.support.graphs import ask, empty, session_with
from tests.support.histories import session
from tests.support.patience import PATIENCE_S
from tests.support.rounds import in_full_only, neo4j_in_full_only, two_stores

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from neo4j import AsyncSession

    from anabranch_store import Ask, Plan, Step

pytestmark = [neo4j_in_full_only, two_stores]

TOUCH_SESSION: LiteralString = "MATCH (s:Session) SET s.rival = 1"
TOUCH_CHECKPOINT: LiteralString = "MATCH (c:Checkpoint {projection: 'graph'}) SET c.rival = 1"


class _Halting(Graph):
    """A real graph whose writer waits once, when it has moved the checkpoint and nothing else."""

    moved: asyncio.Event
    go_on: asyncio.Event
    tries: int

    async def write_if(
        self, guard: Step, steps: Sequence[Step] | Plan, *, writer: str | None = None
    ) -> bool:
        async def halted(ask: Ask) -> Sequence[Step]:
            self.tries += 1
            self.moved.set()
            await self.go_on.wait()
            return await steps(ask) if callable(steps) else steps

        return await super().write_if(guard, halted, writer=writer)


@pytest.fixture
async def halting(graph: Graph) -> AsyncIterator[_Halting]:
    """Open the empty graph for a writer that halts."""
    async with _Halting.connect(graph.address) as opened:
        assert isinstance(opened, _Halting)
        opened.moved, opened.go_on, opened.tries = asyncio.Event(), asyncio.Event(), 0
        yield opened


@pytest.fixture
async def rival(graph: Graph) -> AsyncIterator[AsyncSession]:
    """Give somebody else's session with the same database."""
    async with session_with(graph.address) as opened:
        yield opened


async def _begun(log: Log, graph: Graph) -> None:
    """A session is in the graph; its end is in the log."""
    for data in (types.SessionOpened(task="Root"), types.SessionClosed(reason="Done")):
        await log.append(new_event(data, session_id=session(1), namespace="default"))
    await Projector(log, graph).run(to=1)


async def _applied_once(log: Log, graph: Graph) -> bool:
    """Tell whether the graph is what a rebuild makes of the log."""
    for label in ("Session", "Checkpoint"):
        await ask(graph.address, f"MATCH (n:{label}) REMOVE n.rival")  # pyright: ignore[reportArgumentType]  # two labels
    found = await graph.digest()
    await empty(graph.address)
    return (await rebuild(log, graph)).digest == found.digest


async def test_a_deadlock_is_tried_again(
    log: Log, graph: Graph, halting: _Halting, rival: AsyncSession
) -> None:
    """Each holds what the other wants next: the server undoes one, and both come through.

    The embedded graph locks nothing: there whoever commits second is undone.
    """
    await _begun(log, graph)
    projector = Projector(log, halting)

    async def cross() -> None:
        transaction = await rival.begin_transaction()
        await (await transaction.run(TOUCH_SESSION)).consume()
        projecting = asyncio.create_task(projector.run(to=2))
        await halting.moved.wait()
        if graph.product.name == "neo4j":
            # It is kept waiting by our lock; the embedded graph has none.
            asyncio.get_running_loop().call_later(0.5, halting.go_on.set)
        await (await transaction.run(TOUCH_CHECKPOINT)).consume()
        await transaction.commit()
        halting.go_on.set()
        await projecting

    undone = 0
    try:
        await cross()
    except TransientError:
        undone += 1  # It was the rival that the server undid.
        await projector.run(to=2)
    undone += halting.tries - 1

    assert undone == 1
    assert await graph.checkpoint("graph") == 2
    assert await _applied_once(log, graph)


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a transaction take two seconds at most."""
    monkeypatch.setattr("anabranch_store.bolt.transactions.STATEMENT_TIMEOUT_S", 2.0)


@in_full_only
@pytest.mark.usefixtures("hurried")
async def test_what_takes_too_long_is_tried_again(
    log: Log, graph: Graph, halting: _Halting, rival: AsyncSession, embedded_graph: EmbeddedGraph
) -> None:
    """While another holds what it must write, or the server is frozen, the projector waits."""
    await _begun(log, graph)
    projector = Projector(log, halting)
    frozen = graph.product.name != "neo4j"
    holding = await rival.begin_transaction()
    if not frozen:
        await (await holding.run(TOUCH_SESSION)).consume()
    projecting = asyncio.create_task(projector.run(to=2))
    await halting.moved.wait()
    if frozen:
        os.kill(embedded_graph.pid, signal.SIGSTOP)
    try:
        halting.go_on.set()
        async with asyncio.timeout(PATIENCE_S):
            while not projector.status.retries:  # noqa: ASYNC110 - it is counted, and told nobody
                await asyncio.sleep(0.05)
    finally:
        if frozen:
            os.kill(embedded_graph.pid, signal.SIGCONT)
        await holding.rollback()
    await asyncio.wait_for(projecting, 60)

    assert await graph.checkpoint("graph") == 2
    assert await _applied_once(log, graph)
