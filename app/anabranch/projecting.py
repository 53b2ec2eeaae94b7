"""The projections of one home, at work: the graph first, then its vectors."""

from __future__ import annotations

import asyncio
import logging
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Final, Self

from anabranch_events.errors import AnabranchError
from anabranch_projections import Projector, VectorProjector
from anabranch_store import Graph
from anabranch_store.errors import VectorsMismatched

if TYPE_CHECKING:
    from anabranch.servers import Servers
    from anabranch_events import Log
    from anabranch_store import Embedder

MOVE: Final = "anabranch.home.move"
_PAUSE_S: Final = 1.0
_log = logging.getLogger("anabranch")


class Projecting:
    """Folds the log into the graph for as long as this is open.

    Whoever filled a new generation of the embedded graph asks for `move`: by a request on MOVE
    whose body is the database's name, answered with nothing once it is used, or with the reason.
    """

    def __init__(self, servers: Servers, log: Log, embedder: Embedder | None) -> None:
        self._servers = servers
        self._log = log
        self._embedder = embedder
        self._generation = AsyncExitStack()

    async def __aenter__(self) -> Self:
        try:
            await self._begin()
        except BaseException:
            await self._end()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._end()

    async def move(self, database: str) -> str:
        """Serve and fill another database of the embedded graph from now on.

        Returns nothing, or why it could not be.
        """
        await self._end()
        try:
            self._servers.point_to(database)
            await self._begin()
        except AnabranchError as error:
            return error.message
        return ""

    async def _begin(self) -> None:
        settings = self._servers.settings
        graph = await self._generation.enter_async_context(
            Graph.connect(self._servers.graph, timeout_s=settings.request_timeout_s)
        )
        embedder = await _fitting(graph, self._embedder)
        # One connection each, made now: the driver leaks one whose making is cancelled.
        await asyncio.gather(graph.checkpoint("graph"), graph.checkpoint("vectors"))
        shared = self._servers.shared
        projections: list[Projector | VectorProjector] = [
            Projector(self._log, graph, shared=shared)
        ]
        if embedder is not None:
            projections.append(VectorProjector(self._log, graph, embedder, shared=shared))
        for projection in projections:
            task = asyncio.create_task(_kept_running(projection))
            self._generation.push_async_callback(_ended, task)

    async def _end(self) -> None:
        await self._generation.aclose()
        self._generation = AsyncExitStack()


async def _fitting(graph: Graph, embedder: Embedder | None) -> Embedder | None:
    """Make the schema; return the embedder if its vectors are those that the graph holds.

    Where they are not, words go on without them: a memory that takes nothing any more because of
    a setting would lose what its sessions learn.
    """
    if embedder is not None:
        try:
            await graph.apply_schema(dimension=embedder.dimension)
            await graph.claim_vectors(model=embedder.model, dimension=embedder.dimension)
        except VectorsMismatched as error:
            _log.error("no vectors are made: %s. To fix it: %s", error.message, error.fix)
        else:
            return embedder
    await graph.apply_schema()
    return None


async def _kept_running(projection: Projector | VectorProjector) -> None:
    """Run the projection; when it fails, say so and begin again from its checkpoint."""
    while True:
        try:
            await projection.run()
        except AnabranchError as error:
            _log.warning("a projection stopped and begins again: %s", error)
        await asyncio.sleep(_PAUSE_S)


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
