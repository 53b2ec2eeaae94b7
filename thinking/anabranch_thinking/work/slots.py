"""The slots of a worker: how many branches it works on at a time."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from anabranch_events.errors import InputInvalid
from anabranch_events.event.types import Priority

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Collection


def check_slots(slots: int, *, reserved: int, priorities: Collection[Priority]) -> None:
    """Raise InputInvalid for slots and priorities with which a worker would do nothing as said."""
    if slots < 1:
        raise InputInvalid(
            f"slots: {slots} is not a number of slots", field="slots", fix="give 1 or more"
        )
    if not 0 <= reserved < slots:
        raise InputInvalid(
            f"reserved: {reserved} of {slots} slots cannot be kept for critical branches",
            field="reserved",
            fix="give fewer than there are slots",
        )
    if not priorities:
        raise InputInvalid(
            "priorities: without any a worker takes no branch",
            field="priorities",
            fix=f"name some of {', '.join(Priority)}",
        )
    if reserved and Priority.CRITICAL not in priorities:
        raise InputInvalid(
            f"reserved: {reserved} of {slots} slots would stay idle: they are kept for critical "
            f"branches, and this worker takes only {', '.join(priorities)}",
            field="reserved",
            fix="leave reserved out, or name critical among the priorities",
        )


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
        self._returning: dict[bool, deque[asyncio.Future[None]]] = {True: deque(), False: deque()}
        """The branches that go on as soon as they have a slot: urgent ones, and others."""
        self.changed = asyncio.Event()

    @property
    def busy(self) -> int:
        """The slots that are taken."""
        return self._busy

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
        for comes_first, returning in self._returning.items():
            while returning and self.room(urgent=comes_first) > 0:
                waiting = returning.popleft()
                if not waiting.done():
                    self.take(urgent=comes_first)
                    waiting.set_result(None)
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
        waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._returning[urgent].append(waiting)
        try:
            await waiting
        except asyncio.CancelledError:
            # The canceller leaves a slot that it holds: one more is counted for that.
            if waiting.cancelled():
                self.take(urgent=urgent)
            raise
