"""The state of the projections from outside, while they are at work on a real log and graph."""

from __future__ import annotations

import asyncio
import os
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from nats.js.api import SubjectTransform

from anabranch import Memory
from anabranch.backend.projection_runner import Projecting
from anabranch.doctor import examine
from anabranch.generations.status import lag_behind
from anabranch.home.servers import Servers
from anabranch.memory.memory import namespace_of
from anabranch.service.projection_metrics import ProjectionMetrics
from anabranch.views import stops_of
from anabranch_events import STREAM, Log, new_event
from anabranch_events.event import types
from tests.support.fixtures.memory import CommandLine
from tests.support.histories import insight, session
from tests.support.patience import PATIENCE_S
from tests.support.rounds import in_full_only
from tests.support.visiting import patient

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from anabranch.settings import Settings
    from anabranch.views import ProjectionStatus
    from anabranch_events import Event, NatsServer
    from anabranch_store import GraphAddress

pytestmark = pytest.mark.timeout(900)
LOAD = 20_000
NOBODY = "bolt://127.0.0.1:1"


def learned(number: int) -> Event:
    """Make the event of one insight."""
    data = types.InsightRecorded(insight_id=insight(number), text=f"Gauge {number}")
    return new_event(data, session_id=session(number % 50), namespace="default")


def orphan() -> Event:
    """Make an event that cannot be applied: nothing opened its parent."""
    data = types.BranchCreated(
        parent_id=session(901), root_id=session(901), forked_at=1, depth=1, task="Lost"
    )
    return new_event(data, session_id=session(902), namespace="default")


async def graph_of(memory: Memory) -> ProjectionStatus:
    """Return what is said of the projection `graph`; no vectors are made, so none can lag."""
    [found] = (await memory.status()).projections
    assert found.name == "graph"
    return found


async def counted_by(memory: Memory) -> ProjectionStatus:
    """Return the same once an event is counted: a commit is seen before its projector says so."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            found = await graph_of(memory)
            if any(one.events for one in found.projectors):
                return found


@pytest.fixture
async def owner(own_settings: Settings) -> AsyncIterator[Memory]:
    """Open a memory that owns its home and makes no vectors."""
    async with Memory.open(settings=patient(own_settings)) as opened:
        yield opened


async def test_the_lag_is_the_age_of_the_oldest_event_that_is_missing(log: Log) -> None:
    """Of three events stored apart it is the second's age that counts where the first is applied."""
    await log.append(learned(1))
    await asyncio.sleep(0.5)
    before = datetime.now(UTC)
    await log.append(learned(2))
    after = datetime.now(UTC)
    await asyncio.sleep(1.0)
    await log.append(learned(3))

    asked = datetime.now(UTC)
    lag = await lag_behind(log, 1, last=3)
    answered = datetime.now(UTC)

    assert lag.events == 2
    # The server stored it between the two moments, on this machine's clock.
    assert (asked - after).total_seconds() * 1000 - 1 <= lag.ms
    assert lag.ms <= (answered - before).total_seconds() * 1000 + 1
    assert (await lag_behind(log, 3, last=3)).model_dump() == {"events": 0, "ms": 0}


@in_full_only
async def test_under_load_each_answer_fits_the_log_and_the_graph(owner: Memory) -> None:
    """The lag is what lies between; in the end all are counted, none twice."""
    events = [learned(number) for number in range(LOAD)]
    ingesting = asyncio.create_task(namespace_of(owner).backend.log.ingest(events))
    behind = 0
    reached = 0

    while reached < LOAD:
        status = await owner.status()
        graph = status.projections[0]
        assert graph.position >= reached
        assert graph.lag.events == max(0, status.log.last - graph.position)
        assert (graph.lag.ms > 0) == (graph.lag.events > 0)
        behind = max(behind, graph.lag.events)
        reached = graph.position
    await ingesting

    final = await graph_of(owner)
    (projector,) = final.projectors
    assert behind > 0
    assert (final.position, final.lag.events, final.lag.ms) == (LOAD, 0, 0)
    assert final.generation == namespace_of(owner).backend.servers.graph.database
    assert (projector.pid, projector.active, projector.events) == (os.getpid(), True, LOAD)
    assert 0 < projector.batch_size <= 1000
    assert 0 < projector.events_per_s <= LOAD
    assert (projector.retries, projector.dead_letters) == (0, 0)


@in_full_only
async def test_who_joined_asks_the_owner(owner: Memory) -> None:
    """A command in another process says what the owner's projections count, dead letters too."""
    log = namespace_of(owner).backend.log
    await log.append_all([learned(number) for number in range(100)])
    receipt = await log.append(orphan())
    await owner.wait_for(receipt.position, timeout_s=100)
    line = CommandLine(owner.settings.home)

    told = (await asyncio.to_thread(line, "status", "--json")).value
    for_people = await asyncio.to_thread(line.here, "status")

    (projector,) = told["projections"][0]["projectors"]
    assert told["projections"][0]["position"] == 101
    assert told["dead_letters"] == 1
    assert projector.pop("events_per_s") >= 0
    assert 1 <= projector.pop("batch_size") <= 101
    assert projector == {
        "pid": os.getpid(),
        "active": True,
        "events": 101,
        "retries": 0,
        "dead_letters": 1,
        "stopped": None,
    }
    assert told["projections"][1]["projectors"] == []
    assert f"process {os.getpid()} active" in for_people.out
    assert "1 dead letter" in for_people.out


