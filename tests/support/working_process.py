"""A process that works on branches and joins them, until it is killed or asked to end."""

from __future__ import annotations

import asyncio
import signal
import sys

from anabranch_events import Log
from anabranch_thinking import BranchContext, CallableExecutor
from anabranch_thinking.work.fabric import Fabric
from anabranch_thinking.work.joiner import Joiner
from anabranch_thinking.work.worker import Worker


async def nap(branch: BranchContext) -> str:
    """Find something, slowly."""
    await asyncio.sleep(0.05)
    return f"Found for {branch.task}."


async def main(url: str, token: str, namespace: str, silence_s: str) -> None:
    """Work on eight branches at a time."""
    async with Log.connect(url, token=token) as log:
        fabric = Fabric.over(log)
        worker = Worker(
            fabric,
            namespace=namespace,
            executors={"nap": CallableExecutor(nap)},
            slots=8,
            silence_s=float(silence_s),
            grace_s=10,
        )
        joiner = asyncio.create_task(Joiner(fabric, silence_s=float(silence_s)).run())
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, worker.drain)
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        await worker.run()
        joiner.cancel()
        await asyncio.gather(joiner, return_exceptions=True)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
