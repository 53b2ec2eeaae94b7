"""Pages that `anabranch up --http` serves on 127.0.0.1: its health, its metrics, its commands."""

from __future__ import annotations

import asyncio
import signal
import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, cast

import uvicorn
from faststream.asgi import AsgiFastStream, AsgiResponse, AsyncAPIRoute, get
from prometheus_client import make_asgi_app
from pydantic import BaseModel, ConfigDict

from anabranch.commands.asyncapi import CommandSpecification
from anabranch.errors import AnabranchError, PortTaken
from anabranch.service.metrics import REGISTRY

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Generator

    from faststream.asgi.types import ASGIApp, Receive, Scope, Send
    from faststream.nats import NatsBroker

    from anabranch.backend.backend import Backend

HOST: Final = "127.0.0.1"
_HEALTH_TIMEOUT_S: Final = 3.0
_END_TIMEOUT_S: Final = 3
_JSON: Final = {"Content-Type": "application/json"}


class _Server(uvicorn.Server):
    """uvicorn, without its way with signals: it raises them again, and so ends the process."""

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


class HttpPages:
    """Serves the pages for as long as the service lives. Raises PortTaken when it is made.

    `health` is asked for what `/health` says; `observe` is called before `/metrics` is answered.
    """

    def __init__(
        self,
        port: int,
        *,
        health: Callable[[], Awaitable[Health]],
        observe: Callable[[], Awaitable[None]],
    ) -> None:
        self._health = health
        self._observe = observe
        self._registered = cast("ASGIApp", make_asgi_app(registry=REGISTRY))
        self._listener = _listening(port)
        self.url = f"http://{HOST}:{self._listener.getsockname()[1]}"

    def application(self, broker: NatsBroker, **options: Any) -> AsgiFastStream:
        """Return the service with its pages, to be run by `run`."""
        return AsgiFastStream(
            broker,
            logger=None,
            specification=CommandSpecification(broker),
            # The page that would send commands from a browser has no place here.
            asyncapi_path=AsyncAPIRoute("/asyncapi", try_it_out_path=None),
            asgi_routes=[
                ("/health", get(self._answer_health, include_in_schema=False)),
                ("/metrics", self._answer_metrics),
            ],
            **options,
        )

    async def run(self, application: AsgiFastStream) -> None:
        """Run the service and serve its pages until SIGTERM or Ctrl-C."""
        config = uvicorn.Config(
            application,
            lifespan="off",
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=_END_TIMEOUT_S,
        )
        server = _Server(config)
        asked_to_end = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, asked_to_end.set)
        try:
            async with application.start_lifespan_context():
                serving = asyncio.create_task(server.serve(sockets=[self._listener]))
                try:
                    await asked_to_end.wait()
                finally:
                    server.should_exit = True
                    await serving
        finally:
            self._listener.close()

    async def _answer_metrics(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._observe()
        await self._registered(scope, receive, send)

    async def _answer_health(self, _scope: object) -> AsgiResponse:
        found = await self._health()
        return AsgiResponse(
            found.model_dump_json(exclude_none=True).encode(), 200 if found.ok else 503, _JSON
        )


class Part(BaseModel):
    """One server that the service needs; `reason` says why it cannot be used."""

    model_config = ConfigDict(frozen=True)
    ok: bool
    position: int | None = None
    reason: str | None = None


class Health(BaseModel):
    """Health: whether the log and the graph can be reached."""

    model_config = ConfigDict(frozen=True)
    ok: bool
    log: Part
    graph: Part


async def health_of(backend: Backend) -> Health:
    """Ask the log for its end and the graph for its checkpoint, within a few seconds."""

    async def end_of_log() -> int:
        return (await backend.log.bounds()).last

    async def end_of_graph() -> int:
        return await (await backend.graph()).checkpoint("graph")

    log, graph = await asyncio.gather(_part(end_of_log()), _part(end_of_graph()))
    return Health(ok=log.ok and graph.ok, log=log, graph=graph)


async def _part(asking: Coroutine[None, None, int]) -> Part:
    try:
        async with asyncio.timeout(_HEALTH_TIMEOUT_S):
            return Part(ok=True, position=await asking)
    except AnabranchError as error:
        return Part(ok=False, reason=error.message)
    except TimeoutError:
        return Part(ok=False, reason=f"no answer within {_HEALTH_TIMEOUT_S:g} s")


def _listening(port: int) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except OSError as error:
        listener.close()
        raise PortTaken(
            f"port {port} cannot be listened on: {error.strerror or error}",
            fix="name another port with --http, or 0 for a free one",
        ) from error
    return listener
