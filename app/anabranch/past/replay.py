"""Events read again, in order, or as they happen."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from anabranch.past.stretch import check_stretch
from anabranch_events.errors import InputInvalid

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from datetime import datetime

    from anabranch.backend.backend import Backend
    from anabranch_events import Recorded


async def replay(
    backend: Backend,
    namespace: str,
    *,
    after: int = 0,
    to: int | None = None,
    session_id: str | None = None,
    speed: float | None = None,
) -> AsyncGenerator[Recorded]:
    """Read a namespace's events after `after` and up to `to`, only those of `session_id` if given.

    With `speed` they come with the pauses they happened with, so many times faster. Raises
    InputInvalid and PositionFromFuture.
    """
    if speed is not None and speed <= 0:
        raise InputInvalid("speed: must be above 0", field="speed", fix="use 1 for real time")
    await check_stretch(backend, after, to)
    before: datetime | None = None
    async for recorded in _records(backend, namespace, after, to, session_id):
        if speed is not None and before is not None:
            pause_s = (recorded.stored_at - before).total_seconds() / speed
            await asyncio.sleep(max(0.0, pause_s))
        before = recorded.stored_at
        yield recorded


async def follow(
    backend: Backend, namespace: str, *, after: int | None = None
) -> AsyncGenerator[Recorded]:
    """Give a namespace's events as they happen, without end, from the log's end or `after` on."""
    start = (await backend.log.bounds()).last
    if after is not None:
        start = await backend.checked_position(after, field="after")
    async for recorded in backend.log.subscribe(after=start):
        if recorded.namespace == namespace:
            yield recorded


async def _records(
    backend: Backend, namespace: str, after: int, to: int | None, session_id: str | None
) -> AsyncGenerator[Recorded]:
    if session_id is None:
        async for recorded in backend.log.read_all(after=after, to=to):
            if recorded.namespace == namespace:
                yield recorded
        return
    async for recorded in backend.log.read(session_id, namespace=namespace, after=after):
        if to is not None and recorded.position > to:
            return
        yield recorded
