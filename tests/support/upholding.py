"""`anabranch up` in the background, as an operator starts and ends it, from within a test's loop."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tests.support.fixtures.memory import CommandLine

if TYPE_CHECKING:
    from anabranch.settings import Settings


async def start_up(settings: Settings) -> int:
    """Start `up` with `settings`; return its process id once it is ready."""
    return await _pid(settings, "up", "--detach")


async def end_up(settings: Settings) -> int:
    """End what owns the home with `down`; return its process id."""
    return await _pid(settings, "down")


async def _pid(settings: Settings, *arguments: str) -> int:
    line = CommandLine(settings.home, **settings.environment())
    ran = await asyncio.to_thread(line, *arguments, "--json", timeout_s=300)
    return int(ran.value["pid"])
