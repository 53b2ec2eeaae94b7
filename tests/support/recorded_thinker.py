"""A process that thinks without end, on a record in a folder, and says each event."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from anabranch.home.running_thoughts import RunningThought
from anabranch_events import Log
from anabranch_thinking import BranchContext, CallableExecutor, Sessions, think
from tests.support.thinker import acknowledged


async def work(branch: BranchContext) -> str:
    """Fork once, and never come to an end."""
    if branch.depth == 1:
        await branch.branch([f"below {branch.task}"])
    await asyncio.Event().wait()
    return ""


async def main(url: str, token: str, namespace: str, folder: str, *session_id: str) -> None:
    """Think over three branches, in a root of its own or in the session that is named."""
    async with Log.connect(url, token=token) as log:
        with RunningThought(Path(folder), namespace=namespace) as record:
            await think(
                Sessions(log, namespace=namespace),
                "count the boats",
                branches=["one", "two", "three"],
                executor=CallableExecutor(work),
                session_id=next(iter(session_id), None),
                on_event=acknowledged,
                announce=record.note,
            )


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