async def test_a_projection_that_stopped_says_why(owner: Memory, own_settings: Settings) -> None:
    """An operator's transform of subjects took an event out of the log: nothing is missing by count.

    nats-server 2.15.1 stores it under the other subject, at a position of the log.
    """
    log = namespace_of(owner).backend.log
    first = await log.append(learned(1))
    await owner.wait_for(first.position, timeout_s=100)
    streams = log.connection.jetstream()
    config = (await streams.stream_info(STREAM)).config
    moved = SubjectTransform(src="anabranch.events.*.*", dest="moved.{{wildcard(1)}}")
    await streams.update_stream(config, subject_transform=moved)
    await log.append(learned(2))
    await streams.update_stream(config)
    await log.append(learned(3))

    async with asyncio.timeout(PATIENCE_S):
        while not stops_of((await owner.status()).projections):
            pass
    found = await graph_of(owner)
    line = CommandLine(own_settings.home)
    told = (await asyncio.to_thread(line.here, "status")).out

    (projector,) = found.projectors
    reason = "the log is damaged: it has no events at position 2"
    assert (found.position, projector.active, projector.stopped) == (1, False, reason)
    assert stops_of([found]) == [("graph", reason)]
    assert f"stopped: {reason}" in " ".join(told.split())
    (lag,) = [one for one in await examine(own_settings) if one.name == "lag"]
    assert not lag.ok
    assert lag.detail.endswith(f"graph stopped: {reason}")


async def test_a_rebuild_is_another_generation(owner: Memory) -> None:
    """The database's name changes, the position does not, and the projector counts anew."""
    receipt = await namespace_of(owner).backend.log.append(learned(1))
    await owner.wait_for(receipt.position, timeout_s=100)
    before = await graph_of(owner)

    await owner.graph.rebuild()

    after = await graph_of(owner)
    assert before.generation is not None
    assert after.generation not in {None, before.generation}
    assert after.generation == namespace_of(owner).backend.servers.graph.database
    assert after.position == before.position == 1
    assert [one.events for one in (*before.projectors, *after.projectors)] == [1, 0]


@pytest.mark.parametrize("graph_address", ["neo4j"], indirect=True)
@in_full_only
async def test_of_several_one_is_active_and_each_is_told_of(
    own_settings: Settings, nats_server: NatsServer, graph_address: GraphAddress
) -> None:
    """Who shares a graph with others answers beside them: one writes, the others stand by."""
    settings = own_settings.changed(
        nats_url=f"nats://{nats_server.token}@{nats_server.url.removeprefix('nats://')}",
        neo4j_uri=graph_address.uri,
        neo4j_username=graph_address.username,
        neo4j_password=graph_address.password,
        neo4j_database=graph_address.database,
        embedder="none",
    )
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        servers = await enter(Servers(settings))
        for _ in range(2):
            log = await enter(servers.connect_log())
            await enter(Projecting(servers, log, None))
        outside = await enter(Memory.open(settings=settings))
        receipt = await outside.remember("The sluice is open")
        await outside.wait_for(receipt.position, timeout_s=100)

        found = await counted_by(outside)

    assert sorted(one.active for one in found.projectors) == [False, True]
    assert sorted(one.events for one in found.projectors) == [0, receipt.position]
    assert found.generation == graph_address.database


async def test_the_metrics_go_on_while_the_graph_is_away(owner: Memory) -> None:
    """Position and lag then stand on what this process reached; back again, on the checkpoint."""
    connection = namespace_of(owner).backend
    assert connection.projecting is not None
    receipt = await connection.log.append(learned(1))
    await owner.wait_for(receipt.position, timeout_s=100)
    metrics = ProjectionMetrics(connection.projecting, connection)
    servers = connection.servers

    await metrics.observe()
    there = values(metrics)
    address, servers.graph = servers.graph, servers.graph.model_copy(update={"uri": NOBODY})
    await metrics.observe()
    away = values(metrics)
    servers.graph = address

    assert there.pop("anabranch_projection_events_per_second") > 0
    away.pop("anabranch_projection_events_per_second")
    assert there.pop("anabranch_dead_letters_waiting") == 0
    assert there == {
        "anabranch_projection_position": 1,
        "anabranch_projection_lag_events": 0,
        "anabranch_projection_lag_seconds": 0,
        "anabranch_projection_info": 1,
        "anabranch_projection_active": 1,
        "anabranch_projection_batch_events": 1,
        "anabranch_projection_events_total": 1,
        "anabranch_projection_retries_total": 0,
        "anabranch_projection_dead_letters_total": 0,
    }
    assert away == there


def values(metrics: ProjectionMetrics) -> dict[str, float]:
    """Return the samples on the projection `graph`, by name."""
    return {
        sample.name: sample.value
        for family in metrics.collect()
        for sample in family.samples
        if sample.labels.get("projection", "graph") == "graph"
    }
