"""The log under kill -9 of its server: every acknowledged event is there once, in order."""

from __future__ import annotations

import asyncio
import random
from contextlib import aclosing
from typing import TYPE_CHECKING

import pytest

from anabranch_events import Log
from anabranch_events.errors import LogUnavailable
from anabranch_events.identifiers import new_id
from anabranch_events.types import WorkingMemorySet
from tests.events import note
from tests.killing import MortalServer
from tests.rounds import CHAOS_ROUNDS

if TYPE_CHECKING:
    from pathlib import Path

    from anabranch_events import Event, Receipt, Recorded

WRITERS = 4
ROUNDS = 20


class Writer:
    """Appends to sessions of its own without end: single events and batches, each until stored."""

    def __init__(self, log: Log, seed: int) -> None:
        self.acknowledged: dict[str, int] = {}
        self._log = log
        self._random = random.Random(seed)  # noqa: S311 - a test's dice
        self._last: dict[str, int] = {new_id(): 0 for _ in range(3)}
        self._count = 0

    async def run(self) -> None:
        """Write until cancelled."""
        while True:
            many = self._random.random() < 0.3
            sessions = self._random.choices(list(self._last), k=3 if many else 1)
            expected = {session: self._last[session] for session in set(sessions)}
            await self._store([self._next(session) for session in sessions], expected)

    def _next(self, session_id: str) -> Event:
        self._count += 1
        return note(session_id, self._count)

    async def _store(self, events: list[Event], expected: dict[str, int]) -> None:
        checked = self._random.random() < 0.7
        for event, receipt in zip(
            events, await self._stored(events, expected if checked else None), strict=True
        ):
            assert receipt.event_id == event.id
            self.acknowledged[event.id] = receipt.position
            self._last[event.session_id] = receipt.position

    async def _stored(self, events: list[Event], expected: dict[str, int] | None) -> list[Receipt]:
        while True:
            try:
                if len(events) > 1:
                    return await self._log.append_all(events, expected=expected)
                position = None if expected is None else expected[events[0].session_id]
                return [await self._log.append(events[0], expected=position)]
            except LogUnavailable:
                await asyncio.sleep(0.01)


async def follow(log: Log, seen: list[Recorded]) -> None:
    """Read everything as it comes, without end."""
    async with aclosing(log.batches()) as batches:
        async for batch in batches:
            seen.extend(batch)


def check(records: list[Recorded], writers: list[Writer]) -> None:
    """Every acknowledged event stands at its position, none twice, each session in order."""
    ids = {record.position: record.decode().id for record in records}
    assert len(set(ids.values())) == len(records)
    for writer in writers:
        for event_id, position in writer.acknowledged.items():
            assert ids.get(position) == event_id
    values: dict[str, list[int]] = {}
    for record in records:
        data = record.decode().data
        assert isinstance(data, WorkingMemorySet)
        assert isinstance(data.value, int)
        values.setdefault(record.session_id, []).append(data.value)
    assert all(numbers == sorted(numbers) for numbers in values.values())


async def survive(folder: Path, *, rounds: int, seed: int) -> int:
    """Kill the server `rounds` times under writers and a reader; return how many were stored."""
    dice = random.Random(seed)  # noqa: S311 - a test's dice
    async with (
        MortalServer(folder) as server,
        Log.connect(server.url, token=server.token, timeout_s=10) as log,
        Log.connect(server.url, token=server.token, timeout_s=10) as reading,
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
                await log.bounds()  # Connected again: the next kill meets writers at work.
                if number % 10 == 9:
                    acknowledged = [dict(writer.acknowledged) for writer in writers]
                    stored = {record.position async for record in log.read_all()}
                    assert all(set(known.values()) <= stored for known in acknowledged)
            await asyncio.sleep(0.1)
            for task in running:
                task.cancel()
            await asyncio.wait(running)
            last = (await log.bounds()).last
            async with asyncio.timeout(20):
                while not seen or seen[-1].position < last:  # noqa: ASYNC110 - fed by a task
                    await asyncio.sleep(0.01)
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
