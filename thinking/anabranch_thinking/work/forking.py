"""The forks of a branch that a worker runs: put into the queue, and waited for without a slot."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from anabranch_events.event.types import JoinTerms, Then
from anabranch_events.tasks.task import Task
from anabranch_thinking.join import Join
from anabranch_thinking.sessions.forks import BUDGET, first_of_fork, fork, join_id_of, share
from anabranch_thinking.sessions.journal import checked
from anabranch_thinking.tracing import step_span
from anabranch_thinking.work.outcomes import outcome_of
from anabranch_thinking.work.waiting import joined_states, until_joined

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from anabranch_thinking.executors.base import ForkedWork
    from anabranch_thinking.sessions.sessions import BranchTask, Sessions
    from anabranch_thinking.sessions.state import SessionState
    from anabranch_thinking.thought import BranchOutcome
    from anabranch_thinking.work.fabric import Fabric
    from anabranch_thinking.work.slots import WorkSlots


class BranchForks:
    """The forks of one branch, numbered in their order.

    An attempt that is made again makes the same forks: those that stand are found, with their
    results. `waited_ms` is how long the branch waited for them.
    """

    def __init__(
        self, fabric: Fabric, state: SessionState, *, slots: WorkSlots, urgent: bool
    ) -> None:
        self.waited_ms = 0.0
        self._fabric = fabric
        self._state = state
        self._slots = slots
        self._urgent = urgent
        self._sessions: Sessions = fabric.sessions_of(state.namespace)
        self._budget = BUDGET if state.join is None else state.join.budget
        self._number = 0

    async def fork_and_wait(self, branches: Sequence[BranchTask]) -> list[BranchOutcome]:
        """Fork, leave the slot until the last of them has ended, and return how each did."""
        begun = time.perf_counter()
        try:
            async with self._slots.given_up(urgent=self._urgent):
                terms, forked_at = await self._fork(branches, Join(), then=Then.RETURN)
                await until_joined(
                    self._fabric,
                    self._state.namespace,
                    self._state.session_id,
                    terms,
                    begun_after=forked_at,
                )
                states = await joined_states(
                    self._sessions, self._state.session_id, terms, begun_after=forked_at
                )
                return [outcome_of(state) for state in states]
        finally:
            self.waited_ms += (time.perf_counter() - begun) * 1000

    async def pass_on(self, work: ForkedWork) -> None:
        """Fork, and leave the rest to the joiner: it completes the branch."""
        tasks = work.tasks
        await self._fork(tasks, Join.of(work.join, branches=len(tasks)), then=Then.COMPLETE)

    async def _fork(
        self, branches: Sequence[BranchTask], join: Join, *, then: Then
    ) -> tuple[JoinTerms, int]:
        """Fork, or find what stands; return the terms, and where the branch was at the fork."""
        state = self._state
        join_id = join_id_of(state.session_id, self._number)
        standing = await first_of_fork(self._sessions, join_id)
        self._number += 1
        if standing is not None and standing.join is not None:
            self._spend(standing.join)
            return standing.join, standing.forked_at
        last = then is Then.COMPLETE
        terms = checked(
            JoinTerms,
            join_id=join_id,
            branches=max(1, len(branches)),
            kind=join.kind,
            needed=join.needed,
            late_kept=join.late_kept,
            then=then,
            deadline=None if state.join is None else state.join.deadline,
            timeout_s=600.0 if state.join is None else state.join.timeout_s,
            retries=0 if state.join is None else state.join.retries,
            budget=share(self._budget, max(1, len(branches)), last=last),
        )
        named = [
            one if one.executor else one.model_copy(update={"executor": state.executor})
            for one in branches
        ]
        with step_span(self._fabric.tracer, "fork", root_id=state.root_id) as span:
            terms = terms.model_copy(update={"traceparent": span.traceparent})
            forks = await fork(self._sessions, state.session_id, named, terms=terms)
        self._spend(terms)
        ids = [one.session_id for one in forks]
        await put(self._fabric, state.namespace, zip(ids, named, strict=True))
        return terms, forks[0].forked_at

    def _spend(self, terms: JoinTerms) -> None:
        self._budget = max(0, self._budget - terms.branches * (1 + terms.budget))


async def put(fabric: Fabric, namespace: str, branches: Iterable[tuple[str, BranchTask]]) -> None:
    """Put branches into the queue by their ids, where we may; the joiner puts in the missing."""
    if not fabric.queue.may_put:
        return
    await fabric.queue.put(
        [
            Task(
                namespace=namespace,
                session_id=session_id,
                priority=one.priority,
                executor=one.executor,
                labels=one.labels or None,
            )
            for session_id, one in branches
        ]
    )
