"""The slots of a thought in this process."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator


class Slots:
    """The slots for branches that work at a time, and the most that did."""

    def __init__(self, count: int) -> None:
        self._gate = asyncio.Semaphore(count)
        self._busy = 0
        self.busy_max = 0

    @asynccontextmanager
    async def taken(self) -> AsyncGenerator[None, None]:
        """Hold a slot."""
        await self._take()
        try:
            yield
        finally:
            self._leave()

    @asynccontextmanager
    async def given_up(self) -> AsyncGenerator[None, None]:
        """Leave the slot to others, and take one again.

        A branch that waits for its own forks must not keep the slot that they need.
        """
        self._leave()
        try:
            yield
        finally:
            await self._take()

    async def _take(self) -> None:
        await self._gate.acquire()
        self._busy += 1
        self.busy_max = max(self.busy_max, self._busy)

    def _leave(self) -> None:
        self._busy -= 1
        self._gate.release()
