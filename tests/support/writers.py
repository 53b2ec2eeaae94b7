"""Writers that never give up, a reader that follows them, and what must hold of both."""

from __future__ import annotations

import asyncio
import random
from contextlib import aclosing
from typing import TYPE_CHECKING

from anabranch_events.errors import LogUnavailable
from anabranch_events.event.identifiers import new_id
from anabranch_events.event.types import WorkingMemorySet
from tests.support.events import note
from tests.support.patience import until

if TYPE_CHECKING:
    from anabranch_events import Event, Log, Receipt, Recorded


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


async def further(writers: list[Writer]) -> None:
    """Return once every writer was told of an event more."""
    before = [len(writer.acknowledged) for writer in writers]
    await until(
        lambda: all(
            len(writer.acknowledged) > count for writer, count in zip(writers, before, strict=True)
        )
    )


async def follow(log: Log, seen: list[Recorded]) -> None:
    """Read everything as it comes, without end."""
    async with aclosing(log.batches()) as batches:
        async for batch in batches:
            seen.extend(batch)


async def follow_each(log: Log, seen: list[Recorded]) -> None:
    """Subscribe, and read each event as it comes, without end."""
    async with aclosing(log.subscribe()) as records:
        async for record in records:
            seen.append(record)  # noqa: PERF401 - it never ends.


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
