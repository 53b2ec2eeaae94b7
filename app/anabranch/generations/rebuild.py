"""Folding the whole log again: beside the live graph, or into another one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from anabranch.backend.generation_switch import move
from anabranch.generations.generations import address_of, embedded_only, sole_rebuild
from anabranch_projections import rebuild, unfit
from anabranch_store import (
    Graph,
    GraphAddress,
    create_generation,
    drop_generation,
    generation_names,
    read_stamp,
)
from anabranch_store.errors import GraphTooNew

if TYPE_CHECKING:
    from collections.abc import Callable

    from anabranch.backend.backend import Connection
    from anabranch_projections import Progress, Rebuilt


async def rebuild_into(
    connection: Connection,
    address: GraphAddress,
    *,
    skip: bool,
    progress: Callable[[Progress], None] | None,
) -> Rebuilt:
    """Fold the whole log into the graph at `address`, or go on there after a kill.

    Raises GraphNotEmpty where it holds something else.
    """
    work = _filled(connection, address, skip=skip, progress=progress)
    return await connection.servers.while_they_run(work)


async def rebuild_beside(
    connection: Connection, *, skip: bool, progress: Callable[[Progress], None] | None
) -> Rebuilt:
    """Fill a new generation of the embedded graph, and let it take the live one's place.

    One that a killed rebuild left half filled is filled further where that gives the same, and
    dropped where not. The old one is kept.
    """
    live = embedded_only(connection, field="into")
    with sole_rebuild(connection):
        work = _replaced(connection, live, skip=skip, progress=progress)
        rebuilt = await connection.servers.while_they_run(work)
    await connection.graph()
    return rebuilt


async def _replaced(
    connection: Connection,
    live: GraphAddress,
    *,
    skip: bool,
    progress: Callable[[Progress], None] | None,
) -> Rebuilt:
    fresh = await _half_filled(connection, live, skip=skip) or await create_generation(live)
    rebuilt = await _filled(connection, fresh, skip=skip, progress=progress)
    await move(connection, fresh, skip=skip)
    return rebuilt


async def _half_filled(
    connection: Connection, live: GraphAddress, *, skip: bool
) -> GraphAddress | None:
    """Return a generation to go on with; drop those that none can go on with."""
    found = None
    for name in await generation_names(live):
        address = address_of(live, name)
        if name == live.database or await _was_live(connection, address):
            continue
        if found is None and await _fits(connection, address, skip=skip):
            found = address
        else:
            await drop_generation(address)
    return found


async def _was_live(connection: Connection, address: GraphAddress) -> bool:
    async with Graph.connect(address, timeout_s=connection.settings.request_timeout_s) as graph:
        found = await read_stamp(graph)
    return found is not None and found.served is not None


async def _fits(connection: Connection, address: GraphAddress, *, skip: bool) -> bool:
    async with Graph.connect(address, timeout_s=connection.settings.request_timeout_s) as graph:
        try:
            return await unfit(connection.log, graph, connection.embedder, skip=skip) is None
        except GraphTooNew:
            return False


async def _filled(
    connection: Connection,
    address: GraphAddress,
    *,
    skip: bool,
    progress: Callable[[Progress], None] | None,
) -> Rebuilt:
    embedder = connection.embedder
    async with Graph.connect(address, timeout_s=connection.settings.request_timeout_s) as graph:
        return await rebuild(connection.log, graph, embedder=embedder, skip=skip, progress=progress)
