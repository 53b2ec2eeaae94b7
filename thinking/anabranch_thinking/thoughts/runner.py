"""The runner of branches in this process: fan out, bounded parallel work, outcomes gathered."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import UTC, datetime
from time import perf_counter
from typing import TYPE_CHECKING, Final

from anabranch_events.errors import AnabranchError, Conflict, InputInvalid
from anabranch_thinking.errors import DoNotRetry, NothingLearned, RetryLater, SessionNotFound
from anabranch_thinking.executors.base import BranchContext, Executor, ForkedWork
from anabranch_thinking.executors.policy import given_up, tries_again
from anabranch_thinking.executors.running import Running
from anabranch_thinking.join import ALL, LATE, BranchEnd, Join, Verdict, decide
from anabranch_thinking.sessions.carried import carried
from anabranch_thinking.sessions.findings import Finding, error_text
from anabranch_thinking.sessions.forks import BUDGET, DEPTH_MAX, too_many
from anabranch_thinking.sessions.many import LOST
from anabranch_thinking.sessions.state import Status
from anabranch_thinking.thought import BranchOutcome, Consolidation
from anabranch_thinking.tracing import branch_span

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anabranch_recall import Embedder
    from anabranch_thinking.sessions.journal import Announcement
    from anabranch_thinking.sessions.opening import Opening
    from anabranch_thinking.sessions.recall import Recall
    from anabranch_thinking.sessions.receipts import BranchReceipt
    from anabranch_thinking.sessions.sessions import BranchTask, Sessions
    from anabranch_thinking.sessions.state import Claim
    from anabranch_thinking.thoughts.slots import Slots
    from anabranch_thinking.tracing import Span, Tracer

CALL_OFF_S: Final = 5.0
CALLED_OFF: Final = "its thought was called off"


class BranchRunner:
    """The runner of a thought's branches in this process: it forks them and works on them.

    `outcomes` holds every branch in the order of forking, None for one that still goes on.
    `waited_ms` is how long branches together waited for their own forks.
    """

    def __init__(
        self,
        sessions: Sessions,
        executor: Executor,
        *,
        recall: Recall | None,
        slots: Slots,
        timeout_s: float,
        retries: int,
        worker: str,
        embedder: Embedder | None = None,
        branches_max: int = BUDGET,
        announce: Announcement | None = None,
        tracer: Tracer | None = None,
    ) -> None:
        self.outcomes: dict[str, BranchOutcome | None] = {}
        self.waited_ms = 0.0
        self._sessions = sessions
        self._executor = executor
        self._recall = recall
        self._slots = slots
        self._timeout_s = timeout_s
        self._retries = retries
        self._worker = worker
        self._embedder = embedder
        self._branches_max = branches_max
        self._announce = announce
        self._tracer = tracer
        self._begun_after: dict[str, int] = {}

    async def fan_out(
        self,
        parent_id: str,
        branches: Sequence[BranchTask],
        *,
        depth: int = 1,
        join: Join = ALL,
        deadline: datetime | None = None,
        opening: Opening | None = None,
    ) -> Verdict:
        """Fork `branches` as one batch and run them until they are joined; return the verdict.

        With `opening` their parent begins with them.

        One that fails does not fail the others. Those that are late are cancelled, or waited for
        where they are kept. When this is cancelled, or the log does not answer, the branches still
        running are cancelled, with their forks.
        """
        self.check_size(branches, depth=depth)
        named = [
            branch
            if branch.executor
            else branch.model_copy(update={"executor": self._executor.name})
            for branch in branches
        ]
        forks = await self._sessions.fan_out(
            parent_id, named, announce=self._announce, opening=opening
        )
        self._begun_after.setdefault(parent_id, forks[0].position - 1)
        self.outcomes.update((fork.session_id, None) for fork in forks)
        running = [
            asyncio.create_task(self._run(fork, task, depth=depth))
            for fork, task in zip(forks, named, strict=True)
        ]
        try:
            verdict = await self._verdict(forks, running, join=join, deadline=deadline)
            await self._end_late(forks, running, kept=join.late_kept, depth=depth)
        except BaseException:
            await _end_all(running)
            with suppress(TimeoutError, AnabranchError):
                await self._call_off(forks, CALLED_OFF, depth=depth)
            raise
        return verdict

    def check_size(self, branches: Sequence[BranchTask], *, depth: int = 1) -> None:
        """Raise InputInvalid for a fork that is too deep, or more branches than are left."""
        if depth > DEPTH_MAX:
            raise InputInvalid(
                f"branches: a thought branches at most {DEPTH_MAX} deep",
                field="branches",
                fix="let the branch do the work itself",
            )
        left = self._branches_max - len(self.outcomes)
        if len(branches) > left:
            raise too_many(len(branches), budget=left)

    async def _verdict(
        self,
        forks: Sequence[BranchReceipt],
        running: Sequence[asyncio.Task[BranchOutcome]],
        *,
        join: Join,
        deadline: datetime | None,
    ) -> Verdict:
        """Wait until the join is decided."""
        going = set(running)
        while True:
            ends = {fork.session_id: _end(self.outcomes[fork.session_id]) for fork in forks}
            overdue = deadline is not None and datetime.now(UTC) >= deadline
            # Of `all` nothing is decided before the last one ends: that is looked at once.
            verdict = (
                None
                if going and join == ALL and not overdue
                else decide(join, ends, overdue=overdue)
            )
            if verdict is not None:
                return verdict
            left_s = None
            if deadline is not None:
                left_s = max(0.001, (deadline - datetime.now(UTC)).total_seconds())
            done, going = await asyncio.wait(
                going,
                timeout=left_s,
                return_when=asyncio.FIRST_EXCEPTION if join == ALL else asyncio.FIRST_COMPLETED,
            )
            for one in done:
                one.result()  # Raises what ended it.

    async def _end_late(
        self,
        forks: Sequence[BranchReceipt],
        running: Sequence[asyncio.Task[BranchOutcome]],
        *,
        kept: bool,
        depth: int,
    ) -> None:
        """Wait for late branches where they are kept, or cancel them."""
        if kept:
            await asyncio.gather(*running)
        elif any(not one.done() for one in running):
            await _end_all(running)
            await self._call_off(forks, LATE, depth=depth)

    async def _call_off(self, forks: Sequence[BranchReceipt], reason: str, *, depth: int) -> None:
        going = [fork for fork in forks if self.outcomes[fork.session_id] is None]
        async with asyncio.timeout(CALL_OFF_S):
            present = await self._sessions.present([fork.session_id for fork in going])
            await self._sessions.cancel_all(list(present), reason)
            for fork in going:
                if fork.session_id not in present:
                    continue
                self.outcomes[fork.session_id] = await self._outcome(
                    fork, duration_ms=0, depth=depth
                )

    async def _run(self, fork: BranchReceipt, task: BranchTask, *, depth: int) -> BranchOutcome:
        async with self._slots.taken():
            with branch_span(
                self._tracer,
                session_id=fork.session_id,
                root_id=fork.root_id,
                role=task.role,
                executor=self._executor.name,
                worker=self._worker,
            ) as span:
                outcome = await self._attempts(fork, task, span, depth=depth)
                span.note("anabranch.outcome", str(outcome.status))
        self.outcomes[fork.session_id] = outcome
        return outcome

    async def _attempts(
        self, fork: BranchReceipt, task: BranchTask, span: Span, *, depth: int
    ) -> BranchOutcome:
        duration_ms = 0.0
        errors: list[str] = []
        try:
            while True:
                claim = await self._sessions.start(fork.session_id, worker=self._worker)
                begun = perf_counter()
                try:
                    found = await self._found(fork, task, claim, depth=depth)
                    finding = await self._finding(fork, found, depth=depth)
                    duration_ms = (perf_counter() - begun) * 1000
                    await self._sessions.complete(
                        fork.session_id,
                        finding.result,
                        insights=finding.insights,
                        duration_ms=duration_ms,
                        claim=claim,
                    )
                    break
                except Exception as error:  # noqa: BLE001 - an executor is anybody's code.
                    duration_ms = (perf_counter() - begun) * 1000
                    errors.append(f"attempt {claim.attempt} by {self._worker}: {error_text(error)}")
                    if not await self._failed(claim, error, errors):
                        span.fail(error)
                        break
        except Conflict as error:
            # Another process took, ended or cancelled the branch: the log's word holds.
            return await self._outcome(fork, duration_ms=duration_ms, depth=depth, lost=error)
        except SessionNotFound:  # An operator took it out of the stream.
            return BranchOutcome(
                session_id=fork.session_id,
                parent_id=fork.parent_id,
                depth=depth,
                task=task.task,
                role=task.role,
                status=Status.FAILED,
                duration_ms=duration_ms,
                attempts=len(errors),
                error=LOST,
            )
        return await self._outcome(fork, duration_ms=duration_ms, depth=depth)

    async def _failed(self, claim: Claim, error: Exception, errors: Sequence[str]) -> bool:
        """Record a failed attempt; wait for the next one, or tell that there is none."""
        if tries_again(error, attempt=claim.attempt, retries=self._retries):
            text = error_text(error)
            await self._sessions.fail(claim.session_id, text, will_retry=True, claim=claim)
            await asyncio.sleep(error.delay_s if isinstance(error, RetryLater) else 0)
            return True
        if claim.attempt > 1:
            reason = given_up(errors)
            await self._sessions.dead_letter(claim.session_id, reason, claim=claim)
        else:
            await self._sessions.fail(claim.session_id, error_text(error), claim=claim)
        return False

    async def _finding(
        self, fork: BranchReceipt, found: Finding | ForkedWork, *, depth: int
    ) -> Finding:
        """Return the finding; of work that was passed on, what the forks' consolidation says."""
        if isinstance(found, Finding):
            return found
        tasks = found.tasks
        join = Join.of(found.join, branches=len(tasks))
        verdict = await self._fork(fork.session_id, tasks, depth=depth, join=join)
        outcomes = [self.outcomes[session_id] for session_id in verdict.counted]
        counted = [one for one in outcomes if one is not None and one.result is not None]
        if not counted:
            raise DoNotRetry(f"none of its forks completed: {verdict.reason}")
        text = await self.consolidate(fork.session_id, verdict)
        return Finding(result=text or "\n".join(one.result or "" for one in counted))

    def below(self, parent_id: str, verdict: Verdict) -> list[str]:
        """Return the branches of a session that count, and all below them, in their order."""
        counted = set(verdict.counted)
        wanted: set[str] = set()
        found: list[str] = []
        for session_id, outcome in self.outcomes.items():
            if outcome is None or outcome.error == LOST:
                continue
            direct = outcome.parent_id == parent_id
            if session_id in counted if direct else outcome.parent_id in wanted:
                wanted.add(session_id)
                found.append(session_id)
        return found

    async def consolidate(self, parent_id: str, verdict: Verdict) -> str | None:
        """Consolidate what the counted branches of a session found; None where it is nothing."""
        found = await self.consolidation(parent_id, self.below(parent_id, verdict))
        return None if found is None else found.text

    async def consolidation(
        self, parent_id: str, session_ids: Sequence[str]
    ) -> Consolidation | None:
        """Consolidate sessions, or return nothing where they learned nothing."""
        from anabranch_thinking.consolidation.consolidate import (  # It takes numpy.
            consolidate_thought,
        )

        with suppress(NothingLearned):
            return await consolidate_thought(
                self._sessions,
                parent_id,
                session_ids=session_ids,
                embedder=self._embedder,
                recall=self._recall,
                begun_after=self._begun_after.get(parent_id),
            )
        return None

    async def _found(
        self, fork: BranchReceipt, task: BranchTask, claim: Claim, *, depth: int
    ) -> Finding | ForkedWork:
        role = carried(task.attributes)
        branch = BranchContext(
            sessions=self._sessions,
            session_id=fork.session_id,
            parent_id=fork.parent_id,
            root_id=fork.root_id,
            task=task.task,
            role=task.role,
            depth=depth,
            attempt=claim.attempt,
            deadline=task.deadline,
            asking=self._recall,
            forking=lambda branches: self._fork_and_wait(fork.session_id, branches, depth=depth),
            instructions=role.instructions,
            scope=role.scope,
        )
        allowed_s = self._timeout_s
        if task.deadline is not None:
            left_s = (task.deadline - datetime.now(UTC)).total_seconds()
            allowed_s = max(0.0, min(allowed_s, left_s))
        return await Running(self._executor, branch).found(within_s=allowed_s)

    async def _fork_and_wait(
        self, parent_id: str, branches: Sequence[BranchTask], *, depth: int
    ) -> list[BranchOutcome]:
        before = set(self.outcomes)
        await self._fork(parent_id, branches, depth=depth, join=ALL)
        return [
            outcome
            for session_id, outcome in self.outcomes.items()
            if outcome is not None and outcome.parent_id == parent_id and session_id not in before
        ]

    async def _fork(
        self, parent_id: str, branches: Sequence[BranchTask], *, depth: int, join: Join
    ) -> Verdict:
        begun = perf_counter()
        try:
            async with self._slots.given_up():
                return await self.fan_out(parent_id, branches, depth=depth + 1, join=join)
        finally:
            self.waited_ms += (perf_counter() - begun) * 1000

    async def _outcome(
        self,
        fork: BranchReceipt,
        *,
        duration_ms: float,
        depth: int,
        lost: Conflict | None = None,
    ) -> BranchOutcome:
        """Return how the branch ended, by the log."""
        state = await self._sessions.ended_state(fork.session_id)
        assert state.status is not None  # noqa: S101 - a state that was found has one.
        return BranchOutcome(
            session_id=fork.session_id,
            parent_id=fork.parent_id,
            depth=depth,
            task=state.task,
            role=state.role,
            status=state.status,
            result=state.result,
            insight_ids=tuple(insight.insight_id for insight in state.insights),
            duration_ms=duration_ms,
            attempts=state.attempt,
            worker=state.claim.worker if state.claim else None,
            error=lost.message if lost else state.error,
        )


async def _end_all(running: Sequence[asyncio.Task[BranchOutcome]]) -> None:
    """Cancel what runs, and wait until it has ended."""
    for one in running:
        # Asked a second time it would leave its own clean-up.
        if not one.done() and not one.cancelling():
            one.cancel()
    await asyncio.gather(*running, return_exceptions=True)


def _end(outcome: BranchOutcome | None) -> BranchEnd | None:
    return None if outcome is None else BranchEnd(outcome.status, outcome.result)
