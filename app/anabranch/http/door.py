"""The door of the HTTP service: where it listens, and who may come in."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from anabranch.http.edge import LOOPBACK
from anabranch.http.server import HOST, listening, serving

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from anabranch.backend.backend import Backend


class Door:
    """A listener, and the service behind it once a backend is open. Raises PortTaken when made."""

    def __init__(self, *, host: str = HOST, port: int = 0) -> None:
        self._listener = listening(host, port)
        name, number = self._listener.getsockname()[:2]
        self.url = f"http://{f'[{name}]' if ':' in name else name}:{number}"

    @asynccontextmanager
    async def opened(
        self, backend: Backend, *, observe: Callable[[], Awaitable[None]] | None = None
    ) -> AsyncGenerator[None]:
        """Answer requests from `backend` for as long as this is open.

        `observe` is called before the metrics are answered.
        """
        from anabranch.http.application import HttpService

        service = HttpService(lambda: backend, hosts=LOOPBACK, observe=observe)
        async with serving(service, self._listener, ending=service.close):
            yield
