"""A process that follows a log into a recall index and writes often, until it is killed."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from anabranch_events import Log
from anabranch_projections.recall_index.follower import IndexFollower
from anabranch_projections.recall_index.index_folder import IndexFolder
from anabranch_projections.vectors.cache import VectorCache
from tests.support.learning import HashingEmbedder

SOURCE = "test"


async def follow(url: str, token: str, folder: Path, *, to: int | None = None) -> IndexFolder:
    """Follow the log at `url` into `folder`; with `to` return what is there then, still open."""
    async with Log.connect(url, token=token) as log:
        embedder = HashingEmbedder()
        opened = IndexFolder.open(
            folder, log=await log.identity(), source=SOURCE, dimension=embedder.dimension
        )
        follower = IndexFollower(
            log, opened, VectorCache(log, embedder), rows_flushed=20, flush_after_s=0.05
        )
        await follower.run(to=to)
        return opened


if __name__ == "__main__":
    asyncio.run(follow(sys.argv[1], sys.argv[2], Path(sys.argv[3])))
