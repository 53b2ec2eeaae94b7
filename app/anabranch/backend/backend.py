"""The backend of an open memory: servers, log, graph, and the projections that fill it."""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

from anabranch.backend.embedder import opened_embedder
from anabranch.backend.lost_branches import end_lost_branches, ending_lost_branches
from anabranch.backend.projection_runner import MOVE, Projecting
from anabranch.backend.prompted_embedder import of_questions
from anabranch.errors import AnabranchError, ExporterMissing, OwnerGone, PositionFromFuture
from anabranch.home.servers import Servers
from anabranch_events.errors import InputInvalid, WaitTimedOut
from anabranch_projections import KnownVectors, wait_for
from anabranch_store import Graph, GraphRanker, scratch_graph
from anabranch_store.together import together

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence
    from contextlib import AbstractAsyncContextManager

    from nats.aio.msg import Msg

    from anabranch.backend.index_runner import Indexing
    from anabranch.home.folder import Lock
    from anabranch.settings import Settings
    from anabranch_events import Log
    from anabranch_recall import Embedder, Question, Ranker, Recollection
    from anabranch_store import GraphAddress
    from anabranch_thinking.tracing import Tracer

_AT_ONCE: Final = 4
_NOTE_MAX_S: Final = 1.0
"""The time that a leaving owner gives the log to note where it ends."""
_log: Final = logging.getLogger("anabranch")
_T = TypeVar("_T")


