"""The commands on sessions: each checks the session's own events, then appends.

The first event of a session, a worker's claim and a session's end are conditional on the position.
Of two rivals one wins, and the other gets an error.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from msgspec.structs import replace
from pydantic import BaseModel, ConfigDict, JsonValue

from anabranch_events.errors import InputInvalid
from anabranch_events.event.types import (
    BRANCHES_MAX,
    BranchCancelled,
    BranchCompleted,
    BranchCreated,
    BranchDeadLettered,
    BranchFailed,
    BranchHedged,
    BranchStarted,
    EventData,
    JoinTerms,
    Priority,
    SessionClosed,
    SessionHandedOff,
    SessionOpened,
    WorkingMemorySet,
)
from anabranch_recall import entities as entities_in
from anabranch_thinking.errors import BranchTaken, ClaimLost, SessionEnded, SessionNotFound
from anabranch_thinking.sessions.carried import carried_attributes
from anabranch_thinking.sessions.findings import InsightDraft, Time, as_drafts, as_insight
from anabranch_thinking.sessions.insights import RESERVED, Insights
from anabranch_thinking.sessions.journal import READS_AT_ONCE, Announcement, Fact, checked
from anabranch_thinking.sessions.opening import Opening, branch_receipts, open_and_fork
from anabranch_thinking.sessions.receipts import (
    BranchReceipt,
    CompletionReceipt,
    HandOffReceipt,
    SessionReceipt,
)
from anabranch_thinking.sessions.state import Claim, SessionState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime


class BranchTask(BaseModel):
    """The task of one branch; `role` is the side it looks from.

    It goes to a worker that has all its `labels`, where one is free within a bound; then to any.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    task: str
    role: str | None = None
    priority: Priority = Priority.NORMAL
    executor: str | None = None
    labels: tuple[str, ...] = ()
    deadline: Time | None = None
    attributes: dict[str, JsonValue] = {}


