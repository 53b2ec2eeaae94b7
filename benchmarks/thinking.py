"""Thoughts over workers beside the same work done otherwise, in one run.

Branches of 200 ms over four workers with enough slots, beside one after another; empty branches in
their whole life, beside local ones; a critical branch behind many low ones with one slot, beside
one queue for all. Workers run in this process, on a log of their own.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from anabranch_events import Log, NatsServer
from anabranch_events.event.types import Priority
from anabranch_thinking import BranchContext, BranchTask, CallableExecutor, think
from anabranch_thinking.work.dispatch import ThoughtOverWorkers, WorkTerms
from anabranch_thinking.work.fabric import Fabric
from anabranch_thinking.work.joiner import Joiner
from anabranch_thinking.work.worker import Worker
from benchmarks.rows import at_least, at_most

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from anabranch_thinking import Thought
    from benchmarks.rows import Row

NAMESPACE: Final = "bench"
NAP_S: Final = 0.2
EMPTY: Final = 1000
BEHIND: Final = 300


async def nap(branch: BranchContext) -> str:
    """Find something after 200 ms."""
    await asyncio.sleep(NAP_S)
    return f"Found for {branch.task}."


async def empty(branch: BranchContext) -> str:
    """Find something at once."""
    return f"Found for {branch.task}."


async def run() -> list[Row]:
    """Measure, and return the rows."""
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        async with (
            NatsServer(Path(folder) / "nats") as server,
            Log.connect(server.url, token=server.token, timeout_s=60) as log,
        ):
            fabric = Fabric.over(log)
            async with _at_work(server, workers=4, slots=32):
                await _think(fabric, "empty", 8)  # The joiner takes its place.
                rows += [await _naps(fabric, count) for count in (10, 100)]
                rows.append(await _whole_lives(fabric))
            rows.append(await _urgent(fabric, server))
    return rows


@asynccontextmanager
async def _at_work(server: NatsServer, *, workers: int, slots: int) -> AsyncGenerator[None]:
    async with Log.connect(server.url, token=server.token, timeout_s=60) as log:
        fabric = Fabric.over(log)
        executors = {"nap": CallableExecutor(nap), "empty": CallableExecutor(empty)}
        crew = [
            Worker(fabric, namespace=NAMESPACE, executors=executors, slots=slots, name=f"w{number}")
            for number in range(workers)
        ]
        running = [asyncio.create_task(one.run()) for one in crew]
        running.append(asyncio.create_task(Joiner(fabric).run()))
        try:
            yield
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)


async def _think(
    fabric: Fabric, executor: str, count: int, *, priority: Priority = Priority.NORMAL
) -> Thought:
    terms = WorkTerms(executor=executor, priority=priority)
    thought = ThoughtOverWorkers(fabric, fabric.sessions_of(NAMESPACE), terms)
    tasks = [BranchTask(task=f"look at {number}", priority=priority) for number in range(count)]
    await thought.begin("measure", tasks, session_id=None)
    return await thought.joined()


async def _naps(fabric: Fabric, count: int) -> Row:
    thought = await _think(fabric, "nap", count)
    return at_most(
        f"{count} branches of 200 ms over 4 workers, to the join, beside one after another",
        ours=thought.parallel_ms,
        theirs=count * NAP_S * 1000,
        limit=1 / (0.95 * count),
        unit="ms",
    )


async def _whole_lives(fabric: Fabric) -> Row:
    begun = time.perf_counter()
    await _think(fabric, "empty", EMPTY)
    ours = EMPTY / (time.perf_counter() - begun)
    begun = time.perf_counter()
    tasks = [f"look at {number}" for number in range(EMPTY)]
    await think(
        fabric.sessions_of(NAMESPACE), "measure", branches=tasks, executor=CallableExecutor(empty)
    )
    theirs = EMPTY / (time.perf_counter() - begun)
    return at_least(
        "empty branches, whole life over workers, beside local ones",
        ours=ours,
        theirs=theirs,
        limit=0.5,
        unit="branches/s",
    )


async def _urgent(fabric: Fabric, server: NatsServer) -> Row:
    """Measure the wait of an urgent branch behind many, by its priority and without it."""
    waits: dict[Priority, float] = {}
    async with _at_work(server, workers=1, slots=1):
        for priority in (Priority.CRITICAL, Priority.LOW):
            behind = asyncio.create_task(_think(fabric, "empty", BEHIND, priority=Priority.LOW))
            await asyncio.sleep(0.5)
            thought = await _think(fabric, "empty", 1, priority=priority)
            state = await fabric.sessions_of(NAMESPACE).state(thought.branches[0].session_id)
            assert state.started_at is not None
            assert state.opened_at is not None
            waits[priority] = max(0.001, (state.started_at - state.opened_at).total_seconds())
            await behind
    return at_most(
        f"the wait of a critical branch behind {BEHIND} low ones, beside one queue",
        ours=waits[Priority.CRITICAL] * 1000,
        theirs=waits[Priority.LOW] * 1000,
        limit=0.1,
        unit="ms",
    )
