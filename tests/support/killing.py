"""Killing a nats-server and starting it again where its clients look for it."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, Self

from anabranch_events import NatsServer

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType


class MortalServer:
    """A nats-server that keeps its port over `kill` and `start`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._port = 0
        self._server: NatsServer | None = None
        self.url = ""
        self.token = ""

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._leave()

    @property
    def pid(self) -> int:
        """Its process; there must be one."""
        assert self._server is not None
        return self._server.pid

    async def start(self) -> None:
        """Start on the folder, on the port of the first time."""
        self._server = NatsServer(self.folder, port=self._port)
        await self._server.__aenter__()
        self.url, self.token = self._server.url, self._server.token
        self._port = int(self.url.rpartition(":")[2])

    async def kill(self) -> None:
        """End the server the hard way."""
        os.kill(self.pid, signal.SIGKILL)
        await self._leave()

    async def end(self) -> None:
        """Have the server end as it should."""
        await self._leave()

    async def _leave(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            await server.__aexit__(None, None, None)
