"""The time from a turn that Claude Code writes until a recall gives it, while its files are followed.

A home of its own with the embedded graph, and a session that grows by a turn at a time. Recall is
asked for a word that only that turn has, again and again, until the turn's text is its best hit.
"""

from __future__ import annotations

import asyncio
import math
import random
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from tests.support.claude_files import ClaudeFile

from anabranch import Memory
from anabranch.importers.following import Following
from anabranch.importers.importer import ImportOptions
from anabranch.importers.readers.catalogue import sources_below
from anabranch.memory.memory import namespace_of
from benchmarks.rows import Row, at_most

TURNS: Final = 100
GOAL_S: Final = 2.0
_ASK_EACH_S: Final = 0.02
_PAUSE_MAX_S: Final = 0.3
_WAIT_S: Final = 60.0


async def run() -> list[Row]:
    """Measure each turn; return the row of the 99th percentile."""
    with tempfile.TemporaryDirectory(prefix="anabranch-bench-") as name:
        folder = Path(name)
        async with Memory.open(folder / "home") as memory:
            following = asyncio.create_task(_follow(memory, folder / "sessions"))
            try:
                took = await _turns(memory, folder / "sessions")
            finally:
                following.cancel()
                with suppress(asyncio.CancelledError):
                    await following
    took.sort()
    name = f"a watched turn is recalled, p99 of {len(took)} (median {took[len(took) // 2]:.2f} s)"
    p99 = took[math.ceil(0.99 * len(took)) - 1]
    return [at_most(f"{name}, beside the goal", ours=p99, theirs=GOAL_S, limit=1, unit="s")]


async def _follow(memory: Memory, folder: Path) -> None:
    backend = namespace_of(memory).backend
    following = Following(
        backend.log,
        ImportOptions(memory.namespace),
        lambda: sources_below([folder]),
        saw=backend.saw,
    )
    async for one in following.imported():
        assert one.error is None, one.error


async def _turns(memory: Memory, folder: Path) -> list[float]:
    """Return the seconds of each turn; the first one, with which all begins, is left out."""
    chance = random.Random(1)  # noqa: S311 - no secret hangs on it.
    file = ClaudeFile(folder)
    took: list[float] = []
    for number in range(TURNS + 1):
        word = f"beacon{chance.getrandbits(64):x}"
        file.ask(f"Where is the lamp number {number}?")
        file.say(f"The lamp number {number} stands at {word}.")
        took.append(await _recalled(memory, word))
        await asyncio.sleep(chance.uniform(0, _PAUSE_MAX_S))  # At any time between two looks.
    return took[1:]


async def _recalled(memory: Memory, word: str) -> float:
    """Return how long it takes until a recall gives the text with a word."""
    began = time.perf_counter()
    async with asyncio.timeout(_WAIT_S):
        while True:
            answer = await memory.recall(word, k=1)
            if answer.hits and word in answer.hits[0].text:
                return time.perf_counter() - began
            await asyncio.sleep(_ASK_EACH_S)
