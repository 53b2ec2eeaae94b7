"""Graphs that hold one namespace each: whatever is asked of one, nothing of others is in it."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Final

from anabranch.errors import ServiceBusy
from anabranch.past.as_of import graph_as_of
from anabranch_projections import GRAPH, Projector
from anabranch_store import scratch_graph
from anabranch_store.errors import GraphUnavailable

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from anabranch.backend.backend import Backend
    from anabranch_store import Graph, GraphAddress

GRAPHS_MAX: Final = 8
AGE_S: Final = 6 * 3600.0
"""The time after which a graph is made anew: what is left behind for a day is dropped."""


class NamespaceGraph:
    """The graph of one namespace, which follows the log when it is asked."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.made = time.monotonic()
        self.users = 0
        self._stack = AsyncExitStack()
        self._following = asyncio.Lock()
        self._graph: Graph | None = None

    async def caught_up(self, backend: Backend, beside: GraphAddress, to: int) -> Graph:
        """Return the graph once it holds the namespace up to a position."""
        async with self._following:
            if self._graph is None:
                made = backend.scratch_graph(beside, fixed=True)
                self._graph = await self._stack.enter_async_context(made)
            else:
                await self._graph.checkpoint(GRAPH)  # A projector would wait for one that is gone.
            projector = Projector(backend.log, self._graph, namespaces={self.name})
            projector.announces = False
            await projector.run(to=to)
            return self._graph

    async def close(self) -> None:
        """Drop it."""
        await self._stack.aclose()


class NamespaceGraphs:
    """The graphs of the namespaces asked for last; each is folded from the log when first asked.

    They lie beside an embedded graph, or else on one server of their own.
    """

    def __init__(self, backend: Backend, *, graphs_max: int = GRAPHS_MAX) -> None:
        self._backend = backend
        self._graphs_max = graphs_max
        self._open: OrderedDict[str, NamespaceGraph] = OrderedDict()
        self._stack = AsyncExitStack()
        self._beside: GraphAddress | None = None
        self._changing = asyncio.Lock()
        self._closed = False

    @asynccontextmanager
    async def of(self, name: str, *, as_of: int | None = None) -> AsyncGenerator[Graph]:
        """Give the graph of a namespace with all that is in the log now, or was at a position.

        Raises ServiceBusy while as many graphs as there may be are in use.
        """
        if as_of is not None:
            async with graph_as_of(self._backend, as_of, namespaces={name}) as graph:
                yield graph
            return
        async with self._changing:
            if self._closed:
                raise ServiceBusy("the service ends", fix="ask again in a moment")
            found = await self._taken(name)
            beside = await self._place()
        try:
            last = (await self._backend.log.bounds()).last
            yield await found.caught_up(self._backend, beside, last)
        except GraphUnavailable:
            found.made -= AGE_S
            raise
        finally:
            found.users -= 1

    async def close(self) -> None:
        """Drop all of them, for good."""
        async with self._changing:
            self._closed = True
            for one in self._open.values():
                await one.close()
            self._open.clear()
            await self._stack.aclose()

    async def _taken(self, name: str) -> NamespaceGraph:
        """Return the graph of a namespace, in use from now on."""
        found = self._open.pop(name, None)
        if found is not None and not found.users and time.monotonic() - found.made >= AGE_S:
            await found.close()
            found = None
        if found is None:
            await self._make_room()
            found = NamespaceGraph(name)
        self._open[name] = found
        found.users += 1
        return found

    async def _make_room(self) -> None:
        if len(self._open) < self._graphs_max:
            return
        idle = next((one for one in self._open.values() if not one.users), None)
        if idle is None:
            raise ServiceBusy(
                f"queries of {self._graphs_max} namespaces are at work, each on its own graph",
                fix="ask again in a moment",
            )
        del self._open[idle.name]
        await idle.close()

    async def _place(self) -> GraphAddress:
        """Return the server beside whose databases theirs lie."""
        live = (await self._backend.graph()).address
        if live.admin_url is not None:
            return live
        if self._beside is None:
            engine = self._backend.settings.embedded_engine
            self._beside = await self._stack.enter_async_context(scratch_graph(live, engine=engine))
        return self._beside
