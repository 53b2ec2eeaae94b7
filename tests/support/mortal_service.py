"""An HTTP service that is killed, and started again where its clients look for it."""

from __future__ import annotations

import asyncio
import multiprocessing
from typing import TYPE_CHECKING, Final

from anabranch.backend.backend import SharedBackend
from anabranch.home.servers import Servers
from anabranch.http.access.bind import HOST
from anabranch.http.application import HttpService
from anabranch.http.server import listening, serving
from anabranch.settings import Settings
from anabranch_events import Log
from tests.support.patience import PATIENCE_S

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.context import ForkServerProcess

    from anabranch_events import NatsServer

_FORKS: Final = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload([__name__, "pytest"])


class MortalService:
    """A service in a process of its own, that is killed and started again on the same port.

    Its processes are forked from one that has imported everything: a start takes milliseconds, and
    a test has time for many kills.
    """

    def __init__(self, server: NatsServer, port: int) -> None:
        self._server = server
        self._port = port
        self._process: ForkServerProcess | None = None

    async def start(self) -> None:
        """Start it, and return once it listens."""
        ready, listens = _FORKS.Pipe(duplex=False)
        arguments = (self._server.url, self._server.token or "", self._port, listens)
        self._process = _FORKS.Process(target=_serve, args=arguments, daemon=True)
        self._process.start()
        listens.close()
        with ready:
            assert await asyncio.to_thread(ready.poll, PATIENCE_S)
            assert ready.recv()

    async def kill(self) -> None:
        """Kill it, without a chance to say anything."""
        if self._process is not None:
            self._process.kill()
            await asyncio.to_thread(self._process.join)


def _serve(url: str, token: str, port: int, listens: Connection) -> None:
    asyncio.run(_served(url, token, port, listens))


async def _served(url: str, token: str, port: int, listens: Connection) -> None:
    async with Log.connect(url, token=token) as log:
        backend = SharedBackend(Servers(Settings()), log, None)
        service = HttpService(lambda: backend)
        async with serving(service, listening(HOST, port), ending=service.close):
            listens.send(True)
            listens.close()
            await asyncio.Event().wait()
