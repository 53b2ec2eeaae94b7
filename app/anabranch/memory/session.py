"""One session, as a handle: what is done with it goes to the log in its name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from anabranch_events.event.types import Priority
from anabranch_recall import Scope

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anabranch.memory.memory import Memory
    from anabranch.past.as_of import Moment
    from anabranch.views import SessionView
    from anabranch_recall import Recollection
    from anabranch_thinking import (
        CompletionReceipt,
        InsightDraft,
        InsightReceipt,
        SessionReceipt,
        SessionState,
    )


class Session:
    """A line of thinking: it learns, notes things for itself, branches, and ends.

    `forked_at` and `parent_id` are None for a root session. `position` is the last event that this
    handle knows of.
    """

    def __init__(
        self,
        memory: Memory,
        *,
        session_id: str,
        root_id: str,
        position: int,
        parent_id: str | None = None,
        forked_at: int | None = None,
    ) -> None:
        self._memory = memory
        self.session_id = session_id
        self.root_id = root_id
        self.position = position
        self.parent_id = parent_id
        self.forked_at = forked_at

    def __repr__(self) -> str:
        return f"<Session({self.session_id}, position={self.position})>"

    async def branch(
        self, task: str, *, role: str | None = None, priority: Priority | str = Priority.NORMAL
    ) -> Session:
        """Fork a session from this one as it is now. Raises SessionEnded."""
        async with self._memory.connection.explained():
            receipt = await self._memory.sessions.branch(
                self.session_id, task, role=role, priority=priority
            )
        return Session(
            self._memory,
            session_id=receipt.session_id,
            root_id=receipt.root_id,
            position=receipt.position,
            parent_id=receipt.parent_id,
            forked_at=receipt.forked_at,
        )

    async def remember(
        self,
        text: str,
        *,
        kind: str = "observation",
        confidence: float = 1.0,
        tags: Sequence[str] = (),
        entities: Sequence[str] | None = None,
        supersedes: Sequence[str] = (),
    ) -> InsightReceipt:
        """Record one thing learned. Raises SessionEnded."""
        receipt = await self._memory.remember(
            text,
            session_id=self.session_id,
            kind=kind,
            confidence=confidence,
            tags=tags,
            entities=entities,
            supersedes=supersedes,
        )
        self.position = receipt.position
        return receipt

    async def recall(
        self,
        text: str,
        *,
        k: int = 10,
        scope: Scope | str = Scope.LINEAGE,
        as_of: Moment | None = None,
        include_retired: bool = False,
    ) -> Recollection:
        """Ask memory from where this session stands: by default its own line of ancestors."""
        return await self._memory.recall(
            text,
            k=k,
            scope=scope,
            session_id=self.session_id,
            as_of=as_of,
            include_retired=include_retired,
        )

    async def complete(
        self, result: str, *, insights: Sequence[InsightDraft | str] = ()
    ) -> CompletionReceipt:
        """End the session with its result and what it learned, as one event."""
        async with self._memory.connection.explained():
            receipt = await self._memory.sessions.complete(
                self.session_id, result, insights=insights
            )
        self.position = receipt.position
        return receipt

    async def note(self, key: str, value: object) -> SessionReceipt:
        """Set `key` in the session's working memory to a value that JSON can hold."""
        async with self._memory.connection.explained():
            receipt = await self._memory.sessions.note(self.session_id, key, value)
        self.position = receipt.position
        return receipt

    async def hand_off(self, *, summary: str, to_agent: str | None = None) -> Session:
        """Pass the task and the working memory on to a new branch, and end; return the branch."""
        async with self._memory.connection.explained():
            receipt = await self._memory.sessions.hand_off(
                self.session_id, summary=summary, to_agent=to_agent
            )
        self.position = receipt.position
        return await self._memory.session(receipt.to)

    async def close(self, reason: str = "done") -> SessionReceipt:
        """End the session without a result."""
        async with self._memory.connection.explained():
            receipt = await self._memory.sessions.close(self.session_id, reason)
        self.position = receipt.position
        return receipt

    async def show(self, *, as_of: Moment | None = None) -> SessionView:
        """Return the session as it stands, or stood, with its working memory and insights."""
        return await self._memory.show_session(self.session_id, as_of=as_of)


def session_of(memory: Memory, state: SessionState) -> Session:
    """Return a handle to the session that `state` is of."""
    return Session(
        memory,
        session_id=state.session_id,
        root_id=state.root_id,
        position=state.position,
        parent_id=state.parent_id,
        forked_at=state.forked_at if state.parent_id else None,
    )
