"""The projections of one home, at work: the graph first, then its vectors."""

from __future__ import annotations

import asyncio
import logging
import os
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Final, Self

from anabranch.views import Worker
from anabranch.workers import answering
from anabranch_events.errors import AnabranchError
from anabranch_projections import Projector, VectorProjector, not_reached
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
        self._projections: list[Projector | VectorProjector] = []
        self._reached = asyncio.Event()
        self._generation = AsyncExitStack()
        self._stack = AsyncExitStack()

    @property
    def workers(self) -> dict[str, Worker]:
        """What this process does for each projection, by the projection's name."""
        return {one.name: _worker(one) for one in self._projections}

    @property
    def positions(self) -> dict[str, int]:
        """How far each projection is, as far as is known here without asking a server."""
        return {one.name: one.position for one in self._projections}

    async def wait_for(self, position: int, *, projection: str, timeout_s: float) -> int:
        """Return how far `projection` is once it has reached `position`, woken by the commit.

        No server is asked, and a move to another generation in between is waited for.
        Raises WaitTimedOut after `timeout_s`.
        """
        try:
            async with asyncio.timeout(timeout_s):
                while self.positions.get(projection, 0) < position:
                    await self._reached.wait()
        except TimeoutError:
            reached = self.positions.get(projection, 0)
            raise not_reached(projection, reached, position, timeout_s=timeout_s) from None
        return self.positions[projection]

    async def __aenter__(self) -> Self:
        try:
            await self._begin()
            await self._stack.enter_async_context(answering(self._servers, self._log, self))
        except BaseException:
            await self._end()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        try:
            await self._stack.aclose()
        finally:
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
        self._projections = [Projector(self._log, graph, shared=shared)]
        if embedder is not None:
            self._projections.append(VectorProjector(self._log, graph, embedder, shared=shared))
        for projection in self._projections:
            projection.on_reach = self._wake
            task = asyncio.create_task(_kept_running(projection))
            self._generation.push_async_callback(_ended, task)

    def _wake(self, _position: int) -> None:
        self._reached.set()
        self._reached = asyncio.Event()

    async def _end(self) -> None:
        await self._generation.aclose()
        self._generation = AsyncExitStack()
        self._projections = []


def _worker(projection: Projector | VectorProjector) -> Worker:
    figures = projection.status
    return Worker(
        pid=os.getpid(),
        active=figures.active,
        batch_size=figures.batch_size,
        events_per_s=figures.events_per_s,
        events=figures.events,
        retries=figures.retries,
        dead_letters=figures.dead_letters,
    )


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
