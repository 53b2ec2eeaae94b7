"""The slots of a worker: how many branches it works on at a time."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator


class _Return(NamedTuple):
    """A branch that goes on as soon as it has a slot."""

    urgent: bool
    begun: asyncio.Future[None]


class WorkSlots:
    """Slots that are taken for new branches, and by branches whose forks have ended.

    A branch that waits for its forks leaves its slot to them. One that goes on comes before any
    new one. Of the slots `reserved` are kept for urgent branches, new or not.
    """

    def __init__(self, count: int, *, reserved: int = 0) -> None:
        self.count = count
        self._reserved = reserved
        self._busy = 0
        self._urgent = 0
        self._returning: list[_Return] = []
        self.changed = asyncio.Event()

    @property
    def busy(self) -> int:
        """The slots that are taken."""
        return self._busy

    @property
    def returning(self) -> int:
        """The branches that would go on, and have no slot."""
        return len(self._returning)

    @property
    def free(self) -> int:
        """The slots for new branches, of which some may be kept for urgent ones."""
        return self.count - self._busy

    def room(self, *, urgent: bool, coming: int = 0) -> int:
        """Return the slots for new branches, once `coming` urgent ones have begun."""
        kept = 0 if urgent else max(0, self._reserved - self._urgent - coming)
        return self.free - coming - kept

    def take(self, *, urgent: bool = False) -> None:
        """Take a slot for a new branch; `room` says that there is one."""
        self._busy += 1
        self._urgent += urgent

    def leave(self, *, urgent: bool = False) -> None:
        """Leave a slot, to one that returns if there is any."""
        self._busy -= 1
        self._urgent -= urgent
        for one in sorted(self._returning, key=lambda each: not each.urgent):
            if not one.begun.done() and self.room(urgent=one.urgent) > 0:
                self.take(urgent=one.urgent)
                one.begun.set_result(None)
        self._returning = [one for one in self._returning if not one.begun.done()]
        self.changed.set()

    @asynccontextmanager
    async def given_up(self, *, urgent: bool = False) -> AsyncGenerator[None]:
        """Leave the slot for the length of the block, and take one again."""
        self.leave(urgent=urgent)
        try:
            yield
        finally:
            await self._take_again(urgent=urgent)

    async def _take_again(self, *, urgent: bool) -> None:
        if self.room(urgent=urgent) > 0:
            self.take(urgent=urgent)
            return
        waiting = _Return(urgent, asyncio.get_running_loop().create_future())
        self._returning.append(waiting)
        try:
            await waiting.begun
        except asyncio.CancelledError:
            # The canceller leaves a slot that it holds: one more is counted for that.
            if waiting.begun.cancelled():
                self.take(urgent=urgent)
            raise
