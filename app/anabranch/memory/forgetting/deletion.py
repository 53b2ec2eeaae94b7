"""The deletion of a whole namespace: from the log, the graphs, the caches, the recall index.

Each step may be run again after a kill at any moment. The end in the log comes first. From there on
writers are refused, and every projection drops its part when it gets there.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from anabranch.errors import InputInvalid, NamespaceInUse, NamespaceNotFound
from anabranch.generations.generations import address_of, other_generations
from anabranch.importers.mirrored import drop_namespace as drop_mirrored
from anabranch.views import NamespaceDeletion
from anabranch_projections.vectors.cache import BUCKET
from anabranch_projections.vectors.projector import text_keys
from anabranch_store import delete_namespace as delete_from_graph
from anabranch_thinking.pools.place import records_of
from anabranch_thinking.work.joiner import BUCKET as POOLS

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable
    from pathlib import Path

    from anabranch.backend.backend import Backend
    from anabranch_events import Recorded
    from anabranch_events.deletion import Holdings

_GRAPH_MAX_S: Final = 300.0


class NamespaceDeleting:
    """One deletion; `steps` does it, a step at a time."""

    def __init__(self, backend: Backend, namespace: str) -> None:
        _refuse_tenants(backend.servers.home.credentials, namespace)
        self._backend = backend
        self._namespace = namespace
        self._deletion = backend.log.deletion(namespace)
        self._holdings: Holdings | None = None
        self._text_keys: set[str] = set()
        self._ended: int | None = None

    async def steps(self) -> AsyncGenerator[str]:
        """Delete; yield the name of each step that is done."""
        found = await self._survey()
        ended = self._ended = await self._deletion.end()
        yield "end"
        await self._await_projections(ended)
        yield "graph"
        while True:
            await self._deletion.note(ended, seen=self._seen)
            yield "ledger"
            await self._drop_vectors()
            yield "vectors"
            await self._backend.log.drop_objects(sorted(found.objects))
            yield "objects"
            await self._deletion.purge()
            yield "log"
            if not await self._deletion.remains():
                break
            found = await self._deletion.survey()
        await self._deletion.drop_keys()
        await drop_mirrored(self._backend.log, self._namespace)
        for generation in await other_generations(self._backend):
            address = address_of(self._backend.servers.graph, generation)
            async with self._backend.servers.connect_graph(address) as graph:
                await delete_from_graph(graph, self._namespace)
        yield "generations"
        from anabranch_projections.recall_index.index_folder import drop_namespace

        drop_namespace(self._backend.servers.home.recall_index, self._namespace)
        yield "index"
        await self._drop_vectors()  # The index may have cached some meanwhile.
        pools = records_of(self._namespace)
        await self._deletion.drop_values(POOLS, lambda key: key.startswith(pools))

    async def result(self, *, dry_run: bool) -> NamespaceDeletion:
        """Return what is deleted, or would be."""
        found = self._holdings or await self._survey()
        return NamespaceDeletion(
            namespace=self._namespace,
            dry_run=dry_run,
            position=self._ended,
            events=found.events,
            sessions=len(found.sessions),
            size=found.size,
            objects=len(found.objects),
            graphs=1 + len(await other_generations(self._backend)),
        )

    async def _survey(self) -> Holdings:
        """Return all that goes. Raises NamespaceNotFound where there never was anything."""
        found = self._holdings = await self._deletion.survey()
        if not found.events and not await self._known():
            raise NamespaceNotFound(self._namespace)
        return found

    async def _known(self) -> bool:
        """Tell whether a namespace without events was sealed or ended, or left something.

        Its events may be gone from the stream, by an operator's hand, and stand in the graph.
        """
        log, graph = self._backend.log, await self._backend.graph()
        known = {*await log.sealed_namespaces(), *await log.ended_namespaces()}
        if self._namespace in known or await log.transcripts.keys(self._namespace):
            return True
        last = (await log.bounds()).last
        (row,) = await graph.read(
            "sessions/last_opened", namespace=self._namespace, before=last + 1
        )
        return row["opened"] is not None

    async def _await_projections(self, ended: int) -> None:
        """Wait until the graph has dropped what it had, and no vector is made any more."""
        backend = self._backend
        backend.saw(None, ended)
        await backend.wait_for(ended, projection="graph", timeout_s=_GRAPH_MAX_S)
        if await backend.vectors_follow():
            await backend.wait_for(ended, projection="vectors", timeout_s=_GRAPH_MAX_S)

    def _seen(self, record: Recorded) -> None:
        self._text_keys.update(text_keys(record))

    async def _drop_vectors(self) -> None:
        if self._text_keys:
            await self._deletion.drop_values(BUCKET, self._is_vector)

    def _is_vector(self, key: str) -> bool:
        return key.rpartition(".")[2] in self._text_keys


async def delete_namespace(
    backend: Backend,
    namespace: str,
    *,
    confirm: str | None,
    dry_run: bool,
    progress: Callable[[str], None] | None,
) -> NamespaceDeletion:
    """Delete a namespace as `MemoryTransfer.delete_namespace` says."""
    deleting = NamespaceDeleting(backend, namespace)
    if not dry_run:
        _check_confirmed(confirm, namespace)
        async for step in deleting.steps():
            if progress is not None:
                progress(step)
    return await deleting.result(dry_run=dry_run)


def _check_confirmed(confirm: str | None, namespace: str) -> None:
    if confirm != namespace:
        raise InputInvalid(
            f"confirm: {confirm!r} is not the namespace to delete, {namespace!r}",
            field="confirm",
            fix=f"give {namespace!r} to delete it for ever, or ask with dry_run first",
        )


def _refuse_tenants(credentials: Path, namespace: str) -> None:
    """Raise NamespaceInUse while tenants may write there: the server takes what they send."""
    try:
        tenants = json.loads(credentials.read_bytes())
    except (OSError, ValueError):
        return
    users = [name for name, one in tenants.items() if namespace in one.get("namespaces", ())]
    if users:
        raise NamespaceInUse(namespace, users=users)
