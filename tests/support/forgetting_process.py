"""A forgetting as a process of its own: `python -m tests.support.forgetting_process`."""

from __future__ import annotations

import asyncio
import sys

from anabranch import Memory


async def main(home: str, namespace: str, session_id: str) -> None:
    """Forget a session of a home."""
    async with Memory.open(home, namespace=namespace) as memory:
        await memory.forget_all(session_id=session_id)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
