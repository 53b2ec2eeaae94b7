"""The servers that a process runs over its home: those that the settings do not name elsewhere."""

from __future__ import annotations

import asyncio
import socket
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Final, Self

from anabranch.errors import PortTaken, ServerEnded, from_os_error
from anabranch.home.runtime_file import LogAddress, Ports, named_graph, named_log
from anabranch.home.tenants_file import write_credentials
from anabranch_events import NatsServer
from anabranch_store import EmbeddedGraph, GraphAddress
from anabranch_store.embedded.server import free_ports, is_free

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from anabranch.home.folder import Home
    from anabranch.settings import Settings
    from anabranch_events import Tenant

_WATCH_PAUSE_S: Final = 1.0


class OwnServers:
    """The log's and the graph's server of a home's owner; `log` and `graph` say where they are.

    `brief` is for an owner that will not live long. `tenants` may use the log's server too. `ports`
    are those of the owner before: where they are free, its clients find the servers again.
    """

    log: LogAddress
    graph: GraphAddress

    def __init__(
        self,
        home: Home,
        settings: Settings,
        *,
        brief: bool,
        tenants: Sequence[Tenant] | None = None,
        ports: Ports | None = None,
    ) -> None:
        self._home = home
        self._ports = ports or Ports()
        self._tenants = tenants
        self._settings = settings
        self._brief = brief
        self._embedded: EmbeddedGraph | None = None
        self._running: dict[str, Callable[[], bool]] = {}
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def point_to(self, database: str) -> GraphAddress:
        """Serve another database of the embedded graph from now on; return where it is."""
        if self._embedded is not None:
            await self._embedded.point_to(database)
            self.graph = self._embedded.address
        return self.graph

    @property
    def running(self) -> bool:
        """True while all of them run."""
        return all(running() for running in self._running.values())

    async def watch(self) -> None:
        """Wait until one of the servers ends by itself. Raises ServerEnded then."""
        while True:
            await asyncio.sleep(_WATCH_PAUSE_S)
            for name, running in self._running.items():
                if not running():
                    raise ServerEnded(
                        f"the {name} of {self._home.folder} has ended by itself",
                        fix="start again: what was acknowledged is on disk; the server's own log "
                        "in the home says why it ended",
                    )

    async def _start(self) -> None:
        """Start both servers side by side.

        When one fails the other may finish its start, and ends when this closes. Asyncio does not
        bear that the making of a child process is cancelled half way (it waits for ever).
        """
        log, graph = await asyncio.gather(
            self._log_server(), self._graph_server(), return_exceptions=True
        )
        if isinstance(log, BaseException):
            raise log
        if isinstance(graph, BaseException):
            raise graph
        self.log, self.graph = log, graph

    async def _log_server(self) -> LogAddress:
        named = named_log(self._settings)
        if named is not None:
            return named
        port = _free(self._settings.nats_port, setting="ANABRANCH_NATS_PORT")
        if not port and self._ports.log and is_free(self._ports.log):
            port = self._ports.log
        durability = self._settings.durability
        server = NatsServer(
            self._home.log,
            durability=durability,
            port=port,
            tenants=self._tenants,
        )
        await self._entered(server)
        self._running["nats-server"] = lambda: server.running
        if self._tenants is None:
            self._home.credentials.unlink(missing_ok=True)
        else:
            write_credentials(self._home, self._tenants, url=server.url, passwords=server.passwords)
        return LogAddress(url=server.url, token=server.token or None, durability=durability)

    async def _graph_server(self) -> GraphAddress:
        named = named_graph(self._settings)
        if named is not None:
            return named
        folder = self._home.graph_of(self._settings.nats_url)
        engine = self._settings.embedded_engine
        server = EmbeddedGraph(folder, brief=self._brief, engine=engine, ports=self._graph_ports())
        await self._entered(server)
        if self._settings.graph_port:
            _taken_by_us(server.address.uri, self._settings.graph_port)
        self._embedded = server
        self._running["embedded graph"] = lambda: server.running  # A zombie still has its pid.
        return server.address

    def _graph_ports(self) -> tuple[int, int] | None:
        """Return the ports of Bolt and HTTP: the one that is set, else those of the last start."""
        port = _free(self._settings.graph_port, setting="ANABRANCH_GRAPH_PORT")
        before = self._ports.graph
        if not port:
            return before
        free = before is not None and before[1] != port and is_free(before[1])
        return (port, before[1] if before is not None and free else free_ports(1)[0])

    async def _entered(self, server: NatsServer | EmbeddedGraph) -> None:
        """Start the server, to end when this closes."""
        try:
            await self._stack.enter_async_context(server)
        except OSError as error:
            raise from_os_error(error, self._home.folder) from error


def _taken_by_us(uri: str, port: int) -> None:
    """Check that the graph took the port that is set. Raises PortTaken where another was faster."""
    if not uri.endswith(f":{port}"):
        raise _port_taken(port, "another process took it", setting="ANABRANCH_GRAPH_PORT")


def _port_taken(port: int, reason: object, *, setting: str) -> PortTaken:
    return PortTaken(
        f"port {port} is taken: {reason}",
        fix=f"end the process that listens there, or set {setting} to another port, or to 0 for a "
        "free one",
    )


def _free(port: int, *, setting: str) -> int:
    """Return `port` if nobody listens on it. Raises PortTaken."""
    if port:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError as error:
                raise _port_taken(port, error.strerror or error, setting=setting) from error
    return port
