"""The past of a memory: moments, the life of one thing, one event, and the change in between."""

from __future__ import annotations

from typing import TYPE_CHECKING

from anabranch.errors import EventNotFound
from anabranch.past.as_of import position_of, positions_of
from anabranch.past.diff import ITEMS_MAX, Span, diff_of
from anabranch.past.history import history_of
from anabranch.past.replay import replay

if TYPE_CHECKING:
    from collections.abc import Callable

    from anabranch.memory.namespaces import OpenNamespace
    from anabranch.past.as_of import Moment
    from anabranch.past.diff_model import Diff
    from anabranch.past.history import LifeEvent
    from anabranch_events import Recorded


class MemoryPast:
    """The earlier moments of a memory, as `memory.past`."""

    def __init__(self, namespace: OpenNamespace) -> None:
        self._namespace = namespace

    async def position_of(self, moment: Moment, *, field: str = "as_of") -> int:
        """Return the position that a moment stands for: the last one stored up to a time.

        Raises PositionFromFuture.
        """
        return await position_of(self._namespace.backend, moment, field=field)

    async def history(
        self,
        thing_id: str,
        *,
        as_of: Moment | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> list[LifeEvent]:
        """Return the life of a session, an insight or a consolidation: the events that name it.

        The whole log is read, up to `as_of`, so that nothing is missed; only events that name the
        thing are decoded. Raises InputInvalid, HistoryNotFound and PositionFromFuture.
        """
        backend = self._namespace.backend
        await self._namespace.caught_up()
        to = await position_of(backend, backend.seen if as_of is None else as_of)
        return await history_of(
            backend, thing_id, namespace=self._namespace.name, to=to, progress=progress
        )

    async def diff(
        self,
        after: Moment,
        to: Moment,
        *,
        items_max: int = ITEMS_MAX,
        progress: Callable[[int], None] | None = None,
    ) -> Diff:
        """Return what this namespace learned between two moments, `after` not included.

        The sums are exact; of each kind at most `items_max` are listed, the first ones. It costs
        what the events between the two do. Raises InputInvalid, PositionFromFuture, WaitTimedOut.
        """
        backend = self._namespace.backend
        one, other = await positions_of(backend, after, to, fields=("after", "to"))
        await backend.wait_for(
            max(one, other), projection="graph", timeout_s=backend.settings.wait_timeout_s
        )
        return await diff_of(
            backend,
            Span(self._namespace.name, one, other),
            items_max=items_max,
            progress=progress,
        )

    async def event(self, position: int) -> Recorded:
        """Return the event at `position`. Raises EventNotFound, and PositionFromFuture."""
        backend, name = self._namespace.backend, self._namespace.name
        await backend.checked_position(position, field="position")
        if position > 0:
            async for recorded in replay(backend, name, after=position - 1, to=position):
                return recorded
        raise EventNotFound(position, namespace=name)
