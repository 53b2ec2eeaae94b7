"""An endpoint of OTLP/HTTP: spans of agents, from whatever is instrumented, become sessions.

A trace is imported once all that its spans hang on has come, or nothing came for a while. Only
this machine's own programs reach it.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Final

from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from anabranch.errors import HomeFull, TooManyRequests
from anabranch.home.folder import Home
from anabranch.http.access.bind import HOST, LOOPBACK
from anabranch.http.access.callers import OpenAccess
from anabranch.http.answers import refused
from anabranch.http.edge import Edge
from anabranch.http.server import listening, serving
from anabranch.importers.drift import note_unknown_records
from anabranch.importers.importer import Importer, ImportOptions
from anabranch.importers.reader import Source
from anabranch.service.otlp_requests import CODINGS, answer_of, media_of, request_in
from anabranch.service.span_spool import RETRY_AFTER_S, SpanSpool
from anabranch_events.errors import AnabranchError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from starlette.requests import Request

    from anabranch.settings import Settings
    from anabranch_events import Event, Log

PATH: Final = "/v1/traces"
_TOGETHER_S: Final = 0.2
_LOOK_EACH_S: Final = 1.0
_RETRY_EACH_S: Final = 2.0
_log: Final = logging.getLogger("anabranch")


class OtlpReceiver:
    """A listener, and the import of the spans that come once a log is open.

    Raises PortTaken when it is made.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._home = Home(settings.home)
        self._spool = SpanSpool(self._home.spans)
        self._writing = asyncio.Lock()
        self._changed: set[str] = set()
        self._came = asyncio.Event()
        self._listener = listening(HOST, settings.otlp_port)
        self.url = f"http://{HOST}:{self._listener.getsockname()[1]}"

    @asynccontextmanager
    async def opened(
        self, log: Log, *, saw: Callable[[Event, int], None] | None = None
    ) -> AsyncGenerator[None]:
        """Take spans, and import them into the namespace of the settings, until it is left."""
        await asyncio.to_thread(self._spool.open)
        self._changed = set(self._spool.traces)
        task = asyncio.create_task(self._follow(log, saw), name="importing spans")
        # Both paths: Python's exporter takes a redirect for success, and its spans would be lost.
        paths = (PATH, f"{PATH}/")
        application = Starlette(
            routes=[Route(one, self._export, methods=["POST"]) for one in paths]
        )
        edge = Edge(application, hosts=LOOPBACK, access=OpenAccess(), codings=CODINGS)
        try:
            async with serving(edge, self._listener, ending=_nothing):
                yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _export(self, request: Request) -> Response:
        """Answer a request once its spans are in files: from then on none is lost."""
        media, encoding = (
            request.headers.get(f"content-{one}", "") for one in ("type", "encoding")
        )
        try:
            body = await request.body()
            asked = await asyncio.to_thread(request_in, body, media=media, encoding=encoding)
            async with self._writing:
                traces, rejected = await asyncio.to_thread(self._spool.keep, asked)
        except HomeFull as error:
            return refused(TooManyRequests(RETRY_AFTER_S, message=error.message, fix=error.fix))
        except AnabranchError as error:
            return refused(error)
        self._changed |= traces
        self._came.set()
        media = media_of(media)
        return Response(answer_of(media, rejected=rejected), media_type=media)

    async def _follow(self, log: Log, saw: Callable[[Event, int], None] | None) -> None:
        """Import until it is cancelled; what the log did not take is tried again."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_EACH_S):
                    await self._came.wait()
            self._came.clear()
            await asyncio.sleep(_TOGETHER_S)
            for trace_id in self._due():
                self._changed.discard(trace_id)
                importer = Importer(log, ImportOptions(self._settings.namespace), saw=saw)
                await self._imported(importer, trace_id)
            async with self._writing:
                waiting = frozenset(self._changed)
                await asyncio.to_thread(self._spool.drop_old, waiting=waiting)

    def _due(self) -> list[str]:
        """Return the traces that changed and are whole, or waited long enough; the oldest first."""
        quiet_since = self._spool.now() - self._settings.otlp_wait_s
        found: list[str] = []
        for trace_id in list(self._changed):
            trace = self._spool.traces.get(trace_id)
            if trace is None:
                self._changed.discard(trace_id)
            elif trace.speaks and (trace.is_whole or trace.came < quiet_since):
                found.append(trace_id)
        return sorted(found, key=lambda trace_id: self._spool.traces[trace_id].began)

    async def _imported(self, importer: Importer, trace_id: str) -> None:
        path = self._spool.traces[trace_id].path
        try:
            await importer.source(Source("otel", (path,)))
        except AnabranchError as error:
            _log.warning("trace %s: %s; it is tried again", trace_id, error.message)
            self._changed.add(trace_id)
            await asyncio.sleep(_RETRY_EACH_S)
        except Exception:  # noqa: BLE001 - whatever it is, other traces go on.
            _log.exception("trace %s cannot be imported", trace_id)
        note_unknown_records(self._home, importer.tally.unknown)


async def _nothing() -> None:
    """Wait for nothing at the end: requests are short."""
