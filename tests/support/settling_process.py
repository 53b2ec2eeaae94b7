"""A process that settles memory, until it is killed."""

from __future__ import annotations

import asyncio
import sys

from anabranch_events import Log
from anabranch_thinking import Sessions
from anabranch_thinking.settling.consolidator import Consolidator


async def main(url: str, token: str) -> None:
    """Settle as soon as something waits."""
    async with Log.connect(url, token=token) as log:
        consolidator = Consolidator(log, lambda name: Sessions(log, namespace=name), idle_s=0.05)
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        await consolidator.run()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
