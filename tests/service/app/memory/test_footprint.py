"""The room that a further memory in a process takes."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Final

from tests.support.rounds import in_full_only

if TYPE_CHECKING:
    from anabranch.settings import Settings

FURTHER: Final = 3
MEMORY_MAX_MB: Final = 30.0
MEASURE: Final = """
import asyncio, resource, sys
from contextlib import AsyncExitStack
from anabranch import Memory, Settings

def resident_mb():
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / 1024 if sys.platform == "linux" else most / 1024**2

async def main():
    settings = Settings.read().changed(home=sys.argv[1], embedded_engine=sys.argv[2])
    async with AsyncExitStack() as stack:
        for number in range(1 + int(sys.argv[3])):
            memory = await stack.enter_async_context(Memory.open(settings=settings))
            await memory.remember(f"Sluice {number} leaks at high water")
            found = await memory.recall("Which sluice leaks?")
            assert found.lanes["meaning"].state in {"ok", "empty"}, found.lanes
            print(resident_mb())

asyncio.run(main())
"""


@in_full_only
def test_a_further_memory_takes_little(own_settings: Settings) -> None:
    """The second memory of a process and each after it take at most 30 MB: the model is there."""
    home, engine = str(own_settings.home), own_settings.embedded_engine
    ran = subprocess.run(
        [sys.executable, "-c", MEASURE, home, engine, str(FURTHER)],
        capture_output=True,
        text=True,
        check=True,
    )

    first, *others = map(float, ran.stdout.split())
    assert len(others) == FURTHER
    assert (others[-1] - first) / FURTHER <= MEMORY_MAX_MB
