"""The insights of a session's scope as they come: read from the log, and resumed at a position."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING

from pydantic import AwareDatetime

from anabranch_events.errors import EventInvalid, InputInvalid
from anabranch_events.event.types import BranchCompleted, Insight, InsightRecorded
from anabranch_recall import Scope
from anabranch_thinking.errors import SessionNotFound

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from anabranch.memory.namespaces import OpenNamespace
    from anabranch_events import Event, Recorded
    from anabranch_thinking import SessionState


class WatchedInsight(Insight):
    """An insight with where and when it was recorded, and by which session.

    To watch on from there give its `position`.
    """

    position: int
    recorded_at: AwareDatetime
    session_id: str
    agent: str | None


async def watch(
    namespace: OpenNamespace,
    session_id: str,
    *,
    scope: Scope | str = Scope.THOUGHT,
    after: int | None = None,
) -> AsyncGenerator[WatchedInsight]:
    """Give the insights of a scope as they are recorded, until the session has ended.

    Those that were forgotten since are left out. Raises InputInvalid, PositionFromFuture and
    SessionNotFound.
    """
    backend = namespace.backend
    state = await namespace.sessions.state(session_id)
    seen = _Scoped(namespace, state, _checked_scope(scope))
    last = (await backend.log.bounds()).last
    start = last if after is None else await backend.checked_position(after, field="after")
    end = state.position if state.ended else None
    if end is not None and start >= end:
        return
    if start < last:
        await seen.learn_forgotten()
    async with aclosing(backend.log.batches(after=start, to=end)) as batches:
        async for records in batches:
            for recorded in records:
                if recorded.namespace != namespace.name:
                    continue
                for one in await seen.insights_in(recorded, forgets=recorded.position <= last):
                    yield one
                if end is None and seen.ended:
                    return


class _Scoped:
    """The insights of one scope among the events of a namespace, and whether its session ended."""

    def __init__(self, namespace: OpenNamespace, state: SessionState, scope: Scope) -> None:
        self._namespace = namespace
        self._sessions = namespace.sessions
        self._state = state
        self._scope = scope
        self._forgotten: frozenset[str] = frozenset()
        self._until: dict[str, int] | None = None
        self._roots: dict[str, str | None] = {state.session_id: state.root_id}

    @property
    def ended(self) -> bool:
        """True once the session's own end has been read."""
        return self._state.ended

    async def learn_forgotten(self) -> None:
        """Ask the graph which insights were forgotten by now, in whichever session."""
        await self._namespace.caught_up()
        graph = await self._namespace.backend.graph()
        rows = await graph.read("past/forgotten")
        name = self._namespace.name
        self._forgotten = frozenset(row["id"] for row in rows if row["namespace"] == name)

    async def insights_in(self, recorded: Recorded, *, forgets: bool) -> list[WatchedInsight]:
        """Return the insights that an event brings to the scope.

        With `forgets` those that are forgotten by now are left out.
        """
        try:
            event = recorded.decode()
        except EventInvalid:
            return []
        if event.session_id == self._state.session_id and recorded.position > self._state.position:
            self._state = self._state.after(event, position=recorded.position)
        match event.data:
            case InsightRecorded() as data:
                found = [Insight.model_construct(**dict(data))]
            case BranchCompleted() as data:
                found = [*data.insights]
            case _:
                return []
        if not found or not await self._has(event, recorded.position):
            return []
        gone = self._forgotten
        if forgets:  # The log may be ahead of the graph.
            gone = gone | await self._forgotten_in(event.session_id)
        return [
            WatchedInsight.model_construct(
                **dict(one),
                position=recorded.position,
                recorded_at=recorded.stored_at,
                session_id=event.session_id,
                agent=event.agent,
            )
            for one in found
            if one.insight_id not in gone
        ]

    async def _has(self, event: Event, position: int) -> bool:
        own = event.session_id == self._state.session_id
        match self._scope:
            case Scope.NAMESPACE:
                return True
            case Scope.SESSION:
                return own
            case Scope.LINEAGE:
                return own or position <= (await self._ancestors()).get(event.session_id, 0)
            case Scope.THOUGHT:
                return await self._root_of(event) == self._state.root_id

    async def _ancestors(self) -> dict[str, int]:
        """Return the ancestors, each with the position up to which it counts."""
        if self._until is None:
            self._until = {}
            state = self._state
            while state.parent_id is not None:
                self._until[state.parent_id] = state.forked_at
                state = await self._sessions.state(state.parent_id)
        return self._until

    async def _root_of(self, event: Event) -> str | None:
        """Return the thought that an event belongs to; a producer may have left it out."""
        if event.correlationid is not None:
            return event.correlationid
        if event.session_id not in self._roots:
            try:
                self._roots[event.session_id] = (
                    await self._sessions.state(event.session_id)
                ).root_id
            except SessionNotFound:
                return None
        return self._roots[event.session_id]

    async def _forgotten_in(self, session_id: str) -> frozenset[str]:
        try:
            state = await self._sessions.state(session_id)
        except SessionNotFound:
            return frozenset()
        return frozenset(end.insight_id for end in state.ends if end.forgotten)


def _checked_scope(scope: Scope | str) -> Scope:
    try:
        return Scope(scope)
    except ValueError:
        raise InputInvalid(
            f"scope: {scope!r} is none", field="scope", fix=f"say {', '.join(Scope)}"
        ) from None
