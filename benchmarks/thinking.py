"""Thoughts over workers beside the same work done otherwise, in one run.

Branches of 200 ms over four workers with enough slots, beside one after another. Empty branches in
their whole life, over workers and local, beside their three events stored without any of it. A critical branch behind many low ones with one slot, beside
one queue for all. The stop of a cancelled tree. Critical branches while one worker is slow. Workers
run in this process, on a log of their own.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from anabranch.backend.gc_tuning import collect_seldom
from anabranch_events import Log, NatsServer, new_event, new_id
from anabranch_events.event.types import BranchCompleted, BranchCreated, BranchStarted, Priority
from anabranch_thinking import BranchContext, BranchTask, CallableExecutor, think
from anabranch_thinking.thoughts.think import CONCURRENCY
from anabranch_thinking.work.calling_off import call_off
from anabranch_thinking.work.dispatch import ThoughtOverWorkers, WorkTerms
from anabranch_thinking.work.fabric import Fabric
from anabranch_thinking.work.hedging import Hedging
from anabranch_thinking.work.joiner import Joiner
from anabranch_thinking.work.worker import Worker
from benchmarks.rows import at_least, at_most

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    from anabranch_events import Event, Receipt
    from anabranch_events.event.types import EventData
    from anabranch_thinking import Executor, Thought, Work
    from benchmarks.rows import Row

NAMESPACE: Final = "bench"
NAP_S: Final = 0.2
EMPTY: Final = 1000
BEHIND: Final = 300
FAR_BEHIND: Final = 10_000
URGENT_ROUNDS: Final = 30
HEDGED_ROUNDS: Final = 12
WARM_ROUNDS: Final = 3


async def nap(branch: BranchContext) -> str:
    """Find something after 200 ms."""
    await asyncio.sleep(NAP_S)
    return f"Found for {branch.task}."


def _napping(times: float) -> Work:
    async def napping(branch: BranchContext) -> str:
        await asyncio.sleep(times * NAP_S)
        return f"Found for {branch.task}."

    return napping


async def empty(branch: BranchContext) -> str:
    """Find something at once."""
    return f"Found for {branch.task}."


async def run() -> list[Row]:
    """Measure, and return the rows."""
    rows: list[Row] = []
    collect_seldom()  # As the commands do.
    with tempfile.TemporaryDirectory() as folder:
        async with (
            NatsServer(Path(folder) / "nats") as server,
            Log.connect(server.url, token=server.token, timeout_s=60) as log,
        ):
            fabric = Fabric.over(log)
            async with _at_work(server, workers=4, slots=32):
                await _think(fabric, "empty", 8)  # The joiner takes its place.
                rows += [await _naps(fabric, count) for count in (10, 100)]
                rows += await _whole_lives(fabric)
            rows.append(await _urgent(fabric, server))
            rows.append(await _cancelled(fabric, server))
            rows.append(await _hedged(fabric, server))
            rows.append(await _urgent_far_behind(fabric, server))
    return rows


@asynccontextmanager
async def _at_work(
    server: NatsServer,
    *,
    workers: int,
    slots: int,
    slow: float = 1.0,
    hedging: Hedging | None = None,
    executors: Mapping[str, Executor] | None = None,
) -> AsyncGenerator[None]:
    """Have workers and a joiner at work; of several the first is so many times slower."""
    async with Log.connect(server.url, token=server.token, timeout_s=60) as log:
        fabric = Fabric.over(log)
        usual = {
            "nap": CallableExecutor(nap),
            "empty": CallableExecutor(empty),
            **(executors or {}),
        }
        crew = [
            Worker(
                fabric,
                namespace=NAMESPACE,
                executors=usual | {"nap": CallableExecutor(_napping(slow))}
                if not number
                else usual,
                slots=slots,
                name=f"w{number}",
            )
            for number in range(workers)
        ]
        running = [asyncio.create_task(one.run()) for one in crew]
        running.append(asyncio.create_task(Joiner(fabric, hedging=hedging).run()))
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


async def _whole_lives(fabric: Fabric) -> list[Row]:
    begun = time.perf_counter()
    await _think(fabric, "empty", EMPTY)
    over_workers = EMPTY / (time.perf_counter() - begun)
    begun = time.perf_counter()
    tasks = [f"look at {number}" for number in range(EMPTY)]
    await think(
        fabric.sessions_of(NAMESPACE), "measure", branches=tasks, executor=CallableExecutor(empty)
    )
    local = EMPTY / (time.perf_counter() - begun)
    begun = time.perf_counter()
    await _bare_events(fabric.log, EMPTY)
    bare = EMPTY / (time.perf_counter() - begun)
    return [
        at_least(
            f"empty branches, whole life {where}, beside their events alone",
            ours=ours,
            theirs=bare,
            limit=limit,
            unit="branches/s",
        )
        for where, ours, limit in (("over workers", over_workers, 0.08), ("local", local, 0.2))
    ]


async def _bare_events(log: Log, count: int) -> None:
    """Store what the lives of so many branches store: a batch, and two conditional appends each."""
    root_id = new_id()

    def event(session_id: str, data: EventData) -> Event:
        return new_event(data, session_id=session_id, namespace=NAMESPACE, correlation_id=root_id)

    created = BranchCreated(parent_id=root_id, root_id=root_id, forked_at=1, depth=1, task="look")
    ids = [new_id() for _ in range(count)]
    forked = await log.append_all(
        [event(session_id, created) for session_id in ids], expected=dict.fromkeys(ids, 0)
    )
    gate = asyncio.Semaphore(CONCURRENCY)

    async def live(receipt: Receipt, session_id: str) -> None:
        async with gate:
            started = event(session_id, BranchStarted(worker="w", attempt=1))
            begun = await log.append(started, expected=receipt.position)
            ended = BranchCompleted(result="found", duration_ms=1, attempt=1)
            await log.append(event(session_id, ended), expected=begun.position)

    await asyncio.gather(*map(live, forked, ids))


async def _urgent(fabric: Fabric, server: NatsServer) -> Row:
    """Measure the wait of an urgent branch behind many, by its priority and without it."""
    waits: dict[Priority, float] = {}
    async with _at_work(server, workers=1, slots=1):
        for priority in (Priority.CRITICAL, Priority.LOW):
            behind = asyncio.create_task(_think(fabric, "empty", BEHIND, priority=Priority.LOW))
            await asyncio.sleep(0.5)
            thought = await _think(fabric, "empty", 1, priority=priority)
            waits[priority] = await _waited_s(fabric, thought)
            await behind
    return at_most(
        f"the wait of a critical branch behind {BEHIND} low ones, beside one queue",
        ours=waits[Priority.CRITICAL] * 1000,
        theirs=waits[Priority.LOW] * 1000,
        limit=0.1,
        unit="ms",
    )


async def _urgent_far_behind(fabric: Fabric, server: NatsServer) -> Row:
    """Measure the worst wait of critical branches while very many low ones wait, one by one."""
    terms = WorkTerms(executor="empty", priority=Priority.LOW)
    low = [BranchTask(task=f"look at {one}", priority=Priority.LOW) for one in range(1000)]
    for _ in range(FAR_BEHIND // len(low)):
        thought = ThoughtOverWorkers(fabric, fabric.sessions_of(NAMESPACE), terms)
        await thought.begin("measure", low, session_id=None)
    async with _at_work(server, workers=1, slots=4):
        waits = [
            await _waited_s(fabric, await _think(fabric, "empty", 1, priority=Priority.CRITICAL))
            for _ in range(URGENT_ROUNDS)
        ]
    return at_most(
        f"the worst wait of {URGENT_ROUNDS} critical branches behind {FAR_BEHIND} low ones",
        ours=max(waits) * 1000,
        theirs=250.0,
        limit=1.0,
        unit="ms",
    )


async def _waited_s(fabric: Fabric, thought: Thought) -> float:
    """Return how long the first branch of a thought waited for a worker."""
    state = await fabric.sessions_of(NAMESPACE).state(thought.branches[0].session_id)
    assert state.started_at is not None
    assert state.opened_at is not None
    return max(0.001, (state.started_at - state.opened_at).total_seconds())


async def _cancelled(fabric: Fabric, server: NatsServer) -> Row:
    """Measure how long running executors of a tree go on after it is cancelled."""
    stopped: list[float] = []

    async def work(branch: BranchContext) -> str:
        try:
            if branch.depth == 1:
                await branch.branch([f"part {number}" for number in range(4)])
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            stopped.append(time.perf_counter())
            raise
        return "never"

    async with _at_work(server, workers=2, slots=64, executors={"tree": CallableExecutor(work)}):
        thought = ThoughtOverWorkers(
            fabric, fabric.sessions_of(NAMESPACE), WorkTerms(executor="tree")
        )
        await thought.begin(
            "measure", [BranchTask(task=f"look at {one}") for one in range(8)], session_id=None
        )
        await asyncio.sleep(3)
        begun = time.perf_counter()
        await call_off(fabric, NAMESPACE, thought.root_id, "enough")
        await asyncio.sleep(2)
    late = sorted(one - begun for one in stopped)
    assert len(late) == 8 + 32
    return at_most(
        "from the cancelling of a tree of 40 branches to the last executor's, beside 1 s",
        ours=late[-1] * 1000,
        theirs=1000.0,
        limit=1.0,
        unit="ms",
    )


async def _hedged(fabric: Fabric, server: NatsServer) -> Row:
    """Measure critical branches with one of four workers 20 times slower, hedged and not."""
    tails: list[float] = []
    for hedging, rounds in (
        (Hedging(), HEDGED_ROUNDS),
        (Hedging(priorities=frozenset()), WARM_ROUNDS + 3),
    ):
        async with _at_work(server, workers=4, slots=4, slow=20.0, hedging=hedging):
            taken: list[float] = []
            for number in range(rounds):
                thought = await _think(fabric, "nap", 16, priority=Priority.CRITICAL)
                states = [
                    await fabric.sessions_of(NAMESPACE).state(one.session_id)
                    for one in thought.branches
                ]
                if number < WARM_ROUNDS:
                    continue  # Nobody knows by now how long they take.
                taken += [
                    (one.ended_at - one.opened_at).total_seconds()
                    for one in states
                    if one.ended_at and one.opened_at
                ]
            ordered = sorted(taken)
            tails.append(ordered[int(0.99 * len(ordered))] / ordered[len(ordered) // 2])
    return at_most(
        "p99 of critical branches in medians, one worker 20 times slower, beside without hedging",
        ours=tails[0],
        theirs=tails[1],
        limit=2 / tails[1],
        unit="medians",
    )