class Sessions(Insights):
    """The commands on the sessions of one namespace."""

    async def open_session(
        self,
        task: str,
        *,
        role: str | None = None,
        priority: Priority | str = Priority.NORMAL,
        attributes: Mapping[str, object] | None = None,
        announce: Announcement | None = None,
    ) -> SessionReceipt:
        """Begin a root session; `announce` is called with its id before it begins."""
        data = checked(
            SessionOpened, task=task, role=role, priority=priority, attributes=attributes or {}
        )
        session_id = self.new_id()
        if announce is not None:
            announce([session_id])
        receipts = await self.append(
            [Fact(session_id, data)], root_id=session_id, expected={session_id: 0}
        )
        return SessionReceipt(**vars(receipts[0]), session_id=session_id)

    async def branch(
        self,
        parent_id: str,
        task: str,
        *,
        role: str | None = None,
        priority: Priority | str = Priority.NORMAL,
        executor: str | None = None,
        deadline: datetime | None = None,
        attributes: Mapping[str, object] | None = None,
    ) -> BranchReceipt:
        """Fork a session from `parent_id` as it is now.

        Raises SessionNotFound, and SessionEnded when the parent has ended.
        """
        branch = checked(
            BranchTask,
            task=task,
            role=role,
            priority=priority,
            executor=executor,
            deadline=deadline,
            attributes=attributes or {},
        )
        return (await self.fan_out(parent_id, [branch]))[0]

    async def fan_out(
        self,
        parent_id: str,
        branches: Sequence[BranchTask],
        *,
        announce: Announcement | None = None,
        opening: Opening | None = None,
    ) -> list[BranchReceipt]:
        """Fork one session for each of `branches`, at most 1,000: all of them or none.

        With `opening` the parent begins with them. `announce` is called with the ids before they
        begin.
        """
        if not 1 <= len(branches) <= BRANCHES_MAX:
            raise InputInvalid(
                f"branches: there are {len(branches)}, a fan-out takes 1 to {BRANCHES_MAX}",
                field="branches",
                fix=f"fan out over at most {BRANCHES_MAX} branches at a time",
            )
        ids = [self.new_id() for _ in branches]

        def forks(parent: SessionState) -> list[Fact]:
            return [
                Fact(session_id, fork_event(parent, branch))
                for session_id, branch in zip(ids, branches, strict=True)
            ]

        if announce is not None:
            announce(ids if opening is None else [opening.session_id, *ids])
        if opening is not None:
            parent, receipts = await open_and_fork(self, opening, forks)
        else:
            parent = await self.going(parent_id)
            receipts = await self.append(
                forks(parent), root_id=parent.root_id, expected=dict.fromkeys(ids, 0)
            )
        return branch_receipts(parent, ids, receipts)

    async def start(self, session_id: str, *, worker: str, attempt: int | None = None) -> Claim:
        """Take a branch that waits, or with a higher `attempt` take over one that runs.

        Raises BranchTaken when another worker has it, SessionEnded, SessionNotFound. The worker
        that held the branch before can no longer complete it.
        """

        def taken(state: SessionState) -> BranchStarted:
            _refuse_ended(state)
            if state.parent_id is None:
                raise InputInvalid(
                    f"session_id: {session_id} is a root session, which no worker takes",
                    field="session_id",
                    fix="start one of its branches",
                )
            number = _next_attempt(state, wanted=attempt)
            return checked(BranchStarted, worker=worker, attempt=number)

        state, receipt = await self.decide(session_id, taken, from_memory=True)
        number = _next_attempt(state, wanted=attempt)
        return Claim(state.session_id, worker, number, receipt.position)

    async def complete(
        self,
        session_id: str,
        result: str,
        *,
        insights: Sequence[InsightDraft | str] = (),
        duration_ms: float = 0,
        claim: Claim | None = None,
        instead: str | None = None,
    ) -> CompletionReceipt:
        """End a session with its result and its insights, as one event.

        With the `claim` that `start` gave, only while it holds: raises ClaimLost otherwise. Where
        the worker `instead` was faster than the claim's, it takes over and ends it in one batch.
        """
        learned = tuple(
            as_insight(draft, insight_id=self.new_id(), extract=entities_in)
            for draft in as_drafts(insights)
        )

        def completed(state: SessionState) -> BranchCompleted:
            return checked(
                BranchCompleted,
                result=result,
                insights=learned,
                duration_ms=duration_ms,
                attempt=max(1, state.attempt),
            )

        if claim is not None and instead is not None:
            receipt = await self._end_instead(claim, instead, completed)
        else:
            receipt = await self._end(session_id, completed, claim=claim)
        return CompletionReceipt(
            **vars(receipt), insight_ids=tuple(insight.insight_id for insight in learned)
        )

    async def hedge(self, claim: Claim, *, worker: str) -> SessionReceipt:
        """Record that another worker begins a second copy beside a claim, once for an attempt.

        Raises ClaimLost where the claim holds no more, or has a second copy; SessionEnded.
        """

        def hedged(state: SessionState) -> EventData:
            _refuse_ended(state)
            if state.claim != claim or state.hedged >= claim.attempt:
                raise ClaimLost(state.session_id, worker=worker, attempt=claim.attempt)
            return checked(BranchHedged, worker=worker, attempt=claim.attempt)

        state, receipt = await self.decide(claim.session_id, hedged, from_memory=True)
        return SessionReceipt(**vars(receipt), session_id=state.session_id)

    async def _end_instead(
        self, claim: Claim, worker: str, decision: Callable[[SessionState], EventData]
    ) -> SessionReceipt:
        """End a branch in the place of a slower worker: its attempt, ours, and the end at once."""

        async def attempt() -> SessionReceipt:
            state = await self.state(claim.session_id)
            _refuse_ended(state)
            if state.claim != claim:
                raise ClaimLost(state.session_id, worker=worker, attempt=claim.attempt + 1)
            slower = checked(
                BranchFailed,
                error=f"a second copy by {worker} was faster",
                attempt=claim.attempt,
                will_retry=True,
            )
            ours = replace(state, attempt=claim.attempt + 1)
            started = checked(BranchStarted, worker=worker, attempt=ours.attempt)
            receipts = await self.append(
                [Fact(state.session_id, data) for data in (slower, started, decision(ours))],
                root_id=state.root_id,
                expected={state.session_id: state.position},
            )
            return SessionReceipt(**vars(receipts[-1]), session_id=state.session_id)

        return await self.settle(attempt)

    async def fail(
        self,
        session_id: str,
        error: str,
        *,
        will_retry: bool = False,
        claim: Claim | None = None,
    ) -> SessionReceipt:
        """Fail an attempt that gave no result; with `will_retry` the branch waits again."""
        return await self._end(
            session_id,
            lambda state: checked(
                BranchFailed, error=error, attempt=max(1, state.attempt), will_retry=will_retry
            ),
            claim=claim,
        )

    async def dead_letter(
        self, session_id: str, reason: str, *, claim: Claim | None = None
    ) -> SessionReceipt:
        """Put a branch aside that failed too often."""
        return await self._end(
            session_id,
            lambda state: checked(BranchDeadLettered, reason=reason, attempt=max(1, state.attempt)),
            claim=claim,
        )

    async def cancel(
        self, session_id: str, reason: str, *, claim: Claim | None = None
    ) -> SessionReceipt:
        """Cancel a session."""
        return await self._end(
            session_id, lambda _state: checked(BranchCancelled, reason=reason), claim=claim
        )

    async def cancel_all(
        self, session_ids: Sequence[str], reason: str, *, only_begun: bool = False
    ) -> list[SessionReceipt]:
        """Cancel the sessions that have not ended: all of them or none, at once.

        At most 1,000 sessions. Raises SessionNotFound, unless `only_begun` passes over those that
        the log does not hold.
        """
        data = checked(BranchCancelled, reason=reason)
        return await self._end_all(session_ids, lambda _state: data, only_begun=only_begun)

    async def present(self, session_ids: Iterable[str]) -> dict[str, SessionState]:
        """Return the states of those sessions that are in the log, by their ids as given."""
        gate = asyncio.Semaphore(READS_AT_ONCE)

        async def state_of(session_id: str) -> SessionState | None:
            async with gate:
                try:
                    return await self.state(session_id)
                except SessionNotFound:
                    return None

        ids = list(session_ids)
        states = zip(ids, await asyncio.gather(*map(state_of, ids)), strict=True)
        return {one: state for one, state in states if state is not None}

    async def fail_all(self, session_ids: Sequence[str], error: str) -> list[SessionReceipt]:
        """Fail the sessions that have begun and not ended, a thousand at a time."""

        def failed(state: SessionState) -> EventData:
            return checked(BranchFailed, error=error, attempt=max(1, state.attempt))

        receipts: list[SessionReceipt] = []
        for start in range(0, len(session_ids), BRANCHES_MAX):
            some = session_ids[start : start + BRANCHES_MAX]
            receipts += await self._end_all(some, failed, only_begun=True)
        return receipts

    async def _end_all(
        self,
        session_ids: Sequence[str],
        decision: Callable[[SessionState], EventData],
        *,
        only_begun: bool = False,
    ) -> list[SessionReceipt]:
        async def attempt() -> list[SessionReceipt]:
            states = await self.present(session_ids)
            gone = next((one for one in session_ids if one not in states), None)
            if gone is not None and not only_begun:
                raise SessionNotFound(gone, namespace=self.namespace)
            going = {one.session_id: one for one in states.values() if not one.ended}
            if not going:
                return []
            receipts = await self.append(
                [Fact(session_id, decision(state)) for session_id, state in going.items()],
                root_id=next(iter(going.values())).root_id,
                expected={session_id: state.position for session_id, state in going.items()},
            )
            return [
                SessionReceipt(**vars(receipt), session_id=session_id)
                for session_id, receipt in zip(going, receipts, strict=True)
            ]

        return await self.settle(attempt)

    async def close(self, session_id: str, reason: str = "done") -> SessionReceipt:
        """End a session without a result."""
        return await self._end(
            session_id, lambda _state: checked(SessionClosed, reason=reason), claim=None
        )

    async def hand_off(
        self,
        session_id: str,
        *,
        summary: str,
        to_agent: str | None = None,
        task: str | None = None,
        role: str | None = None,
    ) -> HandOffReceipt:
        """Pass a session's task and working memory to a new branch of it, as one batch.

        The receiver is forked at the session's last event, in `to_agent`'s name, with the same
        task unless another is given; the session itself ends.
        """
        receiver = self.new_id()

        async def attempt() -> HandOffReceipt:
            state = await self.going(session_id)
            heir = BranchTask(
                task=state.task if task is None else task,
                role=state.role if role is None else role,
                priority=state.priority,
                executor=state.executor,
                labels=state.labels,
                deadline=state.deadline,
                attributes=carried_attributes(state.attributes) if role is None else {},
            )
            notes = {
                key: value
                for key, value in state.working_memory.items()
                if not key.startswith(RESERVED)
            }
            passed = checked(SessionHandedOff, to=receiver, summary=summary, working_memory=notes)
            batch = [
                Fact(receiver, fork_event(state, heir), agent=to_agent),
                *(
                    Fact(receiver, checked(WorkingMemorySet, key=key, value=value), agent=to_agent)
                    for key, value in notes.items()
                ),
                Fact(state.session_id, passed),
            ]
            expected = {receiver: 0, state.session_id: state.position}
            receipts = await self.append(batch, root_id=state.root_id, expected=expected)
            return HandOffReceipt(
                **vars(receipts[-1]),
                session_id=state.session_id,
                to=receiver,
                forked_at=state.position,
                working_memory=tuple(notes),
            )

        return await self.settle(attempt)

    async def _end(
        self,
        session_id: str,
        decision: Callable[[SessionState], EventData],
        *,
        claim: Claim | None,
    ) -> SessionReceipt:
        def ended(state: SessionState) -> EventData:
            if claim is not None and claim != state.claim:
                raise ClaimLost(state.session_id, worker=claim.worker, attempt=claim.attempt)
            _refuse_ended(state)
            return decision(state)

        state, receipt = await self.decide(session_id, ended, from_memory=claim is not None)
        return SessionReceipt(**vars(receipt), session_id=state.session_id)


def _refuse_ended(state: SessionState) -> None:
    if state.ended:
        raise SessionEnded(state.session_id, status=str(state.status))


def _next_attempt(state: SessionState, *, wanted: int | None) -> int:
    held = state.claim
    if held is not None and (wanted is None or wanted <= held.attempt):
        raise BranchTaken(state.session_id, worker=held.worker, attempt=held.attempt)
    if wanted is None:
        return state.attempt + 1
    if wanted <= state.attempt:
        raise InputInvalid(
            f"attempt: {wanted} was made already, the last one was {state.attempt}",
            field="attempt",
            fix="leave the attempt out, or count on",
        )
    return wanted


def fork_event(
    parent: SessionState, branch: BranchTask, *, join: JoinTerms | None = None
) -> BranchCreated:
    """Return the event that forks `branch` from its parent as it is now. Raises InputInvalid."""
    return checked(
        BranchCreated,
        parent_id=parent.session_id,
        root_id=parent.root_id,
        forked_at=parent.position,
        depth=parent.depth + 1,
        join=join,
        **{
            **vars(branch),
            "attributes": branch.attributes or None,
            "labels": branch.labels or None,
        },
    )
