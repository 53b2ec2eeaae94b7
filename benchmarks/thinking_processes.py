"""Thoughts over worker processes: while one is killed every two seconds, and as a large tree.

Four processes of eight slots work and join. First a thought of branches that take half a second,
undisturbed and then with a process killed at random every two seconds and replaced. Then trees
of forks, of a thousand branches and of ten thousand: what each process held at most is compared.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from collections import Counter
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Final

from tests.support.killing import MortalServer
from tests.support.worker_processes import WorkerProcesses

from anabranch.backend.gc_tuning import collect_seldom
from anabranch_events import Log
from anabranch_events.event.types import BranchCompleted, ConsolidationRecorded
from anabranch_thinking import BranchTask
from anabranch_thinking.work.dispatch import ThoughtOverWorkers, WorkTerms
from anabranch_thinking.work.fabric import Fabric
from benchmarks.rows import at_most

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from anabranch_thinking import Thought
    from benchmarks.rows import Row

NAMESPACE: Final = "bench"
PROCESSES: Final = 4
NAP_S: Final = 0.5
NAPS: Final = 1000
KILLED_EVERY_S: Final = 2.0
KILLS_MIN: Final = 4
WARM: Final = 100
FORKS: Final = 99
SMALL: Final = 10
LARGE: Final = 100
GROWTH_MAX: Final = 6.0
"""For ten times the branches."""
_KIB: Final = 1024


async def run() -> list[Row]:
    """Measure, and return the rows."""
    rows: list[Row] = []
    collect_seldom()  # As the commands do.
    with tempfile.TemporaryDirectory() as folder:
        async with _at_work(Path(folder) / "naps") as (_, workers, log):
            rows.append(await _killed(log, workers))
        held = [await _grown(Path(folder) / f"tree-{count}", count) for count in (SMALL, LARGE)]
    rows += [
        at_most(
            f"a tree of {LARGE * (FORKS + 1)} branches, peak of {part}, beside {SMALL * (FORKS + 1)}",
            ours=held[1][part],
            theirs=held[0][part],
            limit=GROWTH_MAX,
            unit="MiB",
        )
        for part in held[0]
    ]
    return rows


@asynccontextmanager
async def _at_work(folder: Path) -> AsyncGenerator[tuple[MortalServer, WorkerProcesses, Log]]:
    async with (
        MortalServer(folder) as server,
        WorkerProcesses(server, namespace=NAMESPACE, count=PROCESSES, nap_s=NAP_S) as workers,
        Log.connect(server.url, token=server.token, timeout_s=60) as log,
    ):
        yield server, workers, log


async def _think(log: Log, executor: str, tasks: Sequence[str]) -> Thought:
    fabric = Fabric.over(log)
    terms = WorkTerms(executor=executor, retries=9)
    thought = ThoughtOverWorkers(fabric, fabric.sessions_of(NAMESPACE), terms)
    await thought.begin("measure", [BranchTask(task=one) for one in tasks], session_id=None)
    return await thought.joined()


async def _killed(log: Log, workers: WorkerProcesses) -> Row:
    """Measure a thought while a process is killed every two seconds, beside it undisturbed."""
    tasks = [f"look at {number}" for number in range(NAPS)]
    await _think(log, "nap", tasks[:WARM])
    undisturbed = await _think(log, "nap", tasks)
    chance = Random()  # noqa: S311 - no secret.
    kills = 0
    joined = asyncio.Event()

    async def kill() -> None:
        nonlocal kills
        while not joined.is_set():
            await asyncio.gather(asyncio.sleep(KILLED_EVERY_S), workers.kill_one(chance))
            kills += 1

    async def think() -> Thought:
        try:
            return await _think(log, "nap", tasks)
        finally:
            joined.set()

    disturbed, _ = await asyncio.gather(think(), kill())
    await _assert_each_once(log, [undisturbed, disturbed])
    print(f"  {kills} kills in {disturbed.parallel_ms / 1000:.1f} s", file=sys.stderr)
    assert kills >= KILLS_MIN, "a process took too long to start: too few were killed"
    return at_most(
        f"{NAPS} branches of {NAP_S:g} s, one of {PROCESSES} processes killed every "
        f"{KILLED_EVERY_S:g} s, beside undisturbed",
        ours=disturbed.parallel_ms,
        theirs=undisturbed.parallel_ms,
        limit=1.5,
        unit="ms",
    )


async def _assert_each_once(log: Log, thoughts: Sequence[Thought]) -> None:
    """Fail unless each branch has completed once, and each thought was joined once."""
    completed: Counter[str] = Counter()
    joined: Counter[str] = Counter()
    async for recorded in log.read_all():
        event = recorded.decode()
        completed[event.session_id] += isinstance(event.data, BranchCompleted)
        joined[event.session_id] += isinstance(event.data, ConsolidationRecorded)
    for thought in thoughts:
        assert {completed[one.session_id] for one in thought.branches} == {1}
        assert joined[thought.session_id] == 1


async def _grown(folder: Path, count: int) -> dict[str, float]:
    """Think over `count` branches that fork each; return what each process held at most, in MiB."""
    async with _at_work(folder) as (server, workers, log):
        _forget_peak()
        thought = await _think(log, "grow", [f"grow {one}: {FORKS}" for one in range(count)])
        held = {
            "a worker": max(map(_peak_mib, workers.pids)),
            "who waits": _peak_mib(os.getpid()),
            "nats-server": _peak_mib(server.pid),
        }
        assert thought.total_branches == count * (FORKS + 1)
        await _assert_each_once(log, [thought])
        print(
            f"  {thought.total_branches:,} in {thought.parallel_ms / 1000:.1f} s", file=sys.stderr
        )
        return held


def _forget_peak() -> None:
    """Count the most memory that this process holds from now on (proc(5), clear_refs)."""
    Path("/proc/self/clear_refs").write_text("5")


def _peak_mib(pid: int) -> float:
    """Return the most memory that a process has held."""
    [line] = [
        one
        for one in Path(f"/proc/{pid}/status").read_text().splitlines()
        if one.startswith("VmHWM:")
    ]
    return int(line.split()[1]) / _KIB
