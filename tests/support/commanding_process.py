"""A process that runs a command for a branch, until it is killed."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

from anabranch_events import Log, new_id
from anabranch_thinking import BranchContext, CommandExecutor, Sessions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anabranch_thinking import BranchOutcome, BranchTask


async def no_forks(_branches: Sequence[BranchTask]) -> list[BranchOutcome]:
    """Fork nothing."""
    return []


def lone_branch() -> BranchContext:
    """Return a branch whose log nobody needs to reach."""
    root = new_id()
    return BranchContext(
        sessions=Sessions(Log.connect("nats://127.0.0.1:4"), namespace="test"),
        session_id=new_id(),
        parent_id=root,
        root_id=root,
        task="find a hotel",
        role="focus",
        depth=1,
        attempt=1,
        deadline=None,
        asking=None,
        forking=no_forks,
    )


if __name__ == "__main__":
    asyncio.run(CommandExecutor(sys.argv[1:]).run(lone_branch()))
