"""The runner of branches in this process: fan out, bounded parallel work, outcomes gathered."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from time import perf_counter
from typing import TYPE_CHECKING, Final

from anabranch_events.errors import AnabranchError, Conflict, InputInvalid
from anabranch_thinking.errors import BranchTimedOut, ExecutorFailed
from anabranch_thinking.executors.base import BranchContext, Executor
from anabranch_thinking.sessions.findings import Finding, error_text
from anabranch_thinking.thought import BranchOutcome

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from anabranch_thinking.sessions.journal import Announcement
    from anabranch_thinking.sessions.recall import Recall
    from anabranch_thinking.sessions.receipts import BranchReceipt
    from anabranch_thinking.sessions.sessions import BranchTask, Sessions
    from anabranch_thinking.sessions.state import Claim

DEPTH_MAX: Final = 8
CALL_OFF_S: Final = 5.0
CALLED_OFF: Final = "its thought was called off"


class Slots:
    """The slots for branches that work at a time, and the most that did."""

    def __init__(self, count: int) -> None:
        self._gate = asyncio.Semaphore(count)
        self._busy = 0
        self.busy_max = 0

    @asynccontextmanager
    async def taken(self) -> AsyncGenerator[None, None]:
        """Hold a slot."""
        await self._take()
        try:
            yield
        finally:
            self._leave()

    @asynccontextmanager
    async def given_up(self) -> AsyncGenerator[None, None]:
        """Leave the slot to others, and take one again.

        A branch that waits for its own forks must not keep the slot that they need.
        """
        self._leave()
        try:
            yield
        finally:
            await self._take()

    async def _take(self) -> None:
        await self._gate.acquire()
        self._busy += 1
        self.busy_max = max(self.busy_max, self._busy)

    def _leave(self) -> None:
        self._busy -= 1
        self._gate.release()


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
        announce: Announcement | None = None,
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
        self._announce = announce

    async def fan_out(
        self, parent_id: str, branches: Sequence[BranchTask], *, depth: int = 1
    ) -> list[BranchOutcome]:
        """Fork `branches` as one batch, run them, and return how each ended, in their order.

        One that fails does not fail the others. When this is cancelled, or the log does not answer,
        the branches still running are cancelled, with their forks.
        """
        if depth > DEPTH_MAX:
            raise InputInvalid(
                f"branches: a thought branches at most {DEPTH_MAX} deep",
                field="branches",
                fix="let the branch do the work itself",
            )
        named = [
            branch
            if branch.executor
            else branch.model_copy(update={"executor": self._executor.name})
            for branch in branches
        ]
        forks = await self._sessions.fan_out(parent_id, named, announce=self._announce)
        self.outcomes.update((fork.session_id, None) for fork in forks)
        running = [
            asyncio.create_task(self._run(fork, task, depth=depth))
            for fork, task in zip(forks, named, strict=True)
        ]
        try:
            return await asyncio.gather(*running)
        except BaseException:
            for one in running:
                # Asked a second time it would leave its own clean-up.
                if not one.cancelling():
                    one.cancel()
            await asyncio.gather(*running, return_exceptions=True)
            with suppress(TimeoutError, AnabranchError):
                await self._call_off(forks, depth=depth)
            raise

    async def _call_off(self, forks: Sequence[BranchReceipt], *, depth: int) -> None:
        going = [fork for fork in forks if self.outcomes[fork.session_id] is None]
        async with asyncio.timeout(CALL_OFF_S):
            await self._sessions.cancel_all([fork.session_id for fork in going], CALLED_OFF)
            for fork in going:
                self.outcomes[fork.session_id] = await self._outcome(
                    fork, duration_ms=0, depth=depth
                )

    async def _run(self, fork: BranchReceipt, task: BranchTask, *, depth: int) -> BranchOutcome:
        async with self._slots.taken():
            outcome = await self._attempts(fork, task, depth=depth)
        self.outcomes[fork.session_id] = outcome
        return outcome

    async def _attempts(
        self, fork: BranchReceipt, task: BranchTask, *, depth: int
    ) -> BranchOutcome:
        duration_ms = 0.0
        try:
            for remaining in reversed(range(self._retries + 1)):
                claim = await self._sessions.start(fork.session_id, worker=self._worker)
                begun = perf_counter()
                try:
                    finding = await self._found(fork, task, claim, depth=depth)
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
                    await self._sessions.fail(
                        fork.session_id, error_text(error), will_retry=remaining > 0, claim=claim
                    )
        except Conflict as error:
            # Another process took, ended or cancelled the branch: the log's word holds.
            return await self._outcome(fork, duration_ms=duration_ms, depth=depth, lost=error)
        return await self._outcome(fork, duration_ms=duration_ms, depth=depth)

    async def _found(
        self, fork: BranchReceipt, task: BranchTask, claim: Claim, *, depth: int
    ) -> Finding:
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
            forking=lambda branches: self._fork(fork.session_id, branches, depth=depth),
        )
        allowed_s = self._timeout_s
        if task.deadline is not None:
            left_s = (task.deadline - datetime.now(UTC)).total_seconds()
            allowed_s = max(0.0, min(allowed_s, left_s))
        limit = asyncio.timeout(allowed_s)
        try:
            async with limit:
                found = await self._executor.run(branch)
        except TimeoutError:
            if limit.expired():
                raise BranchTimedOut(fork.session_id, timeout_s=allowed_s) from None
            raise
        return _finding(found, by=self._executor.name)

    async def _fork(
        self, parent_id: str, branches: Sequence[BranchTask], *, depth: int
    ) -> list[BranchOutcome]:
        begun = perf_counter()
        try:
            async with self._slots.given_up():
                return await self.fan_out(parent_id, branches, depth=depth + 1)
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
        state = await self._sessions.state(fork.session_id)
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


def _finding(found: object, *, by: str) -> Finding:
    """Return what an executor found. Raises ExecutorFailed where that is no finding."""
    if isinstance(found, Finding):
        return found
    if isinstance(found, str):
        return Finding.of(found)
    raise ExecutorFailed(
        f"{by} returned {type(found).__name__}",
        fix="return a text or a Finding: is a `return` missing?",
    )
