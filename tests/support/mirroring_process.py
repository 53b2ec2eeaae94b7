"""A process that mirrors a transcript, says so, and never comes to import it; it is to be killed."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from anabranch import Memory
from anabranch.adapters import claude_agent_sdk
from anabranch.adapters.claude_agent_sdk import AnabranchSessionStore


async def main(home: str, namespace: str, session: str, entries: list[Any]) -> None:
    """Append entries."""
    claude_agent_sdk.__dict__["_TOGETHER_S"] = 3600.0  # It never gets so far.
    async with Memory.open(home, namespace=namespace) as memory:
        store = AnabranchSessionStore(memory)
        await store.append({"project_key": "-work-pier", "session_id": session}, entries)
        print("appended", flush=True)  # noqa: T201 - the test reads it.
        await asyncio.Event().wait()


if __name__ == "__main__":
    _, place, name, written = sys.argv
    told = [json.loads(line) for line in Path(written).read_text().splitlines()]
    asyncio.run(main(place, name, Path(written).stem, told[:-1]))
