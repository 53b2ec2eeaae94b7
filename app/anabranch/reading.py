"""What a memory answers besides recall: Cypher, sessions, the events themselves, its own state."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from anabranch.errors import EventNotFound
from anabranch.rebuilding import rebuild_beside, rebuild_into
from anabranch.views import GraphStatus, Lag, LogStatus, SessionView, Status
from anabranch_events import STREAM
from anabranch_events.address import without_secrets
from anabranch_events.errors import InputInvalid
from anabranch_projections import DeadLetters

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from anabranch.connection import Connection
    from anabranch_events import Recorded
    from anabranch_projections import Progress, Rebuilt
    from anabranch_store import Digest, GraphAddress, QueryResult
    from anabranch_thinking import Sessions

SESSIONS_MAX: Final = 10_000


class Reading:
    """The reads of one namespace that are no recall."""

    namespace: str
    sessions: Sessions
    connection: Connection

    async def cypher(self, query: str, parameters: Mapping[str, Any] | None = None) -> QueryResult:
        """Run a query that only reads, with a timeout, a row cap and a byte cap.

        The graph holds every namespace: filter by `$namespace`, which is this memory's own.
        Raises CypherInvalid, QueryRefused and QueryTimedOut.
        """
        settings = self.connection.settings
        async with self.connection.explained():
            await self._caught_up()
            graph = await self.connection.graph()
            return await graph.query(
                query,
                {"namespace": self.namespace, **(parameters or {})},
                timeout_s=settings.query_timeout_s,
                rows_max=settings.query_rows_max,
                bytes_max=settings.query_bytes_max,
            )

    async def show_session(self, session_id: str) -> SessionView:
        """Return the session with its working memory and insights. Raises SessionNotFound."""
        async with self.connection.explained():
            return SessionView.of(await self.sessions.state(session_id))

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

    async def session_tree(self, session_id: str) -> list[SessionView]:
        """Return the whole thought that the session belongs to, parents before their branches."""
        root_id = (await self.show_session(session_id)).root_id
        found = await self.list_sessions(root_id=root_id, limit=SESSIONS_MAX)
        return found[::-1]

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

    async def digest(self) -> Digest:
        """Return a hash of the graph's content: the same events, the same digest, on any store."""
        async with self.connection.explained():
            await self._caught_up()
            return await (await self.connection.graph()).digest()

    async def rebuild(
        self,
        *,
        into: GraphAddress | None = None,
        skip: bool = False,
        progress: Callable[[Progress], None] | None = None,
    ) -> Rebuilt:
        """Fold the whole log into a fresh graph.

        The embedded graph gets a new generation, and once that is filled it takes the old one's
        place. `into` names another graph, which must be empty, and leaves this one as it is.
        Raises ProjectionHalted at an event that cannot be applied, unless `skip` puts such aside.
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

    async def status(self) -> Status:
        """Say where the log and the graph are, and how far the graph is behind."""
        async with self.connection.explained():
            log, servers = self.connection.log, self.connection.servers
            graph = await self.connection.graph()
            bounds = await log.bounds()
            position = await graph.checkpoint("graph")
            vectors = await graph.checkpoint("vectors")
            letters = await graph.read("projection/count_dead_letters")
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
                    position=position,
                    vectors=vectors,
                ),
                lag=Lag(events=max(0, bounds.last - position), ms=await self._lag_ms(position)),
                dead_letters=int(letters[0]["dead_letters"]),
                home=str(servers.home.folder) if servers.role != "outside" else None,
                owner=servers.runtime.pid if servers.runtime else None,
                namespace=self.namespace,
            )

    async def _lag_ms(self, position: int) -> float:
        """Return how long ago the first event that the graph does not hold was stored."""
        async for recorded in self.connection.log.read_all(after=position):
            age = datetime.now(UTC) - recorded.stored_at
            return max(0.0, age.total_seconds() * 1000)
        return 0.0

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

    async def _caught_up(self) -> None:
        """Let the graph reach what this memory has seen, within the bound of the settings."""
        timeout_s = self.connection.settings.wait_timeout_s
        await self.connection.reached(self.connection.seen, projection="graph", timeout_s=timeout_s)
