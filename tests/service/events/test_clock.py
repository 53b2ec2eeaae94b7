"""The server's clock jumps, forwards and back: nothing is lost, twice or out of order."""

from __future__ import annotations

import asyncio
import shutil
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import pytest

from anabranch_events import Log, NatsServer
from anabranch_events.server import managed
from tests.support import movable_clock
from tests.support.events import note, notes
from tests.support.movable_clock import Clock
from tests.support.patience import until
from tests.support.rounds import in_full_only
from tests.support.writers import Writer, check, follow

if TYPE_CHECKING:
    from pathlib import Path

    from anabranch_events import Recorded

HOUR_S: Final = 3600
YEAR_S: Final = 365 * 24 * HOUR_S
JUMPS_S: Final = (HOUR_S, -HOUR_S, 0, YEAR_S, -YEAR_S, 0)
SESSION: Final = "01a20000-0000-7000-8000-000000000001"

pytestmark = [
    pytest.mark.timeout(1800),
    in_full_only,
    pytest.mark.skipif(shutil.which("go") is None, reason="Go is not on this machine"),
]


@pytest.fixture
def clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of the servers that are started from now on."""
    binary = str(movable_clock.built())
    monkeypatch.setattr(managed, "server_binary", lambda: binary)
    clock = Clock(tmp_path / "clock")
    for name, value in clock.environment.items():
        monkeypatch.setenv(name, value)
    return clock


async def _grown(seen: list[Recorded], *, by: int) -> None:
    """Return once so many more are seen."""
    enough = len(seen) + by
    await until(lambda: len(seen) >= enough)


async def test_writers_and_readers_go_on_whatever_the_clock_does(
    clock: Clock, tmp_path: Path
) -> None:
    """Over jumps of an hour and a year every acknowledged event is there once, in order."""
    seen: list[Recorded] = []
    async with (
        NatsServer(tmp_path / "nats") as nats_server,
        Log.connect(nats_server.url, token=nats_server.token) as log,
    ):
        writers = [Writer(log, seed) for seed in range(3)]
        running = [asyncio.create_task(writer.run()) for writer in writers]
        following = asyncio.create_task(follow(log, seen))
        for seconds in JUMPS_S:
            clock.jump(seconds)
            await _grown(seen, by=200)
        for task in (*running, following):
            task.cancel()
        await asyncio.wait([*running, following])
        records = [record async for record in log.read_all()]

    times = [record.stored_at for record in records]
    check(records, writers)
    assert seen == records[: len(seen)]
    assert max(times) - min(times) > timedelta(days=700)
    assert times != sorted(times)


async def test_a_jump_shortens_what_ids_alone_are_good_for(clock: Clock, tmp_path: Path) -> None:
    """Put forward, the server forgets ids earlier; a conditional append is once all the same."""
    first, second = notes(SESSION, 2)
    async with (
        NatsServer(tmp_path / "nats") as nats_server,
        Log.connect(nats_server.url, token=nats_server.token) as log,
    ):
        receipts = [await log.append(first, expected=0), await log.append(second, expected=1)]
    clock.jump(HOUR_S)

    async with (
        NatsServer(tmp_path / "nats") as nats_server,
        Log.connect(nats_server.url, token=nats_server.token) as log,
    ):
        again = [await log.append(first, expected=0), await log.append(second, expected=1)]
        last = (await log.bounds()).last
        unconditional = await log.append(first)

    assert again == receipts
    assert last == 2
    assert unconditional.position == 3


async def test_a_log_whose_clock_went_back_is_read_in_order_after_a_restart(
    clock: Clock, tmp_path: Path
) -> None:
    """Positions are the order, whatever times stand beside them."""
    events = notes(SESSION, 6)
    async with (
        NatsServer(tmp_path / "nats") as nats_server,
        Log.connect(nats_server.url, token=nats_server.token) as log,
    ):
        for event, seconds in zip(events, JUMPS_S, strict=True):
            clock.jump(seconds)
            await log.append(event)
    clock.jump(-HOUR_S)

    async with (
        NatsServer(tmp_path / "nats") as nats_server,
        Log.connect(nats_server.url, token=nats_server.token) as log,
    ):
        records = [record async for record in log.read_all()]
        of_session = [record async for record in log.read(SESSION, namespace="default")]
        follower = await log.append(note(SESSION, 7), expected=6)

    times = [record.stored_at for record in records]
    assert [record.decode() for record in records] == events
    assert of_session == records
    assert times != sorted(times)
    assert follower.position == 7
