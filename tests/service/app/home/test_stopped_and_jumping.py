"""Each process of a home is stopped for long, or its clock jumps: all goes on, each effect once."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Final

import pytest

from anabranch import Memory
from anabranch_events.event.types import BranchCompleted, InsightRecorded
from tests.support.visiting import patient
from tests.support.wall_clock import COMPILER, WallClock
from tests.support.whole_home import PARTS, WholeHome

if TYPE_CHECKING:
    from pathlib import Path

    from anabranch.settings import Settings

pytestmark = [pytest.mark.timeout(0), pytest.mark.own_servers, pytest.mark.chaos]

STOPPED_S: Final = 35
HOUR_S: Final = 3600
JUMPS_S: Final = (HOUR_S, -HOUR_S, 3 * 24 * HOUR_S, -3 * 24 * HOUR_S, 0)
DRIFTS: Final = 60
"""Steps of a second, as of a clock that is pulled along slowly."""


async def insights(settings: Settings) -> tuple[Counter[str], Counter[str]]:
    """Return how often each insight is in the log, and how often in the graph."""
    log: Counter[str] = Counter()
    async with Memory.open(settings=patient(settings).changed(query_rows_max=1_000_000)) as memory:
        async for one in memory.replay():
            data = one.decode().data
            if isinstance(data, InsightRecorded):
                log[data.insight_id] += 1
            elif isinstance(data, BranchCompleted):
                log.update(insight.insight_id for insight in data.insights)
        await memory.wait_for(memory.position)
        rows = await memory.cypher("MATCH (i:Insight) RETURN i.id AS id")
    return log, Counter(row["id"] for row in rows.rows)


async def held(home: WholeHome, settings: Settings) -> None:
    """Hold that nothing was lost, nothing is there twice, and who followed saw all in order."""
    await home.end_producer()
    last = (await home.memory.status()).log.last
    await home.follows(last)
    assert home.followed == list(range(1, last + 1))
    log, graph = await insights(settings)
    assert {insight for one in home.visitors.all for insight in one.kept} <= set(log)
    assert set(log.values()) == {1}
    assert graph == log
    assert (await home.memory.status()).dead_letters == 0


async def test_each_process_is_stopped_and_goes_on(own_settings: Settings, tmp_path: Path) -> None:
    """Stopped for longer than any lease, in the middle of its work, each takes it up again."""
    async with WholeHome(own_settings, tmp_path) as home:
        for part in PARTS:
            thinking = asyncio.create_task(home.think())
            await asyncio.sleep(0.3)
            home.stop(part)
            await asyncio.sleep(STOPPED_S)
            home.go_on(part)
            assert set(await thinking) == {"completed"}, part
            await home.works()
            print(f"{part}: stopped for {STOPPED_S} s, and went on")  # noqa: T201 - for who waits
        await held(home, own_settings)


@pytest.mark.skipif(COMPILER is None, reason="a C compiler is not on this machine")
@pytest.mark.parametrize("part", ["up", "worker", "serve", "producer"])
async def test_the_clock_of_one_process_jumps(
    own_settings: Settings, tmp_path: Path, part: str
) -> None:
    """An hour and days, ahead and back, and pulled along slowly: leases, waits and reads go on."""
    clock = WallClock(tmp_path)
    async with WholeHome(own_settings, tmp_path, {part: clock.environment}) as home:
        for seconds in JUMPS_S:
            thinking = asyncio.create_task(home.think())
            await asyncio.sleep(0.2)
            clock.jump(seconds)
            assert set(await thinking) == {"completed"}, seconds
            await home.works()
            print(f"{part}: jumped to {seconds:+} s, and went on")  # noqa: T201 - for who waits
        for step in range(DRIFTS):
            clock.jump(step)
            await asyncio.sleep(0.05)
        await home.works()
        await held(home, own_settings)
