"""The consumer that several processes share: one reads, another goes on, and nothing is left out."""

from __future__ import annotations

import asyncio
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from anabranch_events import STREAM, Log, PinLost
from anabranch_events.read import pinned_consumer
from tests.support.events import new_sessions, notes
from tests.support.patience import PATIENCE_S
from tests.support.proxy import Proxy
from tests.support.rounds import in_full_only

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from anabranch_events import NatsServer

NAME = "graph-1"


class Work:
    """What several workers get done together, each position once and in order."""

    def __init__(self) -> None:
        self.checkpoint = 0
        self.lost: list[str] = []
        self.by: list[str] = []
        self._moved = asyncio.Event()

    async def read_checkpoint(self) -> int:
        """Return how far the work is."""
        return self.checkpoint

    async def follow(self, log: Log, *, name: str) -> None:
        """Take turns at the shared consumer until cancelled."""
        place = log.pinned(NAME)
        while True:
            try:
                async with (
                    place.taken(self.read_checkpoint),
                    aclosing(place.batches(after=self.checkpoint)) as batches,
                ):
                    async for batch in batches:
                        positions = [record.position for record in batch]
                        first = self.checkpoint + 1
                        assert positions == list(range(first, first + len(batch)))
                        self.checkpoint = positions[-1]
                        self.by.append(name)
                        self._moved.set()
            except PinLost:
                self.lost.append(name)

    async def reaches(self, position: int) -> None:
        """Return once the work has come so far."""
        async with asyncio.timeout(PATIENCE_S):
            while self.checkpoint < position:
                self._moved.clear()
                await self._moved.wait()


@asynccontextmanager
async def _at_work(work: Work, log: Log, name: str) -> AsyncGenerator[asyncio.Task[None]]:
    task = asyncio.create_task(work.follow(log, name=name))
    try:
        yield task
    finally:
        assert task.cancelled() or not task.done(), task
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _append(log: Log, count: int) -> int:
    """Store some events; return the last position."""
    for event in notes(new_sessions(1)[0], count):
        await log.append(event)
    return (await log.bounds()).last


async def test_one_reads_and_after_its_end_another_goes_on(
    nats_server: NatsServer, log: Log
) -> None:
    """While the first works the second gets nothing; a clean end hands over without a gap."""
    work = Work()
    async with (
        Log.connect(nats_server.url, token=nats_server.token) as other,
        _at_work(work, log, "first") as first,
    ):
        await work.reaches(await _append(log, 5))
        async with _at_work(work, other, "second"):
            await work.reaches(await _append(log, 50))
            before = set(work.by)
            first.cancel()
            await work.reaches(await _append(log, 5))

    assert (before, work.by[-1], work.lost) == ({"first"}, "second", [])


async def test_a_cut_connection_costs_nothing(nats_server: NatsServer, log: Log) -> None:
    """Who lost the connection begins again at the checkpoint, without a gap."""
    work = Work()
    async with (
        Proxy(nats_server.url) as proxy,
        Log.connect(proxy.url, token=nats_server.token) as cut,
        _at_work(work, cut, "only"),
    ):
        for _ in range(3):
            await work.reaches(await _append(log, 5))
            proxy.cut()
        await work.reaches(await _append(log, 5))

    assert work.checkpoint == 20


@in_full_only
async def test_a_silent_holder_is_followed_by_another(
    nats_server: NatsServer, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whom the server hears no more loses the pin, and learns so when it is heard again."""
    monkeypatch.setattr(pinned_consumer, "PIN_S", 1.5)
    work = Work()
    async with (
        Proxy(nats_server.url) as proxy,
        Log.connect(proxy.url, token=nats_server.token) as silent,
        _at_work(work, silent, "silent"),
    ):
        await work.reaches(await _append(log, 5))
        async with _at_work(work, log, "other"):
            proxy.fall_silent()
            await work.reaches(await _append(log, 5))
            proxy.let_answers_pass()
            await work.reaches(await _append(log, 5))

    assert set(work.by) == {"silent", "other"}
    assert work.lost[:1] == ["silent"]


@in_full_only
async def test_what_a_dead_holder_had_read_is_not_left_until_more_comes(
    nats_server: NatsServer, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next holder starts at the checkpoint although nothing new is appended."""
    monkeypatch.setattr(pinned_consumer, "PIN_S", 1.5)
    work = Work()
    last = await _append(log, 20)
    async with Log.connect(nats_server.url, token=nats_server.token) as dying:
        place = dying.pinned(NAME)
        async with place.taken(work.read_checkpoint), aclosing(place.batches(after=0)) as batches:
            read = await anext(aiter(batches))
            async with _at_work(work, log, "next"):
                await dying.connection.close()
                await work.reaches(last)

    assert len(read) > 0
    assert set(work.by) == {"next"}


@in_full_only
async def test_a_foreign_reset_skips_nothing(log: Log) -> None:
    """Whoever moves the consumer while it is in use makes its holder begin again."""
    work = Work()
    async with _at_work(work, log, "only"):
        await work.reaches(await _append(log, 5))
        for position in (1, 100, 3):
            subject = f"$JS.API.CONSUMER.RESET.{STREAM}.{NAME}"
            await log.connection.request(subject, b'{"seq": %d}' % position)
            await work.reaches(await _append(log, 5))

    assert work.checkpoint == 20


async def test_a_consumer_that_is_gone_is_made_again(log: Log) -> None:
    """Deleting the shared consumer costs a moment, and no event."""
    work = Work()
    async with _at_work(work, log, "only"):
        await work.reaches(await _append(log, 5))
        await log.connection.request(f"$JS.API.CONSUMER.DELETE.{STREAM}.{NAME}")
        await work.reaches(await _append(log, 5))

    assert work.checkpoint == 10


async def test_erased_events_are_passed_by(log: Log) -> None:
    """A session that was purged leaves a hole, after which reading goes on."""
    work = Work()
    sessions = new_sessions(3)
    for session_id in sessions:
        for event in notes(session_id, 4):
            await log.append(event)
    await log.connection.jetstream().purge_stream(
        STREAM, subject=f"anabranch.events.default.{sessions[0]}"
    )
    found: list[int] = []
    place = log.pinned(NAME)

    async with (
        place.taken(work.read_checkpoint),
        aclosing(place.batches(after=0)) as batches,
        asyncio.timeout(PATIENCE_S),
    ):
        async for batch in batches:
            found += [record.position for record in batch]
            if found[-1] == 12:
                break

    assert found == list(range(5, 13))


async def test_who_is_not_pinned_reads_nothing(log: Log) -> None:
    """Reading before the pin was taken is refused."""
    with pytest.raises(PinLost):
        await anext(aiter(log.pinned(NAME).batches(after=0)))
