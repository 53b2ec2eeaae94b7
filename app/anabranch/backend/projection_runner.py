"""The projections of one home, at work: the graph first, then its vectors."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Final, NamedTuple, Self

from anabranch.backend.log_damage import damage, rebuild_advice
from anabranch.backend.projector_peers import answering
from anabranch.views import ProjectorView
from anabranch_events.errors import AnabranchError
from anabranch_projections import (
    PROJECTOR_VERSION,
    GraphFiller,
    Projector,
    VectorProjector,
    not_reached,
)
from anabranch_store import (
    Graph,
    find_foreign,
    is_of_another_log,
    mark_served,
    read_stamp,
    rebuild_due,
    refuse_newer,
    stamp,
)
from anabranch_store.errors import GraphUnavailable, VectorsMismatched

if TYPE_CHECKING:
    from collections.abc import Iterator

    from anabranch.home.servers import Servers
    from anabranch_events import Log
    from anabranch_recall import Embedder
    from anabranch_store import GraphAddress

MOVE: Final = "anabranch.home.folder.move"
SKIP: Final = "skip"
_PAUSE_S: Final = 1.0
_AT_ONCE_S: Final = 60.0
_CATCH_UP_S: Final = 20.0
_log = logging.getLogger("anabranch")


class Stop(NamedTuple):
    """The error that a projection stopped with, and its position then."""

    reason: str
    position: int


class Projecting:
    """Folds the log into the graph for as long as this is open.

    A rebuild that has filled a new generation of the embedded graph asks for `move` by a request on
    MOVE. Its body is the database's name, with SKIP behind it where events that cannot be applied
    are put aside. The answer is empty once the generation is in use, or else the reason.
    """

    def __init__(self, servers: Servers, log: Log, embedder: Embedder | None) -> None:
        self._servers = servers
        self._log = log
        self._embedder = embedder
        self._running: list[Projector | VectorProjector] = []
        self._stops: dict[str, Stop] = {}
        self._reached = asyncio.Event()
        self._generation = AsyncExitStack()
        self._stack = AsyncExitStack()
        self._moving = asyncio.Lock()
        self._closed = False

    @property
    def projectors(self) -> dict[str, ProjectorView]:
        """The work of this process for each projection, by the projection's name."""
        return {one.name: _projector(one, self._stops.get(one.name)) for one in self._running}

    @property
    def positions(self) -> dict[str, int]:
        """The position of each projection, as far as is known here without asking a server."""
        return {one.name: one.position for one in self._running}

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
            await self._begin(self._servers.graph)
            await self._stack.enter_async_context(answering(self._servers, self._log, self))
        except BaseException:
            await self._end()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        self._closed = True
        try:
            await self._stack.aclose()
        finally:
            await self._end()

    async def move(self, database: str, *, skip: bool) -> str:
        """Serve and fill another database of the embedded graph from now on.

        No reader goes back in time. The live graph stands still for a moment, in which the other is
        brought to the log's end, and so past it. With `skip` events that cannot be applied are put
        aside there. Returns an empty text, or the reason it could not be; then nothing changes.
        """
        async with self._moving:
            await self._end()
            moved = False
            try:
                await self._turn_to(database, skip=skip)
                moved = True
            except AnabranchError as error:
                return error.message
            except TimeoutError:
                return f"it was not at the log's end within {_CATCH_UP_S:g} s"
            except OSError as error:
                return f"the pointer to it could not be written: {error}"
            finally:
                if self._closed or not moved:
                    await self._end()
                if not self._closed and not moved:
                    self._begin_again()
        return ""

    async def asked(self, order: str) -> str:
        """Do what a request on MOVE asks for."""
        database, _, how = order.partition(" ")
        return await self.move(database, skip=how == SKIP)

    async def _turn_to(self, database: str, *, skip: bool) -> None:
        """Fill the other database, and only then have it read: the pointer moves last."""
        live = self._servers.graph
        other = live.model_copy(update={"database": database})
        async with asyncio.timeout(_CATCH_UP_S):
            await self._bring_past(live, other, skip=skip)
        await self._begin(other)
        try:
            await self._servers.point_to(database)
        except BaseException:
            await self._servers.point_to(str(live.database))
            raise

    async def _bring_past(self, live: GraphAddress, other: GraphAddress, *, skip: bool) -> None:
        """Bring `other` past what anybody can have read in `live`. Raises what forbids it."""
        timeout_s = self._servers.settings.request_timeout_s
        async with (
            Graph.connect(live, timeout_s=timeout_s) as before,
            Graph.connect(other, timeout_s=timeout_s) as graph,
        ):
            found = await read_stamp(graph)
            if found is None:
                raise GraphUnavailable(
                    f"{other.database} was never filled", fix="run `anabranch rebuild`"
                )
            refuse_newer(found, projector_version=PROJECTOR_VERSION)
            # Nobody projects now, but a last commit may be on its way: it is not past this.
            last = (await self._log.bounds()).last
            vectors = min(last, await before.checkpoint("vectors"))
            embedder = await _fitting(graph, self._embedder)
            await GraphFiller(self._log, graph, embedder, skip=skip).run(
                to=last, vectors_to=vectors
            )

    def _begin_again(self) -> None:
        """Go on in the live generation, as soon as that works."""
        task = asyncio.create_task(self._begun())
        self._generation.push_async_callback(_ended, task)

    async def _begun(self) -> None:
        while True:
            try:
                await self._begin(self._servers.graph)
            except AnabranchError as error:
                _log.warning("projecting does not begin, and is tried again: %s", error)
                await asyncio.sleep(_PAUSE_S)
            else:
                return

    async def _begin(self, address: GraphAddress) -> None:
        """Project into the graph at `address` until `_end`; when this fails nothing has begun."""
        timeout_s = self._servers.settings.request_timeout_s
        async with AsyncExitStack() as stack:
            graph = await stack.enter_async_context(Graph.connect(address, timeout_s=timeout_s))
            found = await read_stamp(graph)
            if found is not None:
                refuse_newer(found, projector_version=PROJECTOR_VERSION)
            embedder = await _fitting(graph, self._embedder)
            await self._stamp(graph)
            # One connection each, made now: the driver leaks one whose making is cancelled.
            await asyncio.gather(graph.checkpoint("graph"), graph.checkpoint("vectors"))
            self._running = [*self._projections(graph, embedder)]
            for projection in self._running:
                projection.on_reach = self._wake
                task = asyncio.create_task(_kept_running(projection, self._stops))
                stack.push_async_callback(_ended, task)
            self._generation.push_async_exit(stack.pop_all())

    def _projections(
        self, graph: Graph, embedder: Embedder | None
    ) -> Iterator[Projector | VectorProjector]:
        shared = self._servers.shared
        yield Projector(self._log, graph, shared=shared)
        if embedder is not None:
            yield VectorProjector(self._log, graph, embedder, shared=shared)

    async def _stamp(self, graph: Graph) -> None:
        """Note that this generation is live; warn where it is not what this version fills."""
        log = await self._log.identity()
        found = await stamp(graph, log=log, projector_version=PROJECTOR_VERSION)
        await mark_served(graph)
        due = rebuild_due(found, log=log, projector_version=PROJECTOR_VERSION)
        if due is not None:
            harmed = damage(
                await self._log.condition(),
                position=await graph.checkpoint("graph"),
                replaced=is_of_another_log(found, log),
            )
            said = f"{due}; and the log is damaged: {harmed}" if harmed else due
            _log.warning(
                "a rebuild of the graph is due: %s. To fix it: %s", said, rebuild_advice(harmed)
            )
        foreign = await find_foreign(graph)
        if foreign.hindering:
            found_there = "; ".join(foreign.hindering)
            _log.warning("others changed the graph's schema: %s. See `doctor`", found_there)
        if foreign.nodes:
            _log.info("others write to the graph's database: %s", "; ".join(foreign.phrases))

    def _wake(self, _position: int) -> None:
        self._reached.set()
        self._reached = asyncio.Event()

    async def _end(self) -> None:
        await self._generation.aclose()
        self._generation = AsyncExitStack()
        self._running = []


