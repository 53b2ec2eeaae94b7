"""How far each projection is behind the log, and who works on it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from anabranch.backend.projector_peers import ask_projectors
from anabranch.views import Lag, ProjectionStatus

if TYPE_CHECKING:
    from anabranch.backend.backend import Connection
    from anabranch.views import ProjectorView
    from anabranch_events import Log

PROJECTIONS: Final = ("graph", "vectors")


async def projection_statuses(connection: Connection, *, last: int) -> tuple[ProjectionStatus, ...]:
    """Return the state of every projection of the graph as it is by now; the log ends at `last`."""
    graph = await connection.graph()
    projectors = await _projectors(connection)

    async def status(name: str) -> ProjectionStatus:
        position = await graph.checkpoint(name)
        return ProjectionStatus(
            name=name,
            generation=graph.address.database,
            position=position,
            lag=await lag_behind(connection.log, position, last=last),
            projectors=tuple(one[name] for one in projectors if name in one),
        )

    return tuple(await asyncio.gather(*map(status, PROJECTIONS)))


async def lag_behind(log: Log, position: int, *, last: int) -> Lag:
    """Return how many events lie between `position` and `last`, and how old the first of them is."""
    if position >= last:
        return Lag(events=0, ms=0.0)
    stored_at = await log.stored_after(position)
    age_s = 0.0 if stored_at is None else (datetime.now(UTC) - stored_at).total_seconds()
    return Lag(events=last - position, ms=max(0.0, age_s * 1000))


async def _projectors(connection: Connection) -> list[dict[str, ProjectorView]]:
    if connection.projecting is not None:
        return [connection.projecting.projectors]
    return await ask_projectors(connection.servers, connection.log)
