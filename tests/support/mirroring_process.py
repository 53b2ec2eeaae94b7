"""A process that mirrors a transcript, says so, and never comes to import it; it is to be killed."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from anabranch import Memory
from anabranch.adapters import claude_agent_sdk
from anabranch.adapters.claude_agent_sdk import AnabranchSessionStore


async def main(home: str, namespace: str, path: str) -> None:
    """Append all but the last record of a file."""
    claude_agent_sdk._TOGETHER_S = 3600.0  # type: ignore[misc]  # noqa: SLF001  # It never gets so far.
    file = Path(path)
    entries = [json.loads(line) for line in file.read_text().splitlines()]
    async with Memory.open(home, namespace=namespace) as memory:
        store = AnabranchSessionStore(memory)
        await store.append({"project_key": "-work-pier", "session_id": file.stem}, entries[:-1])
        print("appended", flush=True)  # noqa: T201 - the test reads it.
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