def _projector(projection: Projector | VectorProjector, stop: Stop | None) -> ProjectorView:
    figures = projection.status
    stands = stop is not None and not figures.active and stop.position == projection.position
    return ProjectorView(
        pid=os.getpid(),
        active=figures.active,
        batch_size=figures.batch_size,
        events_per_s=figures.events_per_s,
        events=figures.events,
        retries=figures.retries,
        dead_letters=figures.dead_letters,
        stopped=stop.reason if stop is not None and stands else None,
    )


async def _fitting(graph: Graph, embedder: Embedder | None) -> Embedder | None:
    """Make the schema; return the embedder if its vectors are those that the graph holds.

    Where they are not, words go on without vectors. A memory that took nothing any more because of
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


async def _kept_running(projection: Projector | VectorProjector, stops: dict[str, Stop]) -> None:
    """Run the projection; when it fails, say so and begin again from its checkpoint.

    An error that comes again at once is logged once; `stops` has the last one.
    """
    told = ""
    while True:
        begun = time.monotonic()
        try:
            await projection.run()
        except AnabranchError as error:
            before, told = told, str(error)
            stops[projection.name] = Stop(error.message, projection.position)
            if told != before or time.monotonic() - begun > _AT_ONCE_S:
                _log.warning("a projection stopped and begins again: %s", error)
        except Exception:  # noqa: BLE001 - a fault of ours: projecting would end without a word.
            _log.exception("a projection failed and begins again")
        await asyncio.sleep(_PAUSE_S)


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
