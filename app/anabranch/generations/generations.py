"""The generations of the graph, side by side: one is live, others are kept or half filled."""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from anabranch.backend.generation_switch import move
from anabranch.errors import GenerationNotFound, GenerationRefused, HomeBusy, InputInvalid
from anabranch.home.folder import Lock
from anabranch.views import GenerationView
from anabranch_projections import PROJECTOR_VERSION, GraphFiller
from anabranch_store import (
    Graph,
    database_names,
    drop_database,
    is_of_another_log,
    read_stamp,
    rebuild_due,
    stamp,
)
from anabranch_store.errors import VectorsMismatched

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from anabranch.backend.backend import Backend
    from anabranch_projections import RebuildProgress
    from anabranch_recall import Embedder
    from anabranch_store import GraphAddress

_ONE: Final = "neo4j"


async def generations(backend: Backend) -> list[GenerationView]:
    """Return the live generation first, then the others by name."""
    backend.servers.refresh()
    if backend.servers.graph.admin_url is None:
        return [await _view(backend, backend.servers.graph)]
    names = await _names(backend)
    live = backend.servers.graph
    others = [name for name in names if name != live.database]
    return [await _view(backend, address_of(live, name)) for name in (live.database, *others)]


async def count_others(backend: Backend) -> int:
    """Return how many generations lie beside the live one."""
    return len(await other_generations(backend))


async def other_generations(backend: Backend) -> list[str]:
    """Return the names of the generations beside the live one."""
    backend.servers.refresh()
    live = backend.servers.graph
    if live.admin_url is None:
        return []
    return sorted(set(await _names(backend)) - {name_of(live)})


async def _names(backend: Backend) -> list[str]:
    servers = backend.servers
    return await servers.patiently(lambda: database_names(servers.graph, explain=servers.explained))


async def use(
    backend: Backend,
    name: str,
    *,
    skip: bool,
    progress: Callable[[RebuildProgress], None] | None,
) -> GenerationView:
    """Bring a kept generation to the log's end and have it read from then on."""
    embedded_only(backend, field="name")
    with sole_rebuild(backend):
        found = await _named(backend, name)
        if found.state == "live":
            return found
        if found.state == "filling":
            raise GenerationRefused(
                f"{name} is only half filled",
                fix="run `anabranch rebuild`, which goes on filling it where it can",
            )
        await backend.servers.while_they_run(
            lambda: _moved(
                backend, address_of(embedded_only(backend, field="name"), name), skip, progress
            )
        )
    await backend.graph()
    return await _named(backend, name)


async def drop(backend: Backend, name: str) -> GenerationView:
    """Remove a generation that is not live."""
    embedded_only(backend, field="name")
    servers = backend.servers
    with sole_rebuild(backend):
        found = await _named(backend, name)
        if found.state == "live":
            raise GenerationRefused(
                f"{name} is the live graph, which is never dropped",
                fix="use another first: `anabranch rebuild`, or `anabranch graph use NAME`",
            )
        await servers.patiently(
            lambda: drop_database(address_of(servers.graph, name), explain=servers.explained)
        )
    return found


def embedded_only(backend: Backend, *, field: str) -> GraphAddress:
    """Return the live embedded graph. Raises InputInvalid for a Neo4j."""
    backend.servers.refresh()
    live = backend.servers.graph
    if live.admin_url is None:
        raise InputInvalid(
            f"{live.uri} holds one graph, and none beside it",
            field=field,
            fix="name another, empty graph with `rebuild --into URI [--database NAME]`, then set "
            "NEO4J_URI and NEO4J_DATABASE to it",
        )
    return live


def address_of(live: GraphAddress, name: str | None) -> GraphAddress:
    """Return where the generation `name` is, beside `live`."""
    return live.model_copy(update={"database": name})


def name_of(address: GraphAddress) -> str:
    """Return the name of the generation at `address`."""
    return address.database or _ONE


@contextmanager
def sole_rebuild(backend: Backend) -> Generator[None]:
    """Let one process at a time change the home's generations. Raises HomeBusy.

    The process that had the lock before may have moved the live graph: it is looked for again.
    """
    home = backend.servers.home
    lock = Lock(home.rebuild_lock)
    if not lock.take():
        raise HomeBusy(
            f"another process rebuilds the graph of {home.folder}, or changes its generations",
            fix="wait until it has ended",
        )
    with lock:
        backend.servers.refresh()
        yield


async def _named(backend: Backend, name: str) -> GenerationView:
    for found in await generations(backend):
        if found.name == name:
            return found
    raise GenerationNotFound(name)


async def _moved(
    backend: Backend,
    address: GraphAddress,
    skip: bool,
    progress: Callable[[RebuildProgress], None] | None,
) -> None:
    await _caught_up(backend, address, skip, progress)
    await move(backend, address, skip=skip)


async def _caught_up(
    backend: Backend,
    address: GraphAddress,
    skip: bool,
    progress: Callable[[RebuildProgress], None] | None,
) -> None:
    async with backend.servers.connect_graph(address) as graph:
        log = await backend.log.identity()
        found = await stamp(graph, log=log, projector_version=PROJECTOR_VERSION)
        if is_of_another_log(found, log):
            raise GenerationRefused(
                f"{address.database} was filled from another log",
                fix="drop it: `anabranch graph drop`",
            )
        embedder = await _same_model(graph, backend.embedder)
        filling = GraphFiller(backend.log, graph, embedder, progress=progress, skip=skip)
        await filling.catch_up()


async def _same_model(graph: Graph, embedder: Embedder | None) -> Embedder | None:
    """Return the embedder if the graph's vectors are its own: others are never mixed in."""
    if embedder is None:
        return None
    try:
        await graph.claim_vectors(model=embedder.model, dimension=embedder.dimension)
    except VectorsMismatched:
        return None
    return embedder


async def _view(backend: Backend, address: GraphAddress) -> GenerationView:
    async with backend.servers.connect_graph(address) as graph:
        found = await read_stamp(graph)
        position = await graph.checkpoint("graph")
    live = address == backend.servers.graph
    log = await backend.log.identity()
    return GenerationView(
        name=name_of(address),
        state="live" if live else "kept" if found and found.served else "filling",
        position=position,
        projector_version=found.projector_version if found else None,
        schema_version=found.schema_version if found else None,
        created=found.created if found else None,
        bytes=_bytes(backend, address),
        rebuild_due=rebuild_due(found, log=log, projector_version=PROJECTOR_VERSION),
    )


def _bytes(backend: Backend, address: GraphAddress) -> int | None:
    """Return what the files of an embedded generation take on the disk."""
    if address.admin_url is None:
        return None
    folder = backend.servers.home.graph_of(backend.settings.nats_url)
    found = 0
    for parent, _, names in os.walk(folder / "databases" / str(address.database)):
        for name in names:
            with suppress(FileNotFoundError):  # The server writes on, and removes files as it does.
                found += (Path(parent) / name).stat().st_size
    return found
