"""The log on three servers: leaders step down and are killed under writers and a reader."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

import pytest

from anabranch_events import Log
from tests.support.cluster import Cluster
from tests.support.patience import PATIENCE_S, until
from tests.support.rounds import CHAOS_ROUNDS, KILL_ROUNDS, in_full_only
from tests.support.writers import Writer, check, follow, further

if TYPE_CHECKING:
    from pathlib import Path

    from anabranch_events import Recorded

pytestmark = pytest.mark.timeout(1800)

WRITERS = 4
STEP_DOWNS = 3


async def survive(folder: Path, *, kills: int, seed: int) -> tuple[int, int]:
    """Change the leader again and again; return how many were stored and acknowledged."""
    dice = random.Random(seed)  # noqa: S311 - a test's dice
    async with (
        Cluster(folder) as cluster,
        Log.connect(await cluster.ready(), timeout_s=PATIENCE_S) as log,
        Log.connect(cluster.url, timeout_s=PATIENCE_S) as reading,
    ):
        writers = [Writer(log, seed + number) for number in range(WRITERS)]
        seen: list[Recorded] = []
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(writer.run()) for writer in writers]
            following = tasks.create_task(follow(reading, seen))
            for number in range(kills + 1):
                for _ in range(STEP_DOWNS):
                    await asyncio.sleep(dice.uniform(0.05, 0.3))
                    await cluster.step_down(log.connection)
                if number == kills:
                    break
                leader = await cluster.leader(log.connection)
                await cluster.kill(leader)
                await log.bounds()
                await cluster.start(leader)
                await cluster.leader(log.connection)
            await further(writers)
            for task in running:
                task.cancel()
            await asyncio.wait(running)
            last = (await log.bounds()).last
            await until(lambda: bool(seen) and seen[-1].position >= last)
            following.cancel()
        records = [record async for record in log.read_all()]
    check(records, writers)
    # What a cancelled writer had just sent may be stored after the reader was stopped.
    assert seen == records[: len(seen)]
    return len(records), sum(len(writer.acknowledged) for writer in writers)


@in_full_only
async def test_leaders_change_and_nothing_is_lost_twice_or_out_of_order(tmp_path: Path) -> None:
    """Every acknowledged event is there once, in order, and a subscription saw each once.

    An election after a kill takes five seconds, so that there are some in CI only.
    """
    stored, acknowledged = await survive(tmp_path, kills=KILL_ROUNDS // 4, seed=11)

    assert stored >= acknowledged > WRITERS


@pytest.mark.chaos
@pytest.mark.timeout(0)
async def test_leaders_change_for_long(tmp_path: Path) -> None:
    """The same for a tenth of ANABRANCH_CHAOS_ROUNDS kills, another story every time."""
    seed = random.SystemRandom().randrange(2**32)
    kills = max(1, CHAOS_ROUNDS // 10)
    print(f"seed {seed}, {kills} kills")  # noqa: T201 - to run the same story again

    stored, acknowledged = await survive(tmp_path, kills=kills, seed=seed)

    print(f"{stored} stored, {acknowledged} acknowledged")  # noqa: T201 - for who waits
