"""An HTTP service that is killed, and started again where its clients look for it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from typing import TYPE_CHECKING

from tests.support.patience import PATIENCE_S

if TYPE_CHECKING:
    from anabranch_events import NatsServer

SERVICE = """
import asyncio, sys
from anabranch.backend.backend import SharedBackend
from anabranch.home.servers import Servers
from anabranch.http.application import HttpService
from anabranch.http.bind import HOST
from anabranch.http.server import listening, serving
from anabranch.settings import Settings
from anabranch_events import Log

async def main(url, token, port):
    async with Log.connect(url, token=token) as log:
        backend = SharedBackend(Servers(Settings()), log, None)
        service = HttpService(lambda: backend)
        async with serving(service, listening(HOST, int(port)), ending=service.close):
            print("ready", flush=True)
            await asyncio.Event().wait()

asyncio.run(main(*sys.argv[1:]))
"""


class MortalService:
    """A service in a process of its own, that is killed and started again on the same port."""

    def __init__(self, server: NatsServer, port: int) -> None:
        self._arguments = (server.url, server.token or "", str(port))
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start it, and return once it listens."""
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", SERVICE, *self._arguments), stdout=asyncio.subprocess.PIPE
        )
        assert self._process.stdout is not None
        line = await asyncio.wait_for(self._process.stdout.readline(), PATIENCE_S)
        assert line == b"ready\n"

    async def kill(self) -> None:
        """Kill it, without a chance to say anything."""
        if self._process is not None:
            os.kill(self._process.pid, signal.SIGKILL)
            await self._process.wait()
