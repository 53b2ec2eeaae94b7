"""Waiting for a projection: the commit wakes who waits, no clock does."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import pytest

from anabranch_events import Log, new_event, types
from anabranch_projections import Projector, wait_for, waiting
from tests.histories import insight, session

if TYPE_CHECKING:
    from anabranch_events import NatsServer
    from anabranch_store import Graph

pytestmark = pytest.mark.parametrize("graph_address", ["embedded"], indirect=True)


async def test_who_waits_in_another_process_is_woken_by_the_commit(
    nats_server: NatsServer, log: Log, graph: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over a connection of its own the announcement is enough; the fallback is never reached."""
    monkeypatch.setattr(waiting, "ASK_AGAIN_S", 3600.0)
    data = types.InsightRecorded(insight_id=insight(1), text="Gauge 1")
    event = new_event(data, session_id=session(1), namespace="default")
    receipt = await log.append(event)
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
