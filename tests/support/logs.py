"""Steps that tests of the log share."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tests.support.events import NAMESPACE
from tests.support.patience import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from anabranch_events import Event, Log, Recorded


async def all_of(log: Log, *, after: int = 0, to: int | None = None) -> list[Event]:
    """Return every event between two positions."""
    return [record.decode() async for record in log.read_all(after=after, to=to)]


async def session_of(
    log: Log, session_id: str, *, namespace: str = NAMESPACE, **options: int
) -> list[Event]:
    """Return one session's events."""
    found = log.read(session_id, namespace=namespace, **options)
    return [record.decode() async for record in found]


async def append_each(log: Log, events: list[Event]) -> None:
    """Append one by one."""
    for event in events:
        await log.append(event)


async def take(records: AsyncIterator[Recorded], count: int) -> list[Recorded]:
    """Return the next records of an endless iterator."""
    async with asyncio.timeout(PATIENCE_S):
        return [await anext(records) for _ in range(count)]


async def types_of(log: Log, session_id: str, *, namespace: str) -> list[str]:
    """Return a session's event types without prefix and version."""
    events = await session_of(log, session_id, namespace=namespace)
    return [event.type.removeprefix("anabranch.").removesuffix(".v1") for event in events]


async def stored(log: Log) -> list[Recorded]:
    """Return all that the log holds."""
    return [recorded async for recorded in log.read_all()]
