"""The routes of streams: events as they happen, and events replayed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from starlette.requests import Request  # noqa: TC002 - FastAPI reads the annotations.

from anabranch.api.read_requests import FollowEvents, ReplayEvents
from anabranch.errors import InputInvalid
from anabranch.http.events.following import Followed
from anabranch.http.events.streams import (
    LINES,
    SSE,
    Streaming,
    Turnstile,
    event_frames,
    event_lines,
)
from anabranch.http.reading import from_query, only
from anabranch.http.routes import caller_of
from anabranch.memory.reads.sessions import session_tree
from anabranch.past.replay import replay
from anabranch.past.stretch import check_stretch

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from starlette.responses import Response

    from anabranch.http.events.ring import EventRing
    from anabranch.http.routes import Desk
    from anabranch.memory.namespaces import OpenNamespace

LAST_EVENT_ID: Final = "Last-Event-ID"


class EventRoutes:
    """The routes that follow and replay events."""

    def __init__(self, desk: Desk, ring: EventRing) -> None:
        self._desk = desk
        self._ring = ring
        self._turnstile = Turnstile()

    async def stream(self, request: Request) -> Response:
        """Follow events as they happen: server-sent events whose ids are positions.

        Each event is a CloudEvent with its `position`. Come again with the last id as
        `Last-Event-ID` to go on without a gap and without a repetition, also after the service was
        killed. In a silence the id alone is sent, with the position that was reached. In a sealed
        namespace an event `erased` says up to which forgetting content has left the log. Let go of
        older events then, and read them again.
        """
        return await self._desk.told(request, "stream_events", lambda: self._stream(request))

    async def replay(self, request: Request) -> Response:
        """Read events again as JSON lines, also with the pauses they happened with."""
        return await self._desk.told(request, "replay", lambda: self._replay(request))

    async def _stream(self, request: Request) -> Response:
        namespace = self._desk.namespace(request, writing=False)
        asked = from_query(FollowEvents, request.query_params, {})
        after = await _start(namespace, asked, only(request.headers, LAST_EVENT_ID))
        wanted = await _wanted(namespace, asked, after=after)
        return self._streaming(
            request,
            lambda holds: event_frames(self._ring, wanted, after=after, holds=holds),
            media_type=SSE,
        )

    async def _replay(self, request: Request) -> Response:
        namespace = self._desk.namespace(request, writing=False)
        asked = from_query(ReplayEvents, request.query_params, {})
        backend = namespace.backend
        await check_stretch(backend, asked.after, asked.to)
        if asked.session_id is not None:
            await namespace.sessions.state(asked.session_id)
        events = replay(
            backend,
            namespace.name,
            after=asked.after,
            to=asked.to,
            session_id=asked.session_id,
            speed=asked.speed,
        )
        return self._streaming(
            request, lambda holds: event_lines(events, holds=holds), media_type=LINES
        )

    def _streaming(
        self,
        request: Request,
        parts: Callable[[Callable[[], bool]], AsyncGenerator[bytes]],
        *,
        media_type: str,
    ) -> Response:
        """Return the answer that streams, counted from now on. Raises ServiceBusy."""
        caller, access = caller_of(request), self._desk.access
        return Streaming(
            lambda: parts(lambda: self._ring.open and access.holds(caller)),
            media_type=media_type,
            held=self._turnstile.passed(caller.name, alone=caller.everywhere),
        )


async def _start(namespace: OpenNamespace, asked: FollowEvents, last_id: str | None) -> int:
    """Return the position after which a stream begins. Raises InputInvalid, PositionFromFuture."""
    backend = namespace.backend
    if last_id:
        if not (last_id.isascii() and last_id.isdecimal() and len(last_id) <= 19):
            raise InputInvalid(
                f"{LAST_EVENT_ID}: is no position",
                field=LAST_EVENT_ID,
                fix="send the last id of the stream",
            )
        return await backend.checked_position(int(last_id), field=LAST_EVENT_ID)
    if asked.after is not None:
        return await backend.checked_position(asked.after, field="after")
    return (await backend.log.bounds()).last


async def _wanted(namespace: OpenNamespace, asked: FollowEvents, *, after: int) -> Followed:
    """Return what a stream gives after a position.

    Raises InputInvalid, SessionNotFound, and WaitTimedOut where the graph is far behind.
    """
    if asked.root_id is None:
        if asked.session_id is not None:
            await namespace.sessions.state(asked.session_id)
        return Followed(namespace.name, session_id=asked.session_id)
    if asked.session_id is not None:
        raise InputInvalid(
            "root_id: a stream is of one session or of one thought",
            field="root_id",
            fix="leave session_id or root_id out",
        )
    backend = namespace.backend
    # The sessions that were forked later are known by their events.
    await backend.wait_for(after, projection="graph", timeout_s=backend.settings.wait_timeout_s)
    tree = await session_tree(namespace, asked.root_id)
    return Followed.of_thought(
        namespace.name, root_id=tree[0].root_id, sessions=[one.session_id for one in tree]
    )
