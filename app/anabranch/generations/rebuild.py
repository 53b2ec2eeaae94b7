"""Folding the whole log again: beside the live graph, or into another one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from anabranch.backend.generation_switch import move
from anabranch.generations.generations import address_of, embedded_only, sole_rebuild
from anabranch_events.errors import LogReplaced, LogRewound
from anabranch_projections import GRAPH, rebuild, unfit
from anabranch_store import (
    GraphAddress,
    create_database,
    database_names,
    drop_database,
    is_of_another_log,
    read_stamp,
)
from anabranch_store.errors import GraphTooNew

if TYPE_CHECKING:
    from collections.abc import Callable

    from anabranch.backend.backend import Backend
    from anabranch_projections import RebuildProgress, RebuildResult


async def rebuild_into(
    backend: Backend,
    address: GraphAddress,
    *,
    skip: bool,
    accept_loss: bool,
    progress: Callable[[RebuildProgress], None] | None,
) -> RebuildResult:
    """Fold the whole log into the graph at `address`, or go on there after a kill.

    Raises GraphNotEmpty where it holds something else.
    """
    return await backend.servers.while_they_run(
        lambda: _filled(backend, address, skip=skip, accept_loss=accept_loss, progress=progress)
    )


async def rebuild_beside(
    backend: Backend,
    *,
    skip: bool,
    accept_loss: bool,
    progress: Callable[[RebuildProgress], None] | None,
) -> RebuildResult:
    """Fill a new generation of the embedded graph, and let it take the live one's place.

    One that a killed rebuild left half filled is filled further where that gives the same, and
    dropped where not. The old one is kept. Raises LogRewound where the live graph holds more than
    the log, LogReplaced where the log is empty, and LogDamaged, unless `accept_loss`.
    """
    embedded_only(backend, field="into")
    with sole_rebuild(backend):
        rebuilt = await backend.servers.while_they_run(
            lambda: _replaced(
                backend,
                embedded_only(backend, field="into"),
                skip=skip,
                accept_loss=accept_loss,
                progress=progress,
            )
        )
    await backend.graph()
    return rebuilt


async def _replaced(
    backend: Backend,
    live: GraphAddress,
    *,
    skip: bool,
    accept_loss: bool,
    progress: Callable[[RebuildProgress], None] | None,
) -> RebuildResult:
    if not accept_loss:
        await refuse_less(backend)
    fresh = await _half_filled(backend, live, skip=skip) or await create_database(
        live, explain=backend.servers.explained
    )
    rebuilt = await _filled(backend, fresh, skip=skip, accept_loss=accept_loss, progress=progress)
    await move(backend, fresh, skip=skip)
    return rebuilt


async def refuse_less(backend: Backend) -> None:
    """Raise LogRewound where the live graph has read more than the log holds.

    Raises LogReplaced where that is nothing, and the graph is of another log.
    """
    graph = await backend.graph()
    position = await graph.checkpoint(GRAPH)
    last = (await backend.log.bounds()).last
    found = None if last else await read_stamp(graph)
    if found is not None and is_of_another_log(found, await backend.log.identity()):
        raise LogReplaced
    if position > last:
        raise LogRewound(position=position, last=last)


async def _half_filled(backend: Backend, live: GraphAddress, *, skip: bool) -> GraphAddress | None:
    """Return a generation to go on with; drop those that none can go on with."""
    found = None
    for name in await database_names(live, explain=backend.servers.explained):
        address = address_of(live, name)
        if name == live.database or await _was_live(backend, address):
            continue
        if found is None and await _fits(backend, address, skip=skip):
            found = address
        else:
            await drop_database(address, explain=backend.servers.explained)
    return found


async def _was_live(backend: Backend, address: GraphAddress) -> bool:
    async with backend.servers.connect_graph(address) as graph:
        found = await read_stamp(graph)
    return found is not None and found.served is not None


async def _fits(backend: Backend, address: GraphAddress, *, skip: bool) -> bool:
    async with backend.servers.connect_graph(address) as graph:
        try:
            return await unfit(backend.log, graph, backend.embedder, skip=skip) is None
        except GraphTooNew:
            return False


async def _filled(
    backend: Backend,
    address: GraphAddress,
    *,
    skip: bool,
    accept_loss: bool,
    progress: Callable[[RebuildProgress], None] | None,
) -> RebuildResult:
    embedder = backend.embedder
    async with backend.servers.connect_graph(address) as graph:
        return await rebuild(
            backend.log,
            graph,
            embedder=embedder,
            known=backend.known_vectors,
            skip=skip,
            accept_loss=accept_loss,
            progress=progress,
        )
