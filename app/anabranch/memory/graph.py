"""The graph of a memory: its digest, its generations, its dead letters, and building it again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from anabranch.generations.generations import drop, generations, use
from anabranch.generations.rebuild import rebuild_beside, rebuild_into
from anabranch.generations.repair import repair_in_place
from anabranch.past.as_of import graph_as_of, position_of
from anabranch_projections import DeadLetters
from anabranch_store import find_foreign

if TYPE_CHECKING:
    from collections.abc import Callable

    from anabranch.memory.namespaces import OpenNamespace
    from anabranch.past.as_of import Moment
    from anabranch.views import GenerationView
    from anabranch_projections import RebuildProgress, RebuildResult, RepairResult
    from anabranch_store import Digest, Foreign, GraphAddress


class MemoryGraph:
    """The graph that a memory reads, as `memory.graph`."""

    def __init__(self, namespace: OpenNamespace) -> None:
        self._namespace = namespace

    async def digest(
        self, *, as_of: Moment | None = None, progress: Callable[[int], None] | None = None
    ) -> Digest:
        """Return a hash of the graph's content: the same events, the same digest, on any store.

        With `as_of` it is the digest the graph had then. The log is folded up to there into a graph
        that is dropped again, and `progress` gets each position. Raises PositionFromFuture, and
        EmbeddedGraphMissing.
        """
        backend = self._namespace.backend
        if as_of is None:
            await self._namespace.caught_up()
            return await (await backend.graph()).digest()
        position = await position_of(backend, as_of)
        folding = graph_as_of(backend, position, progress=progress, telling=False)
        async with folding as graph:
            return await graph.digest()

    async def rebuild(
        self,
        *,
        into: GraphAddress | None = None,
        skip: bool = False,
        accept_loss: bool = False,
        progress: Callable[[RebuildProgress], None] | None = None,
    ) -> RebuildResult:
        """Fold the whole log into a fresh graph.

        The embedded graph gets a new generation. Once that is filled it takes the old one's place;
        the old one is kept until it is dropped. `into` names another graph, which must be empty,
        and leaves this one as it is. One that was killed goes on where it was. Raises
        ProjectionHalted at an event that cannot be applied, unless `skip` puts such aside. Raises
        LogDamaged and LogRewound where the log has lost events, unless `accept_loss` writes the
        loss down and goes on with what is left.
        """
        backend = self._namespace.backend
        if into is not None:
            return await rebuild_into(
                backend, into, skip=skip, accept_loss=accept_loss, progress=progress
            )
        return await rebuild_beside(backend, skip=skip, accept_loss=accept_loss, progress=progress)

    async def repair(
        self,
        *,
        dry_run: bool = False,
        progress: Callable[[RebuildProgress], None] | None = None,
    ) -> RepairResult:
        """Make the live graph what the log says, in place; what others wrote to it stays.

        The log is folded into a graph beside it, and only where both differ something is written.
        Reads go on meanwhile. With `dry_run` the differences are counted and stay. A graph of an
        earlier version becomes one of this version. Raises GraphNotBegun, GenerationRefused for a
        graph of another log, LogRewound, LogDamaged, and EmbeddedGraphMissing.
        """
        return await repair_in_place(self._namespace.backend, dry_run=dry_run, progress=progress)

    async def foreign(self) -> Foreign:
        """Look at each node for what others wrote to the database that holds the graph."""
        return await find_foreign(await self._namespace.backend.graph(), whole=True)

    async def dead_letters(self) -> DeadLetters:
        """Return the events of this namespace that could not be applied, to look at and settle."""
        await self._namespace.caught_up()
        backend = self._namespace.backend
        graph = await backend.graph()
        follows = await backend.vectors_follow()
        return DeadLetters(
            backend.log,
            graph,
            namespace=self._namespace.name,
            embedder=backend.embedder if follows else None,
        )

    async def generations(self) -> list[GenerationView]:
        """Return the generations of the graph: the live one, kept ones, one that is half filled."""
        return await generations(self._namespace.backend)

    async def use(
        self,
        name: str,
        *,
        skip: bool = False,
        progress: Callable[[RebuildProgress], None] | None = None,
    ) -> GenerationView:
        """Bring a kept generation to the log's end and read it from then on.

        Raises GenerationNotFound, GenerationRefused for one that is only half filled, and
        ProjectionHalted at an event that cannot be applied, unless `skip` puts such aside.
        """
        return await use(self._namespace.backend, name, skip=skip, progress=progress)

    async def drop(self, name: str) -> GenerationView:
        """Remove a generation with all its files; return its last state.

        Raises GenerationNotFound, and GenerationRefused for the live one.
        """
        return await drop(self._namespace.backend, name)
