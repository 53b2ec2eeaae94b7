"""A pool of processes on this machine: they end with the scaler, also when that is killed."""

from __future__ import annotations

import asyncio
from asyncio.subprocess import DEVNULL, PIPE
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from anabranch_thinking.errors import PoolFailed
from anabranch_thinking.pools.pool import PoolWorker

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import Callable, Mapping, Sequence

MARGIN_S: Final = 10.0
"""The time that a worker may take to end, beside that for the branches in work."""
_POLL_S: Final = 0.05


class ProcessPool:
    """Workers as child processes: `command` returns the arguments that start one of that name.

    A worker must drain once its stdin ends. We hold the other end of that pipe, and the operating
    system closes it for us if we are killed. `grace_s` is how long draining may take.
    """

    def __init__(
        self, prefix: str, command: Callable[[str], Sequence[str]], *, grace_s: float
    ) -> None:
        self.prefix = prefix
        self._command = command
        self._grace_s = grace_s
        self._processes: dict[str, Process] = {}

    async def submit(self, name: str) -> str:
        """Start a worker; return the number of its process. Raises PoolFailed."""
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command(name),
                stdin=PIPE,
                stdout=DEVNULL,
                start_new_session=True,  # Ctrl-C is for us: we drain them.
            )
        except OSError as error:
            raise PoolFailed(
                f"a worker cannot be started: {error}", fix="check that this machine has room"
            ) from error
        self._processes[name] = process
        return str(process.pid)

    async def cancel(self, worker: PoolWorker) -> None:
        """Drain a worker: none of ours waits."""
        process = self._processes.get(worker.name)
        if process is not None:
            _let_go(process)

    async def list(self, noted: Mapping[str, str | None]) -> list[PoolWorker]:
        """Return the workers whose processes run; those of another scaler end with it."""
        del noted
        self._processes = {
            name: one for name, one in self._processes.items() if one.returncode is None
        }
        return [PoolWorker(name, str(one.pid)) for name, one in self._processes.items()]

    async def close(self) -> None:
        """Drain all workers, and wait until they have ended; kill those that do not end."""
        running = list(self._processes.values())
        for process in running:
            _let_go(process)
        with suppress(TimeoutError):
            async with asyncio.timeout(self._grace_s + MARGIN_S):
                for process in running:
                    await _ended(process)
        for process in running:
            if process.returncode is None:
                process.kill()
                await _ended(process)


def _let_go(process: Process) -> None:
    if process.stdin is not None:
        process.stdin.close()


async def _ended(process: Process) -> None:
    # `process.wait()` waits for its pipes, too, which a process of the worker's may hold open.
    while process.returncode is None:  # noqa: ASYNC110 - the child watcher sets it, and tells nobody.
        await asyncio.sleep(_POLL_S)
