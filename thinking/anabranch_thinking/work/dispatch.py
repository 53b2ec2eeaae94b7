"""A thought over workers: forked here, worked on anywhere, joined by the joiner, and waited for."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from anabranch_events.errors import AnabranchError
from anabranch_events.event.types import JoinTerms, Priority, SessionOpened, Then
from anabranch_events.tasks.signals import WORKERS
from anabranch_thinking.errors import SessionNotFound, ThoughtFailed
from anabranch_thinking.join import ALL, LATE, Join
from anabranch_thinking.sessions.forks import BUDGET, fork, fork_ids, join_id_of, share
from anabranch_thinking.sessions.journal import checked
from anabranch_thinking.sessions.many import LOST
from anabranch_thinking.sessions.opening import Opening
from anabranch_thinking.sessions.state import Status
from anabranch_thinking.thought import BranchOutcome, Consolidation, Thought
from anabranch_thinking.tracing import step_span
from anabranch_thinking.work.allowed import RECALLING
from anabranch_thinking.work.calling_off import call_off
from anabranch_thinking.work.forking import put
from anabranch_thinking.work.outcomes import outcome_of, tree_of
from anabranch_thinking.work.waiting import until_joined

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from anabranch_thinking.sessions.sessions import BranchTask, Sessions
    from anabranch_thinking.sessions.state import SessionState
    from anabranch_thinking.work.fabric import Fabric

CALL_OFF_S: Final = 5.0
_GOING: Final = frozenset({Status.PENDING, Status.RUNNING})
CALLED_OFF: Final = "its thought was called off"
_log: Final = logging.getLogger("anabranch")


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkTerms:
    """The terms of a thought over workers, beside its tasks."""

    executor: str = RECALLING
    join: Join = ALL
    deadline: datetime | None = None
    priority: Priority = Priority.NORMAL
    timeout_s: float = 600.0
    retries: int = 0
    branches_max: int = BUDGET


class ThoughtOverWorkers:
    """A thought whose branches go to workers.

    `begin` stores it whole; from then on it goes on without this process. `joined` waits for its
    end.
    """

    def __init__(self, fabric: Fabric, sessions: Sessions, terms: WorkTerms) -> None:
        self.root_id = ""
        self._fabric = fabric
        self._sessions = sessions
        self._terms = terms
        self._join: JoinTerms | None = None
        self._asked: dict[str, BranchTask] = {}
        self._begun_after = 0
        self._gone: int | None = None
        self._own = False
        self._begun = self._forked = perf_counter()

    async def begin(
        self,
        task: str,
        branches: Sequence[BranchTask],
        *,
        session_id: str | None,
        announce: Callable[[Sequence[str]], None] | None = None,
    ) -> list[str]:
        """Open the thought, or take up the session, fork the branches, and queue them.

        Returns the branches' sessions.
        """
        sessions, given = self._sessions, self._terms
        budget = share(given.branches_max, len(branches), last=True)
        if self._fabric.queue.may_put:
            await self._fabric.queue.ensure()
        self._own = session_id is None
        opening = None
        if session_id is None:
            self._gone = await sessions.gone()
            self.root_id = sessions.new_id()
            opening = Opening(
                self.root_id, checked(SessionOpened, task=task, priority=given.priority)
            )
            if announce is not None:
                announce([self.root_id])
        else:
            self.root_id = (await sessions.going(session_id)).session_id
        # A session may think again and again; a thought of its own does so once.
        join_id = join_id_of(self.root_id, 0) if self._own else sessions.new_id()
        terms = checked(
            JoinTerms,
            join_id=join_id,
            branches=len(branches),
            kind=given.join.kind,
            needed=given.join.needed,
            late_kept=given.join.late_kept,
            deadline=given.deadline,
            then=Then.CLOSE if self._own else Then.KEEP,
            timeout_s=given.timeout_s,
            retries=given.retries,
            budget=budget,
        )
        named = [
            one if one.executor else one.model_copy(update={"executor": given.executor})
            for one in branches
        ]
        try:
            with step_span(self._fabric.tracer, "fork", root_id=self.root_id) as span:
                self._join = terms.model_copy(update={"traceparent": span.traceparent})
                forks = await fork(sessions, self.root_id, named, terms=self._join, opening=opening)
            self._forked = perf_counter()
            self._begun_after = forks[0].position - 1
            self._asked = {one.session_id: task for one, task in zip(forks, named, strict=True)}
            await self._put([one.session_id for one in forks], named)
        except BaseException:
            await self.call_off()
            raise
        return [one.session_id for one in forks]

    async def _put(self, session_ids: Sequence[str], tasks: Sequence[BranchTask]) -> None:
        """Queue the branches; what does not get there now is put there by the joiner."""
        branches = zip(session_ids, tasks, strict=True)
        try:
            await put(self._fabric, self._sessions.namespace, branches)
        except AnabranchError as error:
            _log.warning("branches of %s are not queued yet: %s", self.root_id, error)

    async def joined(self) -> Thought:
        """Wait until the thought is joined; return it. Cancelled, it calls the thought off.

        Raises ThoughtFailed where no branch completed.
        """
        if self._join is None:
            raise AssertionError("the thought has not begun")
        try:
            await until_joined(
                self._fabric,
                self._sessions.namespace,
                self.root_id,
                self._join,
                begun_after=self._begun_after,
                gone=self._gone,
            )
            joined = perf_counter()
            states = await tree_of(
                self._sessions, self.root_id, self._join, begun_after=self._begun_after
            )
        except BaseException:
            await self.call_off()
            raise
        root = await self._sessions.state(self.root_id)
        outcomes = tuple(outcome_of(self._with_task(one, root.depth + 1)) for one in states)
        if not any(outcome.status is Status.COMPLETED for outcome in outcomes):
            raise ThoughtFailed(
                self.root_id,
                errors={one.session_id: _reason(one) for one in outcomes},
                late=[
                    one.session_id
                    for one in outcomes
                    if one.error == LATE or one.status in _GOING
                    if root.status is not Status.CANCELLED
                ],
            )
        parallel_ms = (joined - self._forked) * 1000
        sequential_ms = _sequential_ms(outcomes)
        return Thought(
            session_id=self.root_id,
            task=root.task,
            branches=outcomes,
            consolidation=_consolidation(root, self._join.join_id),
            total_branches=len(outcomes),
            total_duration_ms=(perf_counter() - self._begun) * 1000,
            parallel_ms=parallel_ms,
            sequential_ms=sequential_ms,
            parallel_max=_parallel_max(states),
            speed_up=sequential_ms / parallel_ms if parallel_ms else 1.0,
            position=root.position,
        )

    def _with_task(self, state: SessionState, depth: int) -> SessionState:
        """Return a branch of ours that the log holds no more with what was asked of it."""
        asked = self._asked.get(state.session_id)
        if state.error != LOST or asked is None:
            return state
        return replace(state, task=asked.task, role=asked.role, depth=depth)

    async def call_off(self) -> None:
        """Cancel the thought, as far as the log answers."""
        if not self.root_id:
            return
        join = self._join
        with suppress(TimeoutError, AnabranchError):
            async with asyncio.timeout(CALL_OFF_S):
                if self._own or join is None:
                    with suppress(SessionNotFound):  # Taken out of the log: its branches go on.
                        await call_off(
                            self._fabric, self._sessions.namespace, self.root_id, CALLED_OFF
                        )
                        return
                if join is not None:
                    await _call_off_fork(self._fabric, self._sessions, join)


async def workers_of(fabric: Fabric, namespace: str) -> list[dict[str, object]]:
    """Return what the workers of a namespace say of themselves, by their names."""
    found = await fabric.queue.signals.ask_all(WORKERS, namespace)
    return sorted(found, key=lambda one: str(one.get("worker")))


async def _call_off_fork(fabric: Fabric, sessions: Sessions, join: JoinTerms) -> None:
    for session_id in fork_ids(join.join_id, join.branches):
        with suppress(SessionNotFound):
            await call_off(fabric, sessions.namespace, session_id, CALLED_OFF)


def _sequential_ms(outcomes: Sequence[BranchOutcome]) -> float:
    """Return what the branches would take one after another, without waits for their forks.

    A branch that passed its work on lasts as long as its forks: only these count.
    """
    parents = {outcome.parent_id for outcome in outcomes}
    leaves = [one for one in outcomes if one.session_id not in parents]
    return sum(one.duration_ms for one in leaves)


def _reason(outcome: BranchOutcome) -> str:
    """Return why a branch gave no result."""
    if outcome.status in _GOING:
        return f"it was still {outcome.status} when the thought was joined"
    return outcome.error or str(outcome.status)


def _parallel_max(states: Sequence[SessionState]) -> int:
    """Return the most branches that were at work at the same time, by the log's clocks."""
    parents = {state.parent_id for state in states}
    moves = sorted(
        (moment, step)
        for state in states
        if state.started_at and state.ended_at and state.session_id not in parents
        for moment, step in ((state.started_at, 1), (state.ended_at, -1))
    )
    busy = most = 0
    for _, step in moves:
        busy += step
        most = max(most, busy)
    return max(most, min(1, len(moves)))


def _consolidation(root: SessionState, join_id: str) -> Consolidation | None:
    standing = root.consolidation
    if standing is None or standing.data.consolidation_id != join_id:
        return None
    return Consolidation(
        **vars(standing.data),
        event_id=standing.event_id,
        position=standing.position,
        associations=len(root.links),
    )
