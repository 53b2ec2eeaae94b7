"""Repairing the live graph in place: for a product that has one database, shared with others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from anabranch.errors import GenerationRefused
from anabranch.generations.generations import sole_rebuild
from anabranch_projections import PROJECTOR_VERSION, repair
from anabranch_store import is_of_another_log, read_stamp, refuse_newer

if TYPE_CHECKING:
    from collections.abc import Callable

    from anabranch.backend.backend import Backend
    from anabranch_projections import RebuildProgress, RepairResult


async def repair_in_place(
    backend: Backend,
    *,
    dry_run: bool,
    progress: Callable[[RebuildProgress], None] | None,
) -> RepairResult:
    """Fold the log into a graph that is dropped again, and mend the live one by it."""
    with sole_rebuild(backend):
        return await backend.servers.while_they_run(
            lambda: _repaired(backend, dry_run=dry_run, progress=progress)
        )


async def _repaired(
    backend: Backend,
    *,
    dry_run: bool,
    progress: Callable[[RebuildProgress], None] | None,
) -> RepairResult:
    live = await backend.graph()
    found = await read_stamp(live)
    if found is not None:
        refuse_newer(found, projector_version=PROJECTOR_VERSION)
        if is_of_another_log(found, await backend.log.identity()):
            raise GenerationRefused(
                "the graph was filled from another log",
                fix="fill another graph from this log: `anabranch rebuild`, with --into on Neo4j",
            )
    embedder = backend.embedder if await backend.vectors_follow() else None
    async with backend.scratch_graph(live.address) as wanted:
        return await repair(
            backend.log,
            live,
            wanted,
            embedder=embedder,
            dry_run=dry_run,
            progress=progress,
        )
