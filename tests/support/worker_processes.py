"""Worker processes, each of which is a joiner too, of whom any may be killed or frozen."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from typing import TYPE_CHECKING, Self

from tests.support.patience import PATIENCE_S
from tests.support.repository import ROOT

if TYPE_CHECKING:
    from random import Random

    from tests.support.killing import MortalServer

SILENCE_S = 1.0


class WorkerProcesses:
    """Some processes of `tests.support.working_process` on a server; a nap takes `nap_s`."""

    def __init__(
        self,
        server: MortalServer,
        *,
        namespace: str,
        count: int = 3,
        nap_s: float = 0.05,
        slots: int = 8,
    ) -> None:
        self._server = server
        self._namespace = namespace
        self._count = count
        self._nap_s = nap_s
        self._slots = slots
        self._processes: list[asyncio.subprocess.Process] = []

    async def __aenter__(self) -> Self:
        await asyncio.gather(*(self._start() for _ in range(self._count)))
        return self

    async def __aexit__(self, *_: object) -> None:
        for process in self._processes:
            if process.returncode is None:
                process.kill()
        await asyncio.gather(*(process.wait() for process in self._processes))

    @property
    def pids(self) -> list[int]:
        """The processes that are at work by now."""
        return [process.pid for process in self._processes]

    async def _start(self) -> None:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.support.working_process"),
            *(self._server.url, self._server.token, self._namespace),
            *(str(SILENCE_S), str(self._nap_s), str(self._slots)),
            cwd=ROOT,
            stdout=asyncio.subprocess.PIPE,
        )
        self._processes.append(process)
        assert process.stdout is not None
        async with asyncio.timeout(PATIENCE_S):
            assert await process.stdout.readline() == b"ready\n"

    async def kill_one(self, chance: Random) -> None:
        """End one the hard way, and start another."""
        process = self._processes.pop(chance.randrange(len(self._processes)))
        process.kill()
        await process.wait()
        await self._start()

    async def freeze_one(self, chance: Random) -> None:
        """Stop one for longer than it may be silent, and let it go on."""
        process = chance.choice(self._processes)
        os.kill(process.pid, signal.SIGSTOP)
        try:
            await asyncio.sleep(2 * SILENCE_S)
        finally:
            os.kill(process.pid, signal.SIGCONT)

    async def end_one(self, chance: Random) -> None:
        """Have one end as it should, and start another."""
        process = self._processes.pop(chance.randrange(len(self._processes)))
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(PATIENCE_S):
            assert await process.wait() == 0
        await self._start()
