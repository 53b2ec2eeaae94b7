"""What a memory answers besides recall: Cypher, sessions, the events themselves, its own state."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from anabranch.errors import EventNotFound
from anabranch.generations.generations import count_others, drop, generations, name_of, use
from anabranch.generations.rebuild import rebuild_beside, rebuild_into
from anabranch.generations.status import projection_statuses
from anabranch.past.as_of import graph_as_of, position_of, thought_then
from anabranch.past.diff import ITEMS_MAX, Span, diff_of
from anabranch.past.history import history_of
from anabranch.views import GenerationView, GraphStatus, LogStatus, SessionView, Status
from anabranch_events import STREAM
from anabranch_events.errors import InputInvalid
from anabranch_events.transport.address import without_secrets
from anabranch_projections import PROJECTOR_VERSION, DeadLetters
from anabranch_store import checked_query, parameters_in, read_stamp, rebuild_due

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping
    from datetime import datetime

    from anabranch.backend.backend import Connection
    from anabranch.past.as_of import Moment
    from anabranch.past.diff_model import Diff
    from anabranch.past.history import LifeEvent
    from anabranch_events import Recorded
    from anabranch_projections import Progress, Rebuilt
    from anabranch_store import Digest, Graph, GraphAddress, QueryResult
    from anabranch_thinking import Sessions, SessionState

SESSIONS_MAX: Final = 10_000


class Reading:
    """The reads of one namespace that are no recall."""

    namespace: str
    sessions: Sessions
    connection: Connection

    async def cypher(
        self,
        query: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        as_of: Moment | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> QueryResult:
        """Run a query that only reads, with a timeout, a row cap and a byte cap.

        The graph holds every namespace: filter by `$namespace`, which is this memory's own. With
        `as_of` a query gives what it gave then: one that filters by `$as_of` itself is asked of the
        live graph (`$as_of` is the log's end without), any other of a graph into which the log is
        folded up to there; `progress` is told each position of that.
        Raises CypherInvalid, QueryRefused, QueryTimedOut and PositionFromFuture.
        """
        async with self.connection.explained():
            position = None if as_of is None else await position_of(self.connection, as_of)
            given = {
                "namespace": self.namespace,
                "as_of": self.connection.seen if position is None else position,
                **(parameters or {}),
            }
            if position is None or "as_of" in parameters_in(query):
                await self._caught_up()
                return await self._queried(await self.connection.graph(), query, given)
            checked_query(query)
            async with graph_as_of(self.connection, position, progress=progress) as graph:
                return await self._queried(graph, query, given)

    async def position_of(self, moment: Moment, *, field: str = "as_of") -> int:
        """Return the position that a moment stands for: the last one stored up to a time.

        Raises PositionFromFuture, and InputInvalid for a time without a zone.
        """
        async with self.connection.explained():
            return await position_of(self.connection, moment, field=field)

    async def show_session(self, session_id: str, *, as_of: Moment | None = None) -> SessionView:
        """Return the session with its working memory and insights, as it is or was at `as_of`.

        What an insight said that was forgotten since is left out. Raises SessionNotFound, also
        where it had not begun by then, and PositionFromFuture.
        """
        async with self.connection.explained():
            if as_of is None:
                return await self._told(await self.sessions.state(session_id))
            position = await position_of(self.connection, as_of)
            return await self._told(await self.sessions.state_as_of(session_id, position))

    async def list_sessions(
        self, *, root_id: str | None = None, status: str | None = None, limit: int = 100
    ) -> list[SessionView]:
        """Return sessions, the newest first; `root_id` keeps those of one thought."""
        if not 1 <= limit <= SESSIONS_MAX:
            raise InputInvalid(
                f"limit: {limit} is not from 1 to {SESSIONS_MAX}", field="limit", fix="change it"
            )
        async with self.connection.explained():
            await self._caught_up()
            graph = await self.connection.graph()
            rows = await graph.read(
                "sessions/list",
                namespace=self.namespace,
                root_id=root_id,
                status=status,
                limit=limit,
            )
        return [SessionView.model_validate(row) for row in rows]

    async def session_tree(
        self, session_id: str, *, as_of: Moment | None = None
    ) -> list[SessionView]:
        """Return the whole thought that the session belongs to, parents before their branches.

        With `as_of` it is the thought as it was then; it costs what the events of its sessions do.
        Raises SessionNotFound, PositionFromFuture, and WaitTimedOut.
        """
        root_id = (await self.show_session(session_id, as_of=as_of)).root_id
        if as_of is None:
            found = await self.list_sessions(root_id=root_id, limit=SESSIONS_MAX)
            return found[::-1]
        async with self.connection.explained():
            position = await position_of(self.connection, as_of)
            await self.wait_for(position)
            return await thought_then(
                self.connection, root_id, namespace=self.namespace, position=position
            )

    async def history(
        self,
        thing_id: str,
        *,
        as_of: Moment | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> list[LifeEvent]:
        """Tell the life of a session, an insight or a consolidation as the events that name it.

        The whole log is read, up to `as_of`, so that nothing is missed; only what names the thing
        is decoded. Raises InputInvalid, HistoryNotFound and PositionFromFuture.
        """
        async with self.connection.explained():
            await self._caught_up()
            to = await position_of(
                self.connection, self.connection.seen if as_of is None else as_of
            )
            return await history_of(
                self.connection, thing_id, namespace=self.namespace, to=to, progress=progress
            )

    async def diff(
        self,
        before: Moment,
        after: Moment,
        *,
        items_max: int = ITEMS_MAX,
        progress: Callable[[int], None] | None = None,
    ) -> Diff:
        """Say what this namespace learned between two moments, `before` not included.

        The sums are exact; of each kind at most `items_max` are listed, the first ones. It costs
        what the events between the two do. Raises InputInvalid, PositionFromFuture, WaitTimedOut.
        """
        async with self.connection.explained():
            one = await position_of(self.connection, before, field="before")
            other = await position_of(self.connection, after, field="after")
            await self.wait_for(max(one, other))
            return await diff_of(
                self.connection,
                Span(self.namespace, one, other),
                items_max=items_max,
                progress=progress,
            )

    async def replay(
        self,
        *,
        after: int = 0,
        to: int | None = None,
        session_id: str | None = None,
        speed: float | None = None,
    ) -> AsyncIterator[Recorded]:
        """Read the events of this namespace again, in order, those after `after` and up to `to`.

        With `speed` they come with the pauses they happened with, so many times faster. Nothing is
        run again: what was recorded is told.
        """
        if speed is not None and speed <= 0:
            raise InputInvalid("speed: must be above 0", field="speed", fix="use 1 for real time")
        async with self.connection.explained():
            await self.connection.checked_position(after, field="after")
            if to is not None:
                await self.connection.checked_position(to, field="to")
            before: datetime | None = None
            async for recorded in self._recorded(after, to, session_id):
                if speed is not None and before is not None:
                    pause_s = (recorded.stored_at - before).total_seconds() / speed
                    await asyncio.sleep(max(0.0, pause_s))
                before = recorded.stored_at
                yield recorded

    async def follow(self, *, after: int | None = None) -> AsyncIterator[Recorded]:
        """Tell the events of this namespace as they happen, without end, from the log's end on.

        With `after` those that happened since come first.
        """
        async with self.connection.explained():
            start = (await self.connection.log.bounds()).last
            if after is not None:
                start = await self.connection.checked_position(after, field="after")
            async for recorded in self.connection.log.subscribe(after=start):
                if recorded.namespace == self.namespace:
                    yield recorded

    async def event_at(self, position: int) -> Recorded:
        """Return the event at `position`. Raises EventNotFound, and PositionFromFuture."""
        async with self.connection.explained():
            await self.connection.checked_position(position, field="position")
            if position > 0:
                async for recorded in self._recorded(position - 1, position, None):
                    return recorded
        raise EventNotFound(position, namespace=self.namespace)

    async def wait_for(self, position: int, *, timeout_s: float | None = None) -> int:
        """Wait until the graph has reached `position`; return where it is.

        Raises PositionFromFuture, and WaitTimedOut.
        """
        bound = self.connection.settings.wait_timeout_s if timeout_s is None else timeout_s
        async with self.connection.explained():
            return await self.connection.wait_for(position, projection="graph", timeout_s=bound)

    async def digest(
        self, *, as_of: Moment | None = None, progress: Callable[[int], None] | None = None
    ) -> Digest:
        """Return a hash of the graph's content: the same events, the same digest, on any store.

        With `as_of` it is the digest the graph had then: the log is folded up to there, into a
        graph that is dropped again, and `progress` is told each position. Raises
        PositionFromFuture, and EmbeddedGraphMissing.
        """
        async with self.connection.explained():
            if as_of is None:
                await self._caught_up()
                return await (await self.connection.graph()).digest()
            position = await position_of(self.connection, as_of)
            folding = graph_as_of(self.connection, position, progress=progress, telling=False)
            async with folding as graph:
                return await graph.digest()

    async def rebuild(
        self,
        *,
        into: GraphAddress | None = None,
        skip: bool = False,
        progress: Callable[[Progress], None] | None = None,
    ) -> Rebuilt:
        """Fold the whole log into a fresh graph.

        The embedded graph gets a new generation, and once that is filled it takes the old one's
        place; the old one is kept until it is dropped. `into` names another graph, which must be
        empty, and leaves this one as it is. One that was killed goes on where it was. Raises
        ProjectionHalted at an event that cannot be applied, unless `skip` puts such aside.
        """
        async with self.connection.explained():
            if into is not None:
                return await rebuild_into(self.connection, into, skip=skip, progress=progress)
            return await rebuild_beside(self.connection, skip=skip, progress=progress)

    async def dead_letters(self) -> DeadLetters:
        """Return the events of this namespace that could not be applied, to look at and to settle."""
        async with self.connection.explained():
            await self._caught_up()
            graph = await self.connection.graph()
            follows = await self.connection.vectors_follow()
            return DeadLetters(
                self.connection.log,
                graph,
                namespace=self.namespace,
                embedder=self.connection.embedder if follows else None,
            )

    async def generations(self) -> list[GenerationView]:
        """Return the generations of the graph: the live one, kept ones, one that is half filled."""
        async with self.connection.explained():
            return await generations(self.connection)

    async def use_generation(
        self,
        name: str,
        *,
        skip: bool = False,
        progress: Callable[[Progress], None] | None = None,
    ) -> GenerationView:
        """Bring a kept generation to the log's end and read it from then on.

        Raises GenerationNotFound, GenerationRefused for one that is only half filled, and
        ProjectionHalted at an event that cannot be applied, unless `skip` puts such aside.
        """
        async with self.connection.explained():
            return await use(self.connection, name, skip=skip, progress=progress)

    async def drop_generation(self, name: str) -> GenerationView:
        """Remove a generation with all its files; return what it was.

        Raises GenerationNotFound, and GenerationRefused for the live one.
        """
        async with self.connection.explained():
            return await drop(self.connection, name)

    async def status(self) -> Status:
        """Say where the log and the graph are, and how far the graph is behind."""
        async with self.connection.explained():
            log, servers = self.connection.log, self.connection.servers
            graph = await self.connection.graph()
            bounds = await log.bounds()
            projections = await projection_statuses(self.connection, last=bounds.last)
            folded, vectors = projections
            letters = await graph.read("projection/count_dead_letters")
            found = await read_stamp(graph)
            identity = await log.identity()
            return Status(
                log=LogStatus(
                    url=without_secrets(servers.log.url),
                    stream=STREAM,
                    durability=servers.log.durability,
                    first=bounds.first,
                    last=bounds.last,
                ),
                graph=GraphStatus(
                    uri=servers.graph.uri,
                    product=graph.product.name,
                    version=graph.product.version,
                    position=folded.position,
                    vectors=vectors.position,
                    generation=name_of(graph.address),
                    projector_version=found.projector_version if found else None,
                    schema_version=found.schema_version if found else None,
                    rebuild_due=rebuild_due(
                        found, log=identity, projector_version=PROJECTOR_VERSION
                    ),
                    others=await count_others(self.connection),
                ),
                lag=folded.lag,
                projections=projections,
                dead_letters=int(letters[0]["dead_letters"]),
                home=str(servers.home.folder) if servers.role != "outside" else None,
                owner=servers.runtime.pid if servers.runtime else None,
                namespace=self.namespace,
            )

    async def _recorded(
        self, after: int, to: int | None, session_id: str | None
    ) -> AsyncIterator[Recorded]:
        log = self.connection.log
        if session_id is None:
            async for recorded in log.read_all(after=after, to=to):
                if recorded.namespace == self.namespace:
                    yield recorded
            return
        state = await self.sessions.state(session_id)
        async for recorded in log.read(state.session_id, namespace=self.namespace, after=after):
            if to is not None and recorded.position > to:
                return
            yield recorded

    async def _told(self, state: SessionState) -> SessionView:
        """Show a session; the graph is asked only where there are texts to leave out."""
        if not state.insights:
            return SessionView.of(state)
        await self._caught_up()
        graph = await self.connection.graph()
        ids = [one.insight_id for one in state.insights]
        rows = await graph.read("insights/forgotten", namespace=self.namespace, ids=ids)
        return SessionView.of(state, forgotten={row["id"] for row in rows})

    async def _queried(
        self, graph: Graph, query: str, parameters: Mapping[str, Any]
    ) -> QueryResult:
        settings = self.connection.settings
        return await graph.query(
            query,
            parameters,
            timeout_s=settings.query_timeout_s,
            rows_max=settings.query_rows_max,
            bytes_max=settings.query_bytes_max,
        )

    async def _caught_up(self) -> None:
        """Let the graph reach what this memory has seen, within the bound of the settings."""
        timeout_s = self.connection.settings.wait_timeout_s
        await self.connection.reached(self.connection.seen, projection="graph", timeout_s=timeout_s)