class Backend:
    """The log, and the graph as it is by now, with the waiting that a consistent read needs."""

    log: Log

    def __init__(
        self, settings: Settings, *, command: str = "memory", owner: Lock | None = None
    ) -> None:
        self.settings = settings
        self.servers = Servers(settings, command=command, owner=owner)
        self.embedder: Embedder | None = None
        self.known_vectors = KnownVectors()
        """Those of sealed texts, for as long as what was forgotten is erased from files."""
        self.erasing_files = asyncio.Lock()
        """Held by the one task that erases what was forgotten from files."""
        self.seen = 0
        self.on_append: Callable[[Any], None] | None = None
        """Called with each event that is appended through this backend."""
        self.projecting: Projecting | None = None
        self._tracer: Tracer | None = None
        self._traces = bool(settings.trace_exporters)
        self._graph: Graph | None = None
        self._ranker: Ranker | None = None
        self._indexing: Indexing | None = None
        self._reached: dict[str, int] = {}
        self._left: Graph | None = None
        self._graph_change = asyncio.Lock()
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        deadline = time.monotonic() + self.settings.start_timeout_s
        while True:
            try:
                await self._open()
            except BaseException as error:
                await self._stack.aclose()
                # We came just as the owner went: the next one, or we ourselves, take its place.
                if not isinstance(error, OwnerGone) or time.monotonic() >= deadline:
                    raise
            else:
                return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def _open(self) -> None:
        enter = self._stack.enter_async_context
        self.embedder = await enter(opened_embedder(self.settings))
        await enter(self.servers)
        self.log = await enter(self.servers.connect_log())
        if self.servers.projects:
            self._stack.push_async_callback(self._note_end)
        self._stack.push_async_callback(self._let_graph_go)
        await self.graph()
        if self.servers.projects:
            self.projecting = await enter(Projecting(self.servers, self.log, self.embedder))
            moves = await self.log.connection.subscribe(MOVE, cb=self._move)
            self._stack.push_async_callback(moves.unsubscribe)
        await self._index()
        self.seen = (await self.log.bounds()).last
        await self._end_lost_branches()
        self.servers.announce()

    async def _end_lost_branches(self) -> None:
        """End what killed processes left running; an owner does so for as long as it lives."""
        folder = self.servers.home.thoughts
        if self.servers.projects:
            ending = ending_lost_branches(folder, self.log, listener=self.saw)
            await self._stack.enter_async_context(ending)
        else:
            await end_lost_branches(folder, self.log, listener=self.saw)

    async def _index(self) -> None:
        """Follow or ask the recall index of the home, where the settings rank by it.

        A tenant does not: it reads its own namespaces only, and the index is of all.
        """
        ranker = self.settings.ranker
        if ranker is None:
            ranker = "graph" if self.servers.role == "outside" else "index"
        if ranker == "index" and self.log.rights == "all":
            from anabranch.backend.index_runner import Indexing

            indexing = Indexing(
                self.servers.home,
                self.log,
                self.embedder,
                known=self.known_vectors,
                wanted=self._index_is_wanted,
            )
            self._indexing = await self._stack.enter_async_context(indexing)

    async def _index_is_wanted(self) -> bool:
        """Tell whether the graph has no vectors of another model: then a rebuild is due first."""
        return self.embedder is None or await self.vectors_follow()

    @property
    def tracer(self) -> Tracer | None:
        """Makes spans of thoughts, where they are sent anywhere; made for who first asks."""
        if self._traces:
            self._traces = False
            try:
                from anabranch.backend.tracing import OtelTracer, tracer_provider

                provider = tracer_provider(self.settings.trace_exporters)
            except ExporterMissing as error:
                _log.warning("no spans are sent: %s", error)
            else:
                self._tracer = OtelTracer(provider)
                self._stack.push_async_callback(asyncio.to_thread, provider.shutdown)
        return self._tracer

    @tracer.setter
    def tracer(self, tracer: Tracer) -> None:
        self._traces, self._tracer = False, tracer

    async def graph(self) -> Graph:
        """Return the graph as it is by now: a rebuild may have moved it."""
        self.servers.refresh()
        async with self._graph_change:
            if self._graph is None or self._graph.address != self.servers.graph:
                graph = self.servers.connect_graph()
                await self._turn_to(await graph.__aenter__())
            assert self._graph is not None  # noqa: S101 - it was just opened.
            return self._graph

    @asynccontextmanager
    async def scratch_graph(
        self, beside: GraphAddress | None = None, *, fixed: bool = False
    ) -> AsyncGenerator[Graph]:
        """Give an empty graph with its schema, beside the live one unless said; then drop it.

        One that is `fixed` is never looked for elsewhere, where the graph of all may stand.
        """
        place = (await self.graph()).address if beside is None else beside
        async with scratch_graph(place, engine=self.settings.embedded_engine) as address:
            timeout_s = self.settings.request_timeout_s
            connecting = (
                Graph.connect(address, timeout_s=timeout_s)
                if fixed
                else self.servers.connect_graph(address)
            )
            async with connecting as graph:
                await graph.apply_schema()
                yield graph

    async def _turn_to(self, graph: Graph) -> None:
        """Switch to `graph`.

        The previous one stays open for running reads; the one before that is closed.
        """
        left, self._left, self._graph = self._left, self._graph, graph
        self._ranker = None
        self._reached.clear()
        if left is not None:
            await left.__aexit__(None, None, None)

    async def enter(self, context: AbstractAsyncContextManager[_T]) -> _T:
        """Enter a context that ends with this backend, before its parts do."""
        return await self._stack.enter_async_context(context)

    def look_at_index(self) -> None:
        """Have the recall index look now whether it has to begin anew."""
        if self._indexing is not None:
            self._indexing.look()

    async def index_position(self) -> int | None:
        """Return the position of the recall index that answers; None where the graph does."""
        return None if self._indexing is None else await self._indexing.position()

    async def recall(self, questions: Sequence[Question], *, knowing: int) -> list[Recollection]:
        """Answer questions about one namespace, which must know `knowing` of the log, in order.

        The index answers, here or in the process that follows it, where it knows that; the graph
        otherwise.
        """
        if self._indexing is not None:
            found = await self._indexing.recall(questions, knowing=knowing)
            if found is not None:
                return found
        return await _answered(await self._graph_ranker(), questions)

    async def _graph_ranker(self) -> Ranker:
        """Return the ranker over the graph as it is by now; it keeps what it learned of it."""
        graph = await self.graph()
        if self._ranker is None:
            joined = self.servers.role == "joined"  # Its reads wait for the owner after theirs.
            grace_s = self.settings.request_timeout_s if joined else 0.0
            self._ranker = GraphRanker(graph, of_questions(self.embedder), grace_s=grace_s)
        return self._ranker

    async def vectors_follow(self) -> bool:
        """Tell whether the vectors in the graph are those of this memory's embedder."""
        if self.embedder is None:
            return False
        held = await (await self.graph()).vectors_in_use()
        return held is not None and held.model in {None, self.embedder.model}

    async def note_reached(self, position: int) -> int:
        """Note where both projections are, unless both are known to have reached `position`.

        Return the position of the vectors as far as it is known here. One read serves the waiting
        for both.
        """
        graph = await self.graph()
        if min(self._reached.get(name, 0) for name in ("graph", "vectors")) < position:
            found = await graph.reached()
            self._reached = {"graph": found.graph, "vectors": found.vectors}
        return self._reached.get("vectors", 0)

    def has_reached(self, position: int) -> bool:
        """Tell whether the graph is known to have reached `position`, without asking it."""
        return self._reached.get("graph", 0) >= position

    async def wait_for(
        self, position: int, *, projection: str, timeout_s: float, field: str = "position"
    ) -> int:
        """Wait until `projection` has reached `position`; return where it is.

        Raises PositionFromFuture, which names `field`, and WaitTimedOut.
        """
        await self.checked_position(position, field=field)
        graph = await self.graph()
        if self._reached.get(projection, 0) < position:
            self._reached[projection] = await self._waited_for(
                graph, position, projection=projection, timeout_s=timeout_s
            )
        return self._reached.get(projection, 0)

    async def reached(self, position: int, *, projection: str, timeout_s: float) -> bool:
        """Wait as `wait_for` does; say whether it was reached instead of raising WaitTimedOut."""
        try:
            await self.wait_for(position, projection=projection, timeout_s=timeout_s)
        except WaitTimedOut:
            return False
        return True

    async def checked_position(self, position: int, *, field: str) -> int:
        """Return `position` if the log has reached it.

        Raises InputInvalid for a negative one and PositionFromFuture.
        """
        if position < 0:
            raise InputInvalid(
                f"{field}: {position} is negative; positions begin at 1, and 0 is before everything",
                field=field,
                fix="give a position from 0 on",
            )
        if position > self.seen:
            self.seen = max(self.seen, (await self.log.bounds()).last)
        if position > self.seen:
            raise PositionFromFuture(position, last=self.seen, field=field)
        return position

    def saw(self, event: Any, position: int) -> None:
        """Note that this memory appended at `position`: its later reads see it."""
        self.seen = max(self.seen, position)
        if event is not None and self.on_append is not None:
            self.on_append(event)

    async def _waited_for(
        self, graph: Graph, position: int, *, projection: str, timeout_s: float
    ) -> int:
        """Wait where the commits are made, if that is here and nowhere else."""
        here = self.projecting if self.servers.shared is None else None
        if here is not None and projection in here.positions:
            return await here.wait_for(position, projection=projection, timeout_s=timeout_s)
        return await wait_for(self.log, graph, projection, position, timeout_s=timeout_s)

    async def _move(self, message: Msg) -> None:
        if self.projecting is not None:
            await message.respond((await self.projecting.asked(message.data.decode())).encode())

    async def _note_end(self) -> None:
        """Note where the log ends, as this owner leaves it; a server that is gone is let be."""
        with suppress(AnabranchError, TimeoutError):
            async with asyncio.timeout(_NOTE_MAX_S):
                await self.log.note_end()

    async def _let_graph_go(self) -> None:
        graphs, self._graph, self._left, self._ranker = (self._left, self._graph), None, None, None
        self._reached.clear()
        for graph in graphs:
            if graph is not None:
                await graph.__aexit__(None, None, None)


async def _answered(ranker: Ranker, questions: Sequence[Question]) -> list[Recollection]:
    """Ask a few questions at a time; return the answers in order. Raises the first failure."""
    room = asyncio.Semaphore(_AT_ONCE)

    async def answer(question: Question) -> Recollection:
        async with room:
            return await ranker.recall(question)

    return await together(answer(one) for one in questions)


class SharedBackend(Backend):
    """A backend over servers and a log that this process has open already."""

    def __init__(self, servers: Servers, log: Log, embedder: Embedder | None) -> None:
        super().__init__(servers.settings)
        self.servers = servers
        self.log = log
        self.embedder = embedder

    async def _open(self) -> None:
        self._stack.push_async_callback(self._let_graph_go)
        await self.graph()
        await self._index()
        self.seen = (await self.log.bounds()).last
        await self._end_lost_branches()
