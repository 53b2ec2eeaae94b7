"""Waiting for a projection: the commit wakes who waits, no clock does."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from typing import TYPE_CHECKING

import pytest

from anabranch import Memory
from anabranch.memory.memory import namespace_of
from anabranch_events import Log, new_event
from anabranch_events.errors import WaitTimedOut
from anabranch_events.event import types
from anabranch_projections import Projector, wait_for
from anabranch_projections.run import wait
from anabranch_store import Graph
from tests.support.fixtures.memory import CommandLine
from tests.support.histories import insight, session
from tests.support.rounds import in_full_only

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from anabranch.settings import Settings
    from anabranch_events import Event, NatsServer
    from anabranch_store import GraphAddress

NEVER_S = 3600.0
"""With this the checkpoint is not read again: who is not woken by a commit waits in vain."""
LOAD = 10_000


def learned(number: int) -> Event:
    """Make the event of one insight."""
    data = types.InsightRecorded(insight_id=insight(number), text=f"Gauge {number}")
    return new_event(data, session_id=session(number % 50), namespace="default")


@pytest.mark.parametrize("graph_address", ["embedded"], indirect=True)
async def test_who_waits_in_another_process_is_woken_by_the_commit(
    nats_server: NatsServer, log: Log, graph: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over a connection of its own the announcement is enough; the fallback is never reached."""
    monkeypatch.setattr(wait, "ASK_AGAIN_S", NEVER_S)
    receipt = await log.append(learned(1))
    projector = Projector(log, graph)
    async with Log.connect(nats_server.url, token=nats_server.token) as other:
        waits = asyncio.create_task(
            wait_for(other, graph, "graph", receipt.position, timeout_s=100)
        )
        await asyncio.sleep(0.5)
        assert not waits.done()
        running = asyncio.create_task(projector.run())

        reached = await waits

    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    assert reached == receipt.position


@pytest.mark.parametrize("graph_address", ["embedded"], indirect=True)
async def test_a_pause_is_no_part_of_the_wait(
    log: Log, graph: Graph, graph_address: GraphAddress
) -> None:
    """A wait in which the operator's pause falls begins anew, and lasts for its whole time then."""
    position = (await log.append(learned(1))).position
    projecting: list[asyncio.Task[None]] = []
    asked = itertools.count(1)

    def paused() -> bool:
        """Say that the pause lasts; the projector runs from the third time on."""
        if next(asked) == 3:
            projecting.append(asyncio.create_task(Projector(log, graph).run()))
        return True

    async with Graph.connect(graph_address, paused=paused) as joined:
        reached = await wait_for(log, joined, "graph", position, timeout_s=0.2)

    for one in projecting:
        one.cancel()
    await asyncio.gather(*projecting, return_exceptions=True)
    assert len(projecting) == 1
    assert reached == position


@pytest.fixture
async def owner(own_settings: Settings) -> AsyncIterator[Memory]:
    """Open a memory that owns its home and makes no vectors."""
    async with Memory.open(settings=own_settings.changed(embedder="none")) as opened:
        yield opened


@in_full_only
async def test_who_waits_where_the_commits_are_made_is_woken_by_them(owner: Memory) -> None:
    """The owner hears of each commit from its own projector."""
    log = namespace_of(owner).backend.log
    projecting = namespace_of(owner).backend.projecting
    assert projecting is not None
    waits = [
        asyncio.create_task(projecting.wait_for(position, projection="graph", timeout_s=100))
        for position in (1, LOAD // 2, LOAD)
    ]
    await log.ingest([learned(number) for number in range(LOAD)])

    reached = await asyncio.gather(*waits)

    assert [at >= wanted for at, wanted in zip(reached, (1, LOAD // 2, LOAD), strict=True)] == (
        [True] * 3
    )
    assert await owner.wait_for(LOAD, timeout_s=1) == LOAD


async def test_who_waits_while_the_graph_moves_is_woken_in_the_new_generation(
    owner: Memory,
) -> None:
    """A rebuild in between changes who commits, not that the commit wakes."""
    log = namespace_of(owner).backend.log
    projecting = namespace_of(owner).backend.projecting
    assert projecting is not None
    await log.append(learned(1))
    waits = asyncio.create_task(projecting.wait_for(2, projection="graph", timeout_s=100))
    await owner.graph.rebuild()
    await asyncio.sleep(0)
    assert not waits.done()
    with pytest.raises(WaitTimedOut, match="is at 1, not yet at 2, after"):
        await projecting.wait_for(2, projection="graph", timeout_s=0.05)

    await log.append(learned(2))

    assert await waits == 2


@in_full_only
async def test_a_command_beside_the_owner_is_woken_by_the_commit(
    owner: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What joined the home waits for a backlog without asking again."""
    monkeypatch.setattr(wait, "ASK_AGAIN_S", NEVER_S)
    await namespace_of(owner).backend.log.ingest([learned(number) for number in range(LOAD)])
    line = CommandLine(owner.settings.home, ANABRANCH_EMBEDDER="none")

    found = await asyncio.to_thread(
        line.here, "recall", "Gauge 7", "--after", str(LOAD), "--wait", "100", "--json"
    )

    assert found.value["position"] >= LOAD
