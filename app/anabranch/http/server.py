"""The HTTP server: uvicorn over a listener of ours, with bounds on slow and silent clients."""

from __future__ import annotations

import asyncio
import socket
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any, Final

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from anabranch.errors import PortTaken

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Generator

    from starlette.types import ASGIApp

CONNECTIONS_MAX: Final = 1024
HEAD_TIMEOUT_S: Final = 10.0
WRITE_TIMEOUT_S: Final = 30.0
_KEEP_ALIVE_S: Final = 15
_END_TIMEOUT_S: Final = 3
HEAD_BYTES_MAX: Final = 32 * 1024
_BACKLOG: Final = 512


class BoundedProtocol(H11Protocol):
    """One connection: it ends when a request's head, or the reading of an answer, takes too long.

    uvicorn itself bounds only the pause between two requests.
    """

    head_timeout_s = HEAD_TIMEOUT_S
    write_timeout_s = WRITE_TIMEOUT_S
    connections_max = CONNECTIONS_MAX
    _head: asyncio.TimerHandle | None = None
    _stuck: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Take a connection, if there is room for it."""
        super().connection_made(transport)
        if len(self.connections) > self.connections_max:
            transport.abort()
            return
        self._watch_head()

    def data_received(self, data: bytes) -> None:
        """Take a part of a request."""
        super().data_received(data)
        self._watch_head()

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        super().on_response_complete()
        self._watch_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._forget_head()
        self._forget_stuck()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Begin to wait for a client that does not read."""
        super().pause_writing()
        if self._stuck is None:
            self._stuck = self.loop.call_later(self.write_timeout_s, self.transport.abort)

    def resume_writing(self) -> None:
        """Go on with a client that reads again."""
        self._forget_stuck()
        super().resume_writing()

    def _watch_head(self) -> None:
        """Bound the time in which the head of a request must come whole.

        Between two requests uvicorn's own bound holds, until the first byte of the next.
        """
        if self.conn.their_state is not h11.IDLE:
            self._forget_head()
        elif self._head is None and self.timeout_keep_alive_task is None:
            self._head = self.loop.call_later(self.head_timeout_s, self.transport.abort)

    def _forget_head(self) -> None:
        if self._head is not None:
            self._head.cancel()
            self._head = None

    def _forget_stuck(self) -> None:
        if self._stuck is not None:
            self._stuck.cancel()
            self._stuck = None


class _Server(uvicorn.Server):
    """uvicorn, without its way with signals: it raises them again, and so ends the process."""

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


def listening(host: str, port: int) -> socket.socket:
    """Return a socket that listens. Raises PortTaken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio sends at once only where a socket says that it is TCP. Others answer 40 ms late.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise PortTaken(
            f"port {port} of {host} cannot be listened on: {error.strerror or error}",
            fix="name another port, or 0 for a free one",
        ) from error
    return listener


@asynccontextmanager
async def serving(
    application: ASGIApp,
    listener: socket.socket,
    *,
    ending: Callable[[], Awaitable[None]],
    certificate: tuple[str, str] | None = None,
) -> AsyncGenerator[None]:
    """Serve an application on a listener for as long as this is open.

    At the end `ending` is called first, so that streams end by themselves; what is still in work
    has a few seconds. `certificate` names the files of a TLS certificate and its key.
    """
    config = uvicorn.Config(
        application,
        http=BoundedProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        h11_max_incomplete_event_size=HEAD_BYTES_MAX,
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=_END_TIMEOUT_S,
        ssl_certfile=certificate[0] if certificate else None,
        ssl_keyfile=certificate[1] if certificate else None,
    )
    server = _Server(config)
    running = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield
    finally:
        await ending()
        server.should_exit = True
        await running
        listener.close()
