"""One session as a handle: its commands go to the log in its name."""

from __future__ import annotations

from contextlib import suppress
from copy import copy
from typing import TYPE_CHECKING, Self, Unpack

from anabranch.memory.reads.sessions import show_session
from anabranch.memory.recall import recall
from anabranch.memory.watching import watch
from anabranch_events.errors import AnabranchError, SessionEnded
from anabranch_events.event.types import Priority
from anabranch_recall import Scope
from anabranch_thinking import error_text
from anabranch_thinking.sessions.holding import TTL_S, checked_ttl, claim, release, renewed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence
    from datetime import datetime

    from anabranch.memory.namespaces import OpenNamespace
    from anabranch.memory.watching import WatchedInsight
    from anabranch.past.as_of import Moment
    from anabranch.views import SessionView
    from anabranch_recall import FilterFields, Recollection
    from anabranch_thinking import (
        CompletionReceipt,
        Hold,
        InsightDraft,
        InsightFields,
        InsightReceipt,
        InsightsReceipt,
        SessionReceipt,
        Sessions,
        SessionState,
    )


class Session:
    """A line of thinking: it learns, notes things for itself, branches, and ends.

    `forked_at` and `parent_id` are None for a root session. `position` is the last event that this
    handle knows of. An `async with` block ends the session, unless it has ended by itself: it is
    closed, or failed with the error that leaves the block.
    """

    session_id: str
    root_id: str
    position: int
    parent_id: str | None
    forked_at: int | None

    def __init__(
        self,
        namespace: OpenNamespace,
        *,
        session_id: str,
        root_id: str,
        position: int,
        parent_id: str | None = None,
        forked_at: int | None = None,
        receipt: SessionReceipt | None = None,
        agent: str | None = None,
    ) -> None:
        self._namespace = namespace
        self._agent = agent
        self.session_id = session_id
        self.root_id = root_id
        self.position = position
        self.parent_id = parent_id
        self.forked_at = forked_at
        self._receipt = receipt
        self._hold: Hold | None = None

    def __repr__(self) -> str:
        return f"<Session({self.session_id}, position={self.position})>"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: object
    ) -> None:
        with suppress(SessionEnded):
            if error is None:
                await self.close()
            elif not isinstance(error, Exception):
                await self.cancel(type(error).__name__)
            else:
                await self._failed(error)

    @property
    def receipt(self) -> SessionReceipt:
        """The receipt of the last event that this handle stored. Raises LookupError before one."""
        if self._receipt is None:
            raise LookupError("this handle has stored nothing yet")
        return self._receipt

    async def branch(
        self,
        task: str,
        *,
        role: str | None = None,
        priority: Priority | str = Priority.NORMAL,
        attributes: Mapping[str, object] | None = None,
        agent: str | None = None,
    ) -> Session:
        """Fork a session from this one as it is now, in `agent`'s name. Raises SessionEnded."""
        agent = agent or self._agent
        receipt = await self._namespace.sessions_of(agent).branch(
            self.session_id, task, role=role, priority=priority, attributes=attributes
        )
        return Session(
            self._namespace,
            session_id=receipt.session_id,
            root_id=receipt.root_id,
            position=receipt.position,
            parent_id=receipt.parent_id,
            forked_at=receipt.forked_at,
            receipt=receipt,
            agent=agent,
        )

    async def remember(
        self,
        insight: InsightDraft | str,
        *,
        supersedes: Sequence[str] = (),
        **fields: Unpack[InsightFields],
    ) -> InsightReceipt:
        """Record one thing learned, as `Memory.remember` does. Raises SessionEnded."""
        receipt = await self._sessions.remember(
            insight, session_id=self.session_id, supersedes=supersedes, **fields
        )
        self._stored(receipt)
        return receipt

    async def remember_all(self, insights: Sequence[InsightDraft | str]) -> InsightsReceipt:
        """Record several things learned, as `Memory.remember_all` does. Raises SessionEnded."""
        receipt = await self._sessions.remember_all(insights, session_id=self.session_id)
        self._stored(receipt)
        return receipt

    async def recall(
        self,
        query: str,
        *,
        k: int = 10,
        scope: Scope | str = Scope.LINEAGE,
        as_of: Moment | None = None,
        after: int | None = None,
        include_retired: bool = False,
        min_similarity: float | None = None,
        wait_s: float | None = None,
        timeout_s: float | None = None,
        spread: int = 0,
        **filters: Unpack[FilterFields],
    ) -> Recollection:
        """Ask memory from this session: by default its own line of ancestors."""
        return await recall(
            self._namespace,
            query,
            k=k,
            scope=scope,
            session_id=self.session_id,
            as_of=as_of,
            after=after,
            include_retired=include_retired,
            min_similarity=min_similarity,
            wait_s=wait_s,
            timeout_s=timeout_s,
            spread=spread,
            filters=filters,
        )

    async def watch(
        self, *, scope: Scope | str = Scope.THOUGHT, after: int | None = None
    ) -> AsyncIterator[WatchedInsight]:
        """Give the insights of the thought as they are recorded, until this session has ended.

        `scope` may be narrower or wider, as of a recall. With `after` those recorded since that
        position come first: give the last one's `position` to go on without a gap.
        """
        async for one in watch(self._namespace, self.session_id, scope=scope, after=after):
            yield one

    async def claim(self, resource: str, *, ttl_s: float = TTL_S, wait_s: float = 0) -> SessionHold:
        """Claim a resource, by any name, so that no other session does the same meanwhile.

        The claim ends by itself after `ttl_s`, and with the session. Claimed again by this session
        it is a new one, and the one before is void. Raises ResourceTaken where another session has
        it, and still has it after `wait_s`. Raises SessionEnded.
        """
        hold = await claim(self._sessions, self.session_id, resource, ttl_s=ttl_s, wait_s=wait_s)
        return SessionHold(hold, self._under(hold))

    async def renew(self, resource: str, *, token: int, ttl_s: float | None = None) -> datetime:
        """Have this session's claim on a resource hold for longer; return its end.

        It holds for `ttl_s` from now on, or as long as before. Raises TokenStale where it was given
        back or claimed anew, and SessionEnded.
        """
        lease = await self._sessions.held(resource, self.session_id, token)
        given_s = None if ttl_s is None else checked_ttl(ttl_s)
        return (await renewed(self._sessions, lease, ttl_s=given_s)).expires_at

    async def release(self, resource: str, *, token: int) -> None:
        """Give back this session's claim on a resource that has the token.

        Raises TokenStale where it holds no more.
        """
        await release(self._sessions, self.session_id, resource, token=token)

    async def complete(
        self, result: str, *, insights: Sequence[InsightDraft | str] = ()
    ) -> CompletionReceipt:
        """End the session with its result and what it learned, as one event."""
        receipt = await self._sessions.complete(self.session_id, result, insights=insights)
        self._stored(receipt)
        return receipt

    async def note(self, key: str, value: object) -> SessionReceipt:
        """Set `key` in the session's working memory to a value that JSON can hold."""
        receipt = await self._sessions.note(self.session_id, key, value)
        self._stored(receipt)
        return receipt

    async def clear_note(self, key: str) -> SessionReceipt:
        """Drop `key` from the session's working memory."""
        receipt = await self._sessions.clear_note(self.session_id, key)
        self._stored(receipt)
        return receipt

    async def hand_off(self, *, summary: str, to_agent: str | None = None) -> Session:
        """Pass the task and the working memory on to a new branch, and end; return the branch."""
        receipt = await self._sessions.hand_off(self.session_id, summary=summary, to_agent=to_agent)
        self._stored(receipt)
        state = await self._sessions.state(receipt.to)
        return session_of(self._namespace, state, agent=to_agent or self._agent)

    async def fail(self, error: str) -> SessionReceipt:
        """End the session without a result, because of `error`."""
        receipt = await self._sessions.fail(self.session_id, error)
        self._stored(receipt)
        return receipt

    async def cancel(self, reason: str) -> SessionReceipt:
        """Call the session off."""
        receipt = await self._sessions.cancel(self.session_id, reason)
        self._stored(receipt)
        return receipt

    async def close(self, reason: str = "done") -> SessionReceipt:
        """End the session without a result."""
        receipt = await self._sessions.close(self.session_id, reason)
        self._stored(receipt)
        return receipt

    async def show(self, *, as_of: Moment | None = None) -> SessionView:
        """Return the session as it stands, or stood, with its working memory and insights."""
        return await show_session(self._namespace, self.session_id, as_of=as_of)

    async def _failed(self, error: Exception) -> None:
        """Fail because of an error that goes on: another one that this meets is a note on it."""
        try:
            await self.fail(error_text(error))
        except SessionEnded:
            raise
        except AnabranchError as other:
            error.add_note(f"the session {self.session_id} could not be failed: {other.message}")

    def _under(self, hold: Hold) -> Session:
        """Return a handle to this session whose writes count only under a claim."""
        handle = copy(self)
        vars(handle)["_hold"] = hold
        return handle

    @property
    def _sessions(self) -> Sessions:
        sessions = self._namespace.sessions_of(self._agent)
        return sessions if self._hold is None else sessions.under(self._hold.lease)

    def _stored(self, receipt: SessionReceipt) -> None:
        self._receipt, self.position = receipt, receipt.position


