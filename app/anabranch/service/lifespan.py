"""The parts of `anabranch up` at work together: the projections, the commands, the HTTP service."""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any

from anabranch.backend.backend import SharedBackend
from anabranch.backend.embedder import opened_embedder
from anabranch.backend.projection_runner import MOVE, Projecting
from anabranch.commands.command_service import CommandService
from anabranch.commands.id_answers import answering_ids
from anabranch.commands.status_answers import answering_status
from anabranch.generations.erasing import erasing_files
from anabranch.home.folder import Home
from anabranch.mcp.listener import RelayListener, can_relay
from anabranch.memory.namespaces import Namespaces
from anabranch.service.session_following import following_sessions
from anabranch.service.settling import settling_memory
from anabranch.service.tracing import measuring, tracing

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from faststream._internal.types import BrokerMiddleware
    from faststream.nats import NatsBroker
    from opentelemetry.sdk.trace import TracerProvider

    from anabranch.home.runtime_file import RelayAddress
    from anabranch.home.servers import Servers
    from anabranch.http.door import Door
    from anabranch.service.otlp_receiver import OtlpReceiver
    from anabranch.service.projection_metrics import ProjectionMetrics
    from anabranch.settings import Settings


class Serving:
    """Folds the log into the graph and answers commands on one broker, for one life.

    Raises PortTaken and ExporterMissing when it is made.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        http_port: int | None,
        watches_sessions: bool = False,
        takes_spans: bool = False,
    ) -> None:
        self._stack = AsyncExitStack()
        self._commands: CommandService | None = None
        self._backend: SharedBackend | None = None
        self._observed: ProjectionMetrics | None = None
        self._tracer = _tracer_of(settings)
        self._door: Door | None = None
        self._watches_sessions = watches_sessions
        self._receiver: OtlpReceiver | None = None
        self.relay: RelayAddress | None = None
        if takes_spans:
            from anabranch.service.otlp_receiver import OtlpReceiver

            self._receiver = OtlpReceiver(settings)
        if http_port is not None:
            from anabranch.http.access.bind import Bind
            from anabranch.http.door import Door

            self._door = Door(Bind(port=http_port), home=Home(settings.home))

    @property
    def http_url(self) -> str | None:
        """Where the HTTP service is, if there is one."""
        return self._door.url if self._door else None

    @property
    def otlp_url(self) -> str | None:
        """Where spans are taken, if they are."""
        return self._receiver.url if self._receiver else None

    async def run(
        self, servers: Servers, broker: NatsBroker, *, ready: Callable[[], Awaitable[None]]
    ) -> None:
        """Run until SIGTERM or Ctrl-C; `ready` is called once requests are taken."""
        from faststream import FastStream

        @asynccontextmanager
        async def lifespan() -> AsyncGenerator[None]:
            try:
                await self._open(servers, broker)
                yield
            finally:
                await self._stack.aclose()
                if self._tracer is not None:
                    self._tracer.shutdown()

        async def started() -> None:
            if self._commands is not None:
                await self._commands.settle(await broker.connect())
            await ready()

        service = FastStream(
            broker,
            logger=None,
            lifespan=lifespan,
            after_startup=[started],
            on_shutdown=[self._drain],
        )
        await service.run()

    async def _open(self, servers: Servers, broker: NatsBroker) -> None:
        """Open the log, fold it into the graph, and take commands."""
        enter = self._stack.enter_async_context
        embedder = await enter(opened_embedder(servers.settings))
        log = await enter(servers.connect_log())
        projecting = await enter(Projecting(servers, log, embedder))
        self._backend = await enter(SharedBackend(servers, log, embedder))
        self._backend.projecting = projecting
        if self._tracer is not None:
            from anabranch.backend.tracing import OtelTracer

            self._backend.tracer = OtelTracer(self._tracer)
        await enter(erasing_files(self._backend))

        if self._door is not None:
            self._observed = self._registered(projecting, self._backend)

        @broker.subscriber(MOVE, include_in_schema=False)
        async def move(order: str) -> str:  # pyright: ignore[reportUnusedFunction]  # FastStream calls it.
            return await projecting.asked(order)

        await enter(answering_status(self._backend))
        await enter(answering_ids(self._backend))
        if self._watches_sessions:
            await enter(following_sessions(self._backend))
        if self._receiver is not None:
            await enter(self._receiver.opened(log, saw=self._backend.saw))
        if self._door is not None:
            await enter(self._door.opened(self._backend, observe=self._observe))
        if log.rights != "all":
            return  # Commands write events of every namespace.
        namespaces = Namespaces(self._backend)
        if servers.settings.consolidate:
            await enter(settling_memory(self._backend, namespaces))
        if can_relay():
            self.relay = await enter(RelayListener(namespaces).opened())
        self._commands = CommandService(namespaces, middlewares=self._middlewares())
        broker.include_router(self._commands.router)

    def _middlewares(self) -> list[BrokerMiddleware[Any, Any]]:
        found: list[BrokerMiddleware[Any, Any]] = []
        if self._tracer is not None:
            found.append(tracing(self._tracer))
        if self._door is not None:
            found.append(measuring())
        return found

    def _registered(self, projecting: Projecting, backend: SharedBackend) -> ProjectionMetrics:
        """Return the projections' metrics, which the registry has while they are served."""
        from anabranch.http.metrics import REGISTRY
        from anabranch.service.projection_metrics import ProjectionMetrics

        made = ProjectionMetrics(projecting, backend)
        REGISTRY.register(made)
        self._stack.callback(REGISTRY.unregister, made)
        return made

    async def _observe(self) -> None:
        if self._observed is not None:
            await self._observed.observe()

    async def _drain(self) -> None:
        if self._commands is not None:
            await self._commands.drain()


def _tracer_of(settings: Settings) -> TracerProvider | None:
    """Return what sends traces, where the settings have them sent. Raises ExporterMissing."""
    if not settings.trace_exporters:
        return None
    from anabranch.backend.tracing import tracer_provider

    return tracer_provider(settings.trace_exporters)
