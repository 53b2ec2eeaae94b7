"""The marks of exported events: forks, the numbers of copies, and what a stretch follows on.

They hold what a position alone would lose. Parts of a log, imported one after another, give that
log again, also inside a log with other positions.
"""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING

from anabranch.errors import EventInvalid
from anabranch.transfer.exported_line import Fork, Marks
from anabranch_events.event.types import BranchCreated

if TYPE_CHECKING:
    from anabranch_events import Log, Recorded


class Marking:
    """The marks of the events of one namespace, asked for in their order."""

    def __init__(self, log: Log, namespace: str, *, after: int) -> None:
        self._log = log
        self._namespace = namespace
        self._after = after
        self._begun: set[str] = set()
        self._repeats = log.repeats(after=after)

    async def marks(self, recorded: Recorded) -> Marks:
        """Return the marks of the next event."""
        again = len(await self._repeats.earlier(recorded))
        try:
            data = recorded.decode().data if b"branch.created" in recorded.raw else None
        except EventInvalid:
            return Marks()
        before = await self._before(recorded)
        if not isinstance(data, BranchCreated) or data.forked_at >= recorded.position:
            return Marks(again=again, before=before)
        return Marks(await self._fork(data), again, before)

    async def _before(self, recorded: Recorded) -> str | None:
        """Return the session's last event before the stretch, once a session; None without one."""
        if self._after == 0 or recorded.session_id in self._begun:
            return None
        self._begun.add(recorded.session_id)
        return await self._repeats.last_id(recorded, up_to=self._after)

    async def _fork(self, data: BranchCreated) -> Fork | None:
        """Return the event at a fork, or the parent's last one before it; None without either."""
        at = await self._log.at(data.forked_at)
        fork = None if at is None or at.namespace != self._namespace else _named(at)
        if fork is not None:
            return fork
        parent = self._log.read(data.parent_id, namespace=self._namespace)
        async with aclosing(parent) as events:
            async for recorded in events:
                if recorded.position > data.forked_at:
                    break
                fork = _named(recorded) or fork
        return fork


def _named(recorded: Recorded) -> Fork | None:
    try:
        return Fork(recorded.session_id, recorded.decode().id)
    except EventInvalid:
        return None