class SessionHold:
    """A claim on a resource that a session has; nobody else has one meanwhile.

    It ends by itself `ttl_s` after it was last renewed, and when its session ends. An `async with`
    block renews it as long as it lasts, and gives it back. Writes through `session` count only
    while the claim holds: a later one raises TokenStale.
    """

    def __init__(self, hold: Hold, session: Session) -> None:
        self._hold = hold
        self._session = session

    def __repr__(self) -> str:
        return f"<SessionHold({self.resource!r}, token={self.token})>"

    @property
    def resource(self) -> str:
        """The name of the resource."""
        return self._hold.resource

    @property
    def token(self) -> int:
        """The fencing token: the position of the claim, higher than that of any claim before."""
        return self._hold.token

    @property
    def expires_at(self) -> datetime:
        """The time at which the claim ends, by the last renewal that this handle made."""
        return self._hold.expires_at

    @property
    def session(self) -> Session:
        """The session whose writes stand under this claim."""
        return self._session

    async def renew(self, *, ttl_s: float | None = None) -> None:
        """Have the claim hold from now on for `ttl_s`, or as long as before. Raises TokenStale."""
        await self._hold.renew(ttl_s=ttl_s)

    async def release(self) -> None:
        """Give the claim back; one that holds no more needs nothing."""
        await self._hold.release()

    async def __aenter__(self) -> Self:
        await self._hold.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._hold.__aexit__(*error)


def session_of(
    namespace: OpenNamespace, state: SessionState, *, agent: str | None = None
) -> Session:
    """Return a handle to the session in `state`, which works in `agent`'s name."""
    return Session(
        namespace,
        session_id=state.session_id,
        root_id=state.root_id,
        position=state.position,
        parent_id=state.parent_id,
        forked_at=state.forked_at if state.parent_id else None,
        agent=agent,
    )
