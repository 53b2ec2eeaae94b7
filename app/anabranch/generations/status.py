"""The state of a memory: where log and graph are, and how far each projection has come."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from anabranch.backend.log_damage import damage
from anabranch.backend.projector_peers import ask_projectors
from anabranch.generations.generations import count_others, name_of
from anabranch.views import GraphStatus, Lag, LogStatus, ProjectionStatus, Status
from anabranch_events import STREAM
from anabranch_events.transport.address import without_secrets
from anabranch_projections import PROJECTOR_VERSION
from anabranch_store import find_foreign, is_of_another_log, read_stamp, rebuild_due

if TYPE_CHECKING:
    from anabranch.backend.backend import Backend
    from anabranch.views import ProjectorView
    from anabranch_events import Log

PROJECTIONS: Final = ("graph", "vectors")


async def status(backend: Backend, *, namespace: str) -> Status:
    """Return where the log and the graph are, and how far the graph is behind."""
    log, servers = backend.log, backend.servers
    graph = await backend.graph()
    folded_to = await graph.checkpoint("graph")  # First: the log grows meanwhile.
    bounds = await log.condition()
    projections = await projection_statuses(backend, last=bounds.last)
    folded = projections[0]
    letters = await graph.read("projection/count_dead_letters")
    found = await read_stamp(graph)
    foreign = await find_foreign(graph)
    identity = await log.identity()
    index_position = await backend.index_position()
    servers.refresh()
    return Status(
        log=LogStatus(
            url=without_secrets(servers.log.url),
            stream=STREAM,
            durability=servers.log.durability,
            first=bounds.first,
            last=bounds.last,
            missing=bounds.missing,
            damage=damage(
                bounds,
                position=folded_to,
                replaced=found is not None and is_of_another_log(found, identity),
            ),
        ),
        graph=GraphStatus(
            uri=servers.graph.uri,
            product=graph.product.name,
            version=graph.product.version,
            position=folded.position,
            vectors=await graph.checkpoint("vectors"),
            generation=name_of(graph.address),
            projector_version=found.projector_version if found else None,
            schema_version=found.schema_version if found else None,
            rebuild_due=rebuild_due(found, log=identity, projector_version=PROJECTOR_VERSION),
            others=await count_others(backend),
            foreign=foreign.nodes,
            hindering=foreign.hindering,
        ),
        lag=folded.lag,
        projections=projections,
        dead_letters=int(letters[0]["dead_letters"]),
        home=str(servers.home.folder) if servers.role != "outside" else None,
        owner=servers.runtime.pid if servers.runtime else None,
        owner_command=servers.runtime.command if servers.runtime else None,
        namespace=namespace,
        ranker="graph" if index_position is None else "index",
        index_position=index_position,
    )


async def projection_statuses(backend: Backend, *, last: int) -> tuple[ProjectionStatus, ...]:
    """Return the state of every projection of the graph as it is by now; the log ends at `last`.

    Without an embedder no vectors are made: they have a state only where another process works on
    them.
    """
    graph = await backend.graph()
    projectors = await _projectors(backend)
    made = backend.embedder is not None or any("vectors" in one for one in projectors)
    names = PROJECTIONS if made else PROJECTIONS[:1]

    async def status_of(name: str) -> ProjectionStatus:
        position = await graph.checkpoint(name)
        return ProjectionStatus(
            name=name,
            generation=graph.address.database,
            position=position,
            lag=await lag_behind(backend.log, position, last=last),
            projectors=tuple(one[name] for one in projectors if name in one),
        )

    return tuple(await asyncio.gather(*map(status_of, names)))


async def lag_behind(log: Log, position: int, *, last: int) -> Lag:
    """Return the number of events between `position` and `last`, and the age of the first."""
    if position >= last:
        return Lag(events=0, ms=0.0)
    stored_at = await log.stored_after(position)
    age_s = 0.0 if stored_at is None else (datetime.now(UTC) - stored_at).total_seconds()
    return Lag(events=last - position, ms=max(0.0, age_s * 1000))


async def _projectors(backend: Backend) -> list[dict[str, ProjectorView]]:
    if backend.projecting is not None:
        return [backend.projecting.projectors]
    return await ask_projectors(backend.servers, backend.log)
