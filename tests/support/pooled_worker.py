"""A worker of a pool, as quick to start as may be: the arguments say where, and under which name.

It drains by a signal of the queue, by SIGTERM, and once its stdin ends where that is a pipe. The
token stands in a file, as it does for jobs of a cluster.
"""

from __future__ import annotations

import asyncio
import os
import signal
import stat
import sys
from pathlib import Path

from anabranch_events import Log
from anabranch_thinking import BranchContext, CallableExecutor
from anabranch_thinking.work.fabric import Fabric
from anabranch_thinking.work.worker import Worker


async def nap(branch: BranchContext) -> str:
    """Find something after the seconds that the task says, or once the file is there."""
    until = branch.task.split()[-1]
    if Path(until).is_absolute():
        while not Path(until).exists():  # noqa: ASYNC110, ASYNC240 - another process makes it.
            await asyncio.sleep(0.05)
    else:
        await asyncio.sleep(float(until))
    return f"Found by process {os.getpid()}."


async def main(url: str, token_file: str, namespace: str, silence_s: str, name: str) -> None:
    """Work on two branches at a time."""
    token = (await asyncio.to_thread(Path(token_file).read_text)).strip()
    async with Log.connect(url, token=token) as log:
        worker = Worker(
            Fabric.over(log),
            namespace=namespace,
            executors={"nap": CallableExecutor(nap)},
            slots=2,
            silence_s=float(silence_s),
            grace_s=20,
            name=name,
        )
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, worker.drain)
        if stat.S_ISFIFO(os.fstat(0).st_mode):
            loop.add_reader(0, worker.drain)  # Nobody writes to it: it can only end.
        await worker.run()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
