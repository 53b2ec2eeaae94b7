"""The log under kill -9 of its server: every acknowledged event is there once, in order."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

import pytest

from anabranch_events import Log
from tests.support.killing import MortalServer
from tests.support.patience import PATIENCE_S, until
from tests.support.rounds import CHAOS_ROUNDS
from tests.support.writers import Writer, check, follow, further

if TYPE_CHECKING:
    from pathlib import Path

    from anabranch_events import Recorded

WRITERS = 4
ROUNDS = 20


async def survive(folder: Path, *, rounds: int, seed: int) -> int:
    """Kill the server `rounds` times under writers and a reader; return how many were stored."""
    dice = random.Random(seed)  # noqa: S311 - a test's dice
    async with (
        MortalServer(folder) as server,
        Log.connect(server.url, token=server.token, timeout_s=PATIENCE_S) as log,
        Log.connect(server.url, token=server.token, timeout_s=PATIENCE_S) as reading,
    ):
        writers = [Writer(log, seed + number) for number in range(WRITERS)]
        seen: list[Recorded] = []
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(writer.run()) for writer in writers]
            following = tasks.create_task(follow(reading, seen))
            for number in range(rounds):
                await asyncio.sleep(dice.uniform(0.0, 0.15))
                await server.kill()
                await server.start()
                await further(writers)  # The next kill meets writers at work.
                if number % 10 == 9:
                    acknowledged = [dict(writer.acknowledged) for writer in writers]
                    stored = {record.position async for record in log.read_all()}
                    assert all(set(known.values()) <= stored for known in acknowledged)
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
    return len(records)


async def test_nothing_acknowledged_is_lost_over_twenty_kills(tmp_path: Path) -> None:
    """Writers and a subscription go on over kill -9 and restarts; nothing is lost or twice."""
    stored = await survive(tmp_path / "nats", rounds=ROUNDS, seed=7)

    assert stored > ROUNDS * WRITERS


@pytest.mark.chaos
async def test_nothing_acknowledged_is_lost_over_many_kills(tmp_path: Path) -> None:
    """The same for ANABRANCH_CHAOS_ROUNDS kills, another story every time."""
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}, {CHAOS_ROUNDS} rounds")  # noqa: T201 - to run the same story again

    stored = await survive(tmp_path / "nats", rounds=CHAOS_ROUNDS, seed=seed)

    print(f"{stored} events stored over {CHAOS_ROUNDS} kills")  # noqa: T201 - for who waits
    assert stored > CHAOS_ROUNDS
