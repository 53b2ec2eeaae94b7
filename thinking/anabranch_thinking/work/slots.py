"""The slots of a worker: how many branches it works on at a time."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator


class WorkSlots:
    """Slots that are taken for new branches, and by branches whose forks have ended.

    A branch that waits for its forks leaves its slot to them. One that goes on comes before any
    new one.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self._busy = 0
        self._returning: deque[asyncio.Future[None]] = deque()
        self.changed = asyncio.Event()

    @property
    def busy(self) -> int:
        """The slots that are taken."""
        return self._busy

    @property
    def free(self) -> int:
        """The slots for new branches."""
        return 0 if self._returning else self.count - self._busy

    def take(self) -> None:
        """Take a slot for a new branch; `free` says that there is one."""
        self._busy += 1

    def leave(self) -> None:
        """Leave a slot, to one that returns if there is any."""
        self._busy -= 1
        while self._returning and self._busy < self.count:
            waiting = self._returning.popleft()
            if not waiting.done():
                self._busy += 1
                waiting.set_result(None)
        self.changed.set()

    @asynccontextmanager
    async def given_up(self) -> AsyncGenerator[None]:
        """Leave the slot for the length of the block, and take one again."""
        self.leave()
        try:
            yield
        finally:
            await self._take_again()

    async def _take_again(self) -> None:
        if self._busy < self.count:
            self._busy += 1
            return
        waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._returning.append(waiting)
        try:
            await waiting
        except asyncio.CancelledError:
            # The canceller leaves a slot that it holds: one more is counted for that.
            if not waiting.done() or waiting.cancelled():
                self._busy += 1
            raise
