"""A process that works on branches and joins them, until it is killed or asked to end."""

from __future__ import annotations

import asyncio
import signal
import sys

from anabranch.backend.gc_tuning import collect_seldom
from anabranch_events import Log
from anabranch_thinking import BranchContext, BranchTask, CallableExecutor, ForkedWork
from anabranch_thinking.work.fabric import Fabric
from anabranch_thinking.work.joiner import Joiner
from anabranch_thinking.work.worker import Worker


async def empty(branch: BranchContext) -> str:
    """Find something at once."""
    return f"Found for {branch.task}."


async def grow(branch: BranchContext) -> ForkedWork:
    """Pass the work on to as many forks as the task's last word says, which find something."""
    count = int(branch.task.split()[-1])
    return ForkedWork(
        [BranchTask(task=f"{branch.task}: leaf {one}", executor="empty") for one in range(count)]
    )


async def main(url: str, token: str, namespace: str, *terms: str) -> None:
    """Work; the terms are the silence and a nap in seconds, and the slots."""
    silence_s, nap_s, slots = map(float, terms)
    collect_seldom()

    async def nap(branch: BranchContext) -> str:
        await asyncio.sleep(nap_s)
        return f"Found for {branch.task}."

    async with Log.connect(url, token=token) as log:
        fabric = Fabric.over(log)
        worker = Worker(
            fabric,
            namespace=namespace,
            executors={"nap": CallableExecutor(nap)}
            | {one.__name__: CallableExecutor(one) for one in (empty, grow)},
            slots=int(slots),
            silence_s=silence_s,
            grace_s=10,
        )
        joiner = asyncio.create_task(Joiner(fabric).run())
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, worker.drain)
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        await worker.run()
        joiner.cancel()
        await asyncio.gather(joiner, return_exceptions=True)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
