"""A process that has a model put a thought together, until it is killed."""

from __future__ import annotations

import asyncio
import sys

from anabranch_events import Log
from anabranch_thinking import Sessions, consolidate_thought
from anabranch_thinking.consolidation.abstractive import Writer
from anabranch_thinking.executors.openai_chat import OpenAIExecutor


async def main(url: str, token: str, namespace: str, model_url: str, *ids: str) -> None:
    """Consolidate a thought, of a root and its branches, and say under which id."""
    async with Log.connect(url, token=token) as log:
        made = await consolidate_thought(
            Sessions(log, namespace=namespace),
            ids[0],
            session_ids=ids[1:],
            writer=Writer(OpenAIExecutor("scripted", url=model_url)),
        )
        sys.stdout.write(f"{made.consolidation_id}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
