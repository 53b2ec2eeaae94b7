"""A process that does things once: each under a claim, until it is killed."""

from __future__ import annotations

import asyncio
import sys

from anabranch_events import Log
from anabranch_events.event.types import InsightRecorded
from anabranch_thinking import ResourceTaken, Sessions, TokenStale
from anabranch_thinking.sessions.holding import claim

TTL_S = 1.5


async def done_in(log: Log, namespace: str) -> list[str]:
    """Return what was done, in the order of the log."""
    found: list[str] = []
    async for recorded in log.read_all():
        event = recorded.decode()
        if event.namespace == namespace and isinstance(event.data, InsightRecorded):
            found.append(event.data.text)
    return found


async def main(url: str, token: str, namespace: str, session_id: str, count: str) -> None:
    """Do each thing that is not done yet, and say when there is none left."""
    wanted = [f"Did thing {number}." for number in range(int(count))]
    async with Log.connect(url, token=token) as log:
        sessions = Sessions(log, namespace=namespace)
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        while True:
            done = await done_in(log, namespace)
            left = [thing for thing in wanted if thing not in done]
            if not left:
                break
            for thing in left:
                try:
                    async with await claim(sessions, session_id, thing, ttl_s=TTL_S) as hold:
                        # Others are refused from here on; the log has all they did before.
                        if thing not in await done_in(log, namespace):
                            await asyncio.sleep(0.02)
                            await hold.sessions.remember(thing, session_id=session_id)
                except (ResourceTaken, TokenStale):
                    continue
            await asyncio.sleep(0.05)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
