"""A process that thinks until it is killed, and says of each event that it was acknowledged."""

from __future__ import annotations

import asyncio
import sys

from anabranch_events import Event, Log
from anabranch_thinking import BranchContext, CallableExecutor, Sessions, think


def acknowledged(event: Event, position: int) -> None:
    """Write one line at once: what is on it has happened, whatever happens next."""
    kind = event.type.split(".")[2]
    sys.stdout.write(f"{position} {event.id} {event.session_id} {kind}\n")
    sys.stdout.flush()


async def work(branch: BranchContext) -> str:
    """Remember a little, slowly."""
    await branch.remember(f"Seen on the way to {branch.task}.")
    await asyncio.sleep(0.02)
    return f"Found for {branch.task}."


async def main(url: str, token: str, namespace: str) -> None:
    """Think over forty branches, four at a time."""
    async with Log.connect(url, token=token) as log:
        await think(
            Sessions(log, namespace=namespace),
            "plan the trip",
            branches=[f"stop {number}" for number in range(40)],
            executor=CallableExecutor(work),
            concurrency=4,
            on_event=acknowledged,
        )


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
