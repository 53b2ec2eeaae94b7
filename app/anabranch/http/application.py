"""The HTTP application over an open backend: routes and documents, and the edge around them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fastapi import FastAPI
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request  # noqa: TC002 - FastAPI reads the annotations.
from starlette.responses import Response
from starlette.routing import Match, Route

from anabranch.api.admission import Gate
from anabranch.api.thoughts import EVERY
from anabranch.errors import AnabranchError, MethodRefused, RouteNotFound
from anabranch.http.access.bind import LOOPBACK
from anabranch.http.access.callers import OpenAccess
from anabranch.http.agents import PATH as AGENTS
from anabranch.http.agents import Agents
from anabranch.http.answers import JSON, refused
from anabranch.http.codings import Codings
from anabranch.http.documents import schemas
from anabranch.http.edge import Edge
from anabranch.http.events.ring import EventRing
from anabranch.http.events.routes import EventRoutes
from anabranch.http.health import health_of
from anabranch.http.metrics import REGISTRY
from anabranch.http.page_files import FILES, page_file
from anabranch.http.places import PLACES, STREAMED
from anabranch.http.routes import Desk, caller_of, check_everywhere
from anabranch.http.thinking import ServiceThinking
from anabranch.memory.namespaces import Namespaces
from anabranch.past.namespace_graphs import NamespaceGraphs
from anabranch_events.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection

    from starlette.types import ASGIApp, Receive, Scope, Send

    from anabranch.backend.backend import Backend
    from anabranch.http.access.callers import Access
    from anabranch_events import Log

ROOT: Final = "/v1"
_COMPRESSED_FROM: Final = 1024
_LEVEL: Final = 5


class HttpService:
    """The application for one backend, which may be opened after it.

    `observe` is called before the metrics are answered.
    """

    def __init__(
        self,
        backend: Callable[[], Backend],
        *,
        hosts: Collection[str] = LOOPBACK,
        access: Access | None = None,
        observe: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._backend = backend
        self._observe = observe
        self._access = OpenAccess() if access is None else access
        self._hosts = hosts
        self._ring = EventRing(lambda: self._backend().log)
        self._application: ASGIApp | None = None
        self._agents: Agents | None = None
        self._thinking: ServiceThinking | None = None
        self._graphs: NamespaceGraphs | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if self._application is None:
            self._application = self._made()
        await self._application(scope, receive, send)

    async def close(self) -> None:
        """End all streams and conversations, and give thoughts back; requests in work go on."""
        await self._ring.close()
        if self._thinking is not None:
            await self._thinking.close()
        if self._agents is not None:
            await self._agents.close()
        if self._graphs is not None:
            await self._graphs.close()

    async def resume(self) -> None:
        """Go on with thoughts that were begun before this service was."""
        await self._thinks().resume()

    def _thinks(self) -> ServiceThinking:
        if self._thinking is None:
            self._thinking = ServiceThinking(self._backend())
        return self._thinking

    def _made(self) -> ASGIApp:
        backend = self._backend()
        self._graphs = NamespaceGraphs(backend)
        gate = Gate()
        desk = Desk(
            Namespaces(backend),
            gate=gate,
            access=self._access,
            default=backend.settings.namespace,
            thinking=self._thinks(),
            graphs=self._graphs,
        )
        application = made(desk, self._ring)
        for path, answer in (
            ("/health", self._health),
            ("/metrics", self._metrics),
        ):
            application.add_api_route(path, answer, include_in_schema=False)
        self._agents = Agents(desk, gate=gate)
        application.router.routes += [
            Route(AGENTS, endpoint=self._agents),
            *(Route(path, endpoint=page_file, methods=["GET"]) for path in FILES),
        ]
        compressed = GZipMiddleware(
            application, minimum_size=_COMPRESSED_FROM, compresslevel=_LEVEL
        )
        return Edge(Codings(compressed), hosts=self._hosts, access=self._access)

    async def _health(self) -> Response:
        found = await health_of(self._backend())
        return Response(
            found.model_dump_json(exclude_none=True),
            status_code=200 if found.ok else 503,
            media_type=JSON,
        )

    async def _metrics(self, request: Request) -> Response:
        try:
            check_everywhere(caller_of(request), "metrics")
        except AnabranchError as error:
            return refused(error)
        if self._observe is not None:
            await self._observe()
        return Response(generate_latest(REGISTRY), media_type=CONTENT_TYPE_LATEST)


def made(desk: Desk, ring: EventRing) -> FastAPI:
    """Return the routes with their document; nothing but the document works without a backend."""
    application = FastAPI(
        title="Anabranch",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    events = EventRoutes(desk, ring)
    add = application.add_api_route
    add(f"{ROOT}/events/stream", events.stream, **schemas.of_stream())
    add(f"{ROOT}/replay", events.replay, **schemas.of_replay())
    by_name = {one.name: one for one in EVERY}
    for name, place in PLACES.items():
        operation = by_name[name]
        add(
            ROOT + place.path,
            desk.endpoint(operation),
            methods=[place.method],
            **schemas.of_operation(operation, place),
        )
    schemas.add_pages(application)
    application.add_exception_handler(HTTPException, _not_routed)
    return application


def described() -> dict[str, Any]:
    """Return the OpenAPI document; no backend is needed for it."""
    desk = Desk(None, gate=Gate(), access=OpenAccess(), default="default")
    return schemas.openapi(made(desk, EventRing(_no_log)))


def _no_log() -> Log:
    raise LookupError("what describes itself reads no log")


def _not_routed(request: Request, error: Any) -> Response:
    """Answer what has no route."""
    found: AnabranchError
    path = request.url.path
    if error.status_code == 404:
        found = RouteNotFound(path)
    elif error.status_code == 405:
        found = MethodRefused(request.method, path, allowed=_methods(request))
    else:
        found = Unavailable(str(error.detail), fix="send it again")
    return refused(found)


def _methods(request: Request) -> set[str]:
    """Return the methods that an address takes, of all routes that lead there."""
    routes = (one for one in request.app.router.routes if isinstance(one, Route))
    there = (one for one in routes if one.matches(request.scope)[0] is not Match.NONE)
    found = {method for one in there for method in one.methods or ()}
    return found | {"HEAD"} if "GET" in found and request.url.path not in STREAMED else found
