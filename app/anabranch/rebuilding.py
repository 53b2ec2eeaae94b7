"""Folding the whole log again: beside the live graph, or into another one."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Final

from nats.errors import NoRespondersError
from nats.errors import TimeoutError as NatsTimeoutError

from anabranch.errors import HomeBusy, InputInvalid
from anabranch.projecting import MOVE
from anabranch_projections import rebuild
from anabranch_store import Graph, GraphAddress, create_generation, drop_generation

if TYPE_CHECKING:
    from collections.abc import Callable

    from anabranch.connection import Connection
    from anabranch_projections import Progress, Rebuilt

_MOVE_TIMEOUT_S: Final = 30.0


async def rebuild_into(
    connection: Connection,
    address: GraphAddress,
    *,
    skip: bool,
    progress: Callable[[Progress], None] | None,
) -> Rebuilt:
    """Fold the whole log into the graph at `address`. Raises GraphNotEmpty where it is not."""
    timeout_s = connection.settings.request_timeout_s
    async with Graph.connect(address, timeout_s=timeout_s) as graph:
        return await _filled(connection, graph, skip=skip, progress=progress)


async def rebuild_beside(
    connection: Connection, *, skip: bool, progress: Callable[[Progress], None] | None
) -> Rebuilt:
    """Fill a new generation of the embedded graph, and let it take the live one's place."""
    live = connection.servers.graph
    if live.admin_url is None:
        raise InputInvalid(
            f"{live.uri} holds one graph, which a rebuild would have to empty first",
            field="into",
            fix="name another, empty server with `--into URI`, then set NEO4J_URI to it",
        )
    fresh = await create_generation(live)
    async with AsyncExitStack() as undo:
        undo.push_async_callback(drop_generation, fresh)
        timeout_s = connection.settings.request_timeout_s
        async with Graph.connect(fresh, timeout_s=timeout_s) as graph:
            rebuilt = await _filled(connection, graph, skip=skip, progress=progress)
        await _move(connection, fresh)
        undo.pop_all()
    await connection.graph()
    await drop_generation(live)
    return rebuilt


async def _filled(
    connection: Connection,
    graph: Graph,
    *,
    skip: bool,
    progress: Callable[[Progress], None] | None,
) -> Rebuilt:
    embedder = connection.embedder
    return await rebuild(connection.log, graph, embedder=embedder, skip=skip, progress=progress)


async def _move(connection: Connection, fresh: GraphAddress) -> None:
    """Have the process that projects use the fresh generation from now on."""
    database = fresh.database or ""
    client = connection.log.connection
    try:
        if connection.projecting is not None:
            problem = await connection.projecting.move(database)
        else:
            answer = await client.request(MOVE, database.encode(), timeout=_MOVE_TIMEOUT_S)
            problem = answer.data.decode()
    except (NoRespondersError, NatsTimeoutError) as error:
        raise HomeBusy(
            "the process that projects does not answer, so the graph stays as it was",
            fix="try again; `anabranch doctor` says who owns the home",
        ) from error
    if problem:
        raise HomeBusy(
            f"the process that projects could not use the new graph: {problem}",
            fix="try again in a moment",
        )
