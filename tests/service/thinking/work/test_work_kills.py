"""Workers, joiners and the nats-server killed and frozen: each branch and thought ends once."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import asynccontextmanager
from random import Random
from typing import TYPE_CHECKING

import pytest

from anabranch_events import Log
from anabranch_thinking import BranchTask, Status
from anabranch_thinking.work.dispatch import ThoughtOverWorkers, WorkTerms
from anabranch_thinking.work.fabric import Fabric
from tests.support.killing import MortalServer
from tests.support.patience import PATIENCE_S
from tests.support.rounds import CHAOS_ROUNDS, in_full_only
from tests.support.worker_processes import WorkerProcesses

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

    from anabranch_thinking import Thought

NAMESPACE = "test"
BRANCHES = 20
_ENDS = {"branch.completed", "branch.cancelled", "branch.dead_lettered"}


async def restart(server: MortalServer) -> None:
    """Kill the nats-server and start it again."""
    await server.kill()
    await server.start()


@asynccontextmanager
async def at_work(folder: Path) -> AsyncGenerator[tuple[MortalServer, WorkerProcesses, Log]]:
    """Run a server of its own, three workers, and the log of the one who thinks."""
    async with (
        MortalServer(folder) as server,
        WorkerProcesses(server, namespace=NAMESPACE) as workers,
        Log.connect(server.url, token=server.token, timeout_s=PATIENCE_S) as log,
    ):
        yield server, workers, log


async def think(log: Log) -> Thought:
    """Think over twenty branches."""
    fabric = Fabric.over(log)
    thought = ThoughtOverWorkers(
        fabric, fabric.sessions_of(NAMESPACE), WorkTerms(executor="nap", retries=3)
    )
    tasks = [BranchTask(task=f"stop {number}") for number in range(BRANCHES)]
    await thought.begin("plan the trip", tasks, session_id=None)
    return await thought.joined()


async def assert_each_once(log: Log, thoughts: list[Thought]) -> None:
    """Each branch has one end, and a result; each thought one consolidation of all of it."""
    ends: Counter[str] = Counter()
    roots: Counter[tuple[str, str]] = Counter()
    async for recorded in log.read_all():
        event = recorded.decode()
        kind = event.type.removeprefix("anabranch.").removesuffix(".v1")
        failed = kind == "branch.failed" and not getattr(event.data, "will_retry", True)
        if kind in _ENDS or failed:
            ends[event.session_id] += 1
        elif kind in {"consolidation.recorded", "session.closed"}:
            roots[event.session_id, kind] += 1
    for thought in thoughts:
        assert {one.status for one in thought.branches} == {Status.COMPLETED}
        assert [ends[one.session_id] for one in thought.branches] == [1] * BRANCHES
        assert roots[thought.session_id, "consolidation.recorded"] == 1
        assert roots[thought.session_id, "session.closed"] == 1
        assert thought.consolidation is not None
        assert len(thought.consolidation.sources) == BRANCHES


@in_full_only
@pytest.mark.timeout(720)
async def test_kills_of_workers_lose_nothing_and_double_nothing(tmp_path: Path) -> None:
    """A worker killed, one frozen, one drained, while thoughts run: all is there once."""
    chance = Random(7)  # noqa: S311 - no secret.
    async with at_work(tmp_path / "nats") as (_, workers, log):
        thinking = [asyncio.create_task(think(log)) for _ in range(3)]
        await asyncio.sleep(0.1)

        await asyncio.gather(workers.kill_one(chance), workers.freeze_one(chance))
        thinking += [asyncio.create_task(think(log)) for _ in range(3)]
        await workers.end_one(chance)
        async with asyncio.timeout(PATIENCE_S):
            thoughts = await asyncio.gather(*thinking)

        await assert_each_once(log, thoughts)


@in_full_only
@pytest.mark.timeout(900)
async def test_a_restart_of_the_server_in_the_middle_is_waited_out(tmp_path: Path) -> None:
    """The nats-server killed twice while thoughts run, a worker with it: all is there once."""
    chance = Random(11)  # noqa: S311 - no secret.
    async with at_work(tmp_path / "nats") as (server, workers, log):
        thinking = [asyncio.create_task(think(log)) for _ in range(3)]
        await asyncio.sleep(0.3)

        await restart(server)
        thinking += [asyncio.create_task(think(log)) for _ in range(3)]
        await asyncio.gather(restart(server), workers.freeze_one(chance))
        await workers.kill_one(chance)
        async with asyncio.timeout(PATIENCE_S):
            thoughts = await asyncio.gather(*thinking)

        await assert_each_once(log, thoughts)


@pytest.mark.chaos
@pytest.mark.timeout(0)
async def test_kills_at_random_for_long(tmp_path: Path) -> None:
    """Thoughts while anything is killed, frozen or ended at random: make chaos ROUNDS=200."""
    chance = Random()  # noqa: S311 - no secret.
    thoughts: list[Thought] = []
    async with at_work(tmp_path / "nats") as (server, workers, log):
        for _ in range(max(1, CHAOS_ROUNDS // 4)):
            thinking = [asyncio.create_task(think(log)) for _ in range(4)]
            await asyncio.sleep(chance.uniform(0, 0.5))
            mischief = chance.choice(["kill", "kill", "freeze", "end", "restart", "both"])
            if mischief in {"kill", "both"}:
                await workers.kill_one(chance)
            if mischief == "freeze":
                await workers.freeze_one(chance)
            if mischief == "end":
                await workers.end_one(chance)
            if mischief in {"restart", "both"}:
                await restart(server)
            async with asyncio.timeout(PATIENCE_S):
                thoughts += await asyncio.gather(*thinking)

        await assert_each_once(log, thoughts)
