"""Streams of events over HTTP: server-sent events, and JSON lines."""

from __future__ import annotations

import asyncio
import time
from contextlib import ExitStack, aclosing
from typing import TYPE_CHECKING, Final

import orjson
from starlette.responses import Response

from anabranch.api.problem import Problem
from anabranch.errors import ServiceBusy
from anabranch.http.fixes import FIXES
from anabranch.http.metrics import FOLLOWERS
from anabranch.transfer.exported_line import line_of
from anabranch_events.errors import AnabranchError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Coroutine
    from contextlib import AbstractContextManager

    from starlette.types import Receive, Scope, Send

    from anabranch.http.events.following import Followed
    from anabranch.http.events.ring import EventRing
    from anabranch_events import Recorded

STREAMS_MAX: Final = 256
STREAMS_EACH_MAX: Final = 64
BEAT_S: Final = 1.0
PING_S: Final = 15.0
RETRY_MS: Final = 1000
SSE: Final = "text/event-stream"
LINES: Final = "application/x-ndjson"


class Turnstile:
    """Counts the streams that are open, in all and of each caller."""

    def __init__(self, *, streams_max: int = STREAMS_MAX, each_max: int = STREAMS_EACH_MAX) -> None:
        self._streams_max = streams_max
        self._each_max = each_max
        self._open: dict[str, int] = {}

    def passed(self, caller: str, *, alone: bool) -> ExitStack:
        """Count a stream until what is returned is closed. Raises ServiceBusy.

        A caller who is `alone` may have all of them.
        """
        own = self._open.get(caller, 0)
        if sum(self._open.values()) >= self._streams_max or (not alone and own >= self._each_max):
            raise ServiceBusy(
                f"{sum(self._open.values())} streams are open already, {own} of them yours",
                fix="close one, or follow several sessions by one stream of the namespace",
            )
        self._open[caller] = own + 1
        FOLLOWERS.inc()
        left = ExitStack()
        left.callback(self._leave, caller)
        return left

    def _leave(self, caller: str) -> None:
        FOLLOWERS.dec()
        self._open[caller] -= 1
        if not self._open[caller]:
            del self._open[caller]


class Streaming(Response):
    """An answer that is written part by part, until its parts end or the client has gone."""

    def __init__(
        self,
        parts: Callable[[], AsyncGenerator[bytes]],
        *,
        media_type: str,
        held: AbstractContextManager[object],
    ) -> None:
        super().__init__(media_type=media_type)
        self._parts = parts
        self._held = held

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Write the answer; `held` is let go at its end."""
        del scope
        with self._held:
            await self._answer(receive, send)

    async def _answer(self, receive: Receive, send: Send) -> None:
        headers = [
            (b"content-type", str(self.media_type).encode()),
            (b"cache-control", b"no-store"),
            (b"x-accel-buffering", b"no"),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await _first_of(self._written(send), _gone(receive))

    async def _written(self, send: Send) -> None:
        async with aclosing(self._parts()) as parts:
            async for part in parts:
                await send({"type": "http.response.body", "body": part, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _first_of(*works: Coroutine[None, None, None]) -> None:
    """Work until the first is done, and end the others. Raises what that one raises."""
    tasks = [asyncio.ensure_future(one) for one in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for one in tasks:
            one.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for one in done:
        one.result()


async def event_frames(
    ring: EventRing, wanted: Followed, *, after: int, holds: Callable[[], bool]
) -> AsyncGenerator[bytes]:
    """Yield the events after a position as server-sent events, for as long as `holds` is true.

    Each has its position as its id. In a silence the id alone is sent, with the position that the
    stream has come to: a client that comes again begins there. An event `erased` says up to which
    forgetting a sealed namespace's content has left the log, at the beginning and when that grows.
    An error ends the stream with an event `problem`.
    """
    yield b"retry: %d\n: anabranch\nid: %d\n\n" % (RETRY_MS, after)
    spoke, erased = time.monotonic(), 0
    followed = ring.followed(after, beat_s=BEAT_S, session=wanted.session)
    try:
        async with aclosing(followed):
            async for taken in followed:
                if not holds():
                    return
                frames = b"".join(one.frame for one in taken.events if wanted.wants(one.recorded))
                if (known := await ring.erased(wanted.namespace)) > erased:
                    erased = known
                    frames += b'event: erased\ndata: {"position":%d}\n\n' % erased
                if not frames and time.monotonic() - spoke >= PING_S:
                    frames = b": ping\nid: %d\n\n" % taken.position
                if frames:
                    yield frames
                    spoke = time.monotonic()
    except AnabranchError as error:
        yield b"event: problem\ndata: %b\n\n" % Problem.of(error, instead=FIXES).document()


async def event_lines(
    events: AsyncGenerator[Recorded], *, holds: Callable[[], bool]
) -> AsyncGenerator[bytes]:
    """Yield events as JSON lines, for as long as `holds` is true; an error is the last line."""
    try:
        async with aclosing(events):
            async for recorded in events:
                if not holds():
                    return
                yield orjson.dumps(line_of(recorded), option=orjson.OPT_APPEND_NEWLINE)
    except AnabranchError as error:
        yield b'{"problem":%b}\n' % Problem.of(error, instead=FIXES).document()
