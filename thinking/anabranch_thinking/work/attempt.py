"""One attempt at a branch: claimed, run, its end recorded, and only then its task done away with.

The claim and the end are conditional appends. Of two workers that have the same branch one records
its end, and the other drops what it found. Freezes, cuts and kills in between change nothing.
"""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, TypeVar

from anabranch_events.errors import Conflict, NamespaceEnded, NotFound, Unavailable
from anabranch_events.event.types import BranchFailed, BranchStarted, Priority, Then
from anabranch_thinking.errors import ClaimLost, SessionEnded
from anabranch_thinking.executors.base import BranchContext, ForkedWork
from anabranch_thinking.executors.policy import attempts_max, pause_s, tries_again
from anabranch_thinking.executors.running import Running
from anabranch_thinking.sessions.carried import carried
from anabranch_thinking.sessions.findings import Finding, error_text
from anabranch_thinking.sessions.forks import forks_of
from anabranch_thinking.sessions.journal import Fact, checked
from anabranch_thinking.sessions.state import Claim, SessionState
from anabranch_thinking.tracing import Span, branch_span
from anabranch_thinking.work.forking import BranchForks
from anabranch_thinking.work.history import HANDED_BACK, attempts_at, errors_of, own_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Generator

    from anabranch_events.tasks.delivery import Delivery
    from anabranch_thinking.executors.base import Executor
    from anabranch_thinking.sessions.sessions import Sessions
    from anabranch_thinking.work.fabric import Fabric
    from anabranch_thinking.work.history import AttemptMade
    from anabranch_thinking.work.slots import WorkSlots

LOOK_S: Final = 1.0
"""The time after which an attempt looks whether the bound of silence is another one."""
RECORD_PAUSE_S: Final = 0.2
TIMEOUT_S: Final = 600.0
HANDED_BACK_FACTOR: Final = 4
"""A branch that is handed back again and again is claimed so many times as often, at most."""
_log: Final = logging.getLogger("anabranch")
Answer = TypeVar("Answer")


class Attempt:
    """A delivery in work. `delivery` is replaced where the queue delivers the task again to us.

    `begun` is the state of a branch that nobody had when it was read.
    """

    def __init__(
        self,
        fabric: Fabric,
        delivery: Delivery,
        executor: Executor,
        *,
        slots: WorkSlots,
        worker: str,
        begun: SessionState | None = None,
    ) -> None:
        self.delivery = delivery
        self.session_id = delivery.task.session_id
        self.priority = delivery.task.priority
        self.urgent = self.priority is Priority.CRITICAL
        self.outrun = False
        """True once another worker's second copy was faster."""
        self.outcome: str | None = None
        self._fabric = fabric
        self._sessions: Sessions = fabric.sessions_of(delivery.task.namespace)
        self._executor = executor
        self._slots = slots
        self._worker = worker
        self._begun = begun
        self._claim: Claim | None = None
        self._working: Running | None = None
        self._stopped: str | None = None
        self._traced: Span | None = None

    def stop(self, reason: str) -> None:
        """End the work on the branch: it has ended in the log, or is another worker's by now."""
        self._stopped = reason
        if self._working is not None:
            self._working.stop()

    async def run(self) -> None:
        """Work on the branch, to an end in the log or back to the queue."""
        try:
            await self._run()
        except (NotFound, SessionEnded, NamespaceEnded):  # It was never stored, or has ended.
            await self.delivery.done()
        except ClaimLost:
            self.outcome = "lost"  # The task is in the hands of another worker: it is not ours.
        except Conflict:
            await self.delivery.give_back(delay_s=self.delivery.silence_s / 4)
        except Unavailable as error:
            _log.warning("branch %s is given back: %s", self.session_id, error)
            await self.delivery.give_back(delay_s=1.0)
        except asyncio.CancelledError:
            if self._claim is None:
                await self._give_on()
            raise

    async def _run(self) -> None:
        # The state read a moment ago is enough: the claim is conditional on it.
        state = self._begun or await self._sessions.state(self.session_id)
        if state.ended:
            await self.delivery.done()
            return
        if state.claim is not None and await self._forked_on(state):
            await self.delivery.done()  # The worker before passed the work on to forks.
            return
        if await self._is_poison(state):
            await self._put_aside(state)
            return
        with self._span(state):
            self._claim = await self._claimed(state)
            async with self._beating():
                try:
                    await self._work(state, self._claim)
                except asyncio.CancelledError:
                    await self._hand_back()
                    raise

    @contextmanager
    def _span(self, state: SessionState) -> Generator[None]:
        """Make a span of the attempt, linked to the fork that its task came from."""
        with branch_span(
            self._fabric.tracer,
            session_id=state.session_id,
            root_id=state.root_id,
            role=state.role,
            executor=self._executor.name,
            worker=self._worker,
            linked=None if state.join is None else state.join.traceparent,
        ) as self._traced:
            yield
            if self.outcome is not None:
                self._traced.note("anabranch.outcome", self.outcome)

    async def _forked_on(self, state: SessionState) -> bool:
        forks = await forks_of(self._sessions, state.session_id)
        return bool(forks) and forks[-1].then is Then.COMPLETE

    async def _is_poison(self, state: SessionState) -> bool:
        """Tell whether a branch was claimed too often; one that was handed back counts less."""
        limit = attempts_max(0 if state.join is None else state.join.retries)
        if state.attempt < limit:
            return False
        if state.attempt >= limit * HANDED_BACK_FACTOR:
            return True
        return len(own_of(await attempts_at(self._sessions, self.session_id))) >= limit

    async def _put_aside(self, state: SessionState) -> None:
        """Put aside a branch whose workers died, or had no time for it, again and again."""
        silent = f"worker {state.claim.worker} fell silent" if state.claim else ""
        reason = errors_of(await attempts_at(self._sessions, self.session_id), last=silent)
        await self._sessions.dead_letter(self.session_id, reason, claim=state.claim)
        self.outcome = "dead_lettered"
        await self.delivery.done()

    async def _claimed(self, state: SessionState) -> Claim:
        """Take the branch; take it over where its worker has fallen silent.

        The queue delivers a task again only then: a branch is in it once. The attempt of the silent
        worker is ended in the same batch.
        """
        held = state.claim
        if held is None:
            return await self._sessions.start(self.session_id, worker=self._worker)
        attempt = state.attempt + 1
        silent = checked(
            BranchFailed,
            error=f"worker {held.worker} fell silent",
            attempt=held.attempt,
            will_retry=True,
        )
        started = checked(BranchStarted, worker=self._worker, attempt=attempt)
        receipts = await self._sessions.append(
            [Fact(self.session_id, silent), Fact(self.session_id, started)],
            root_id=state.root_id,
            expected={self.session_id: state.position},
        )
        return Claim(self.session_id, self._worker, attempt, receipts[-1].position)

    async def _work(self, state: SessionState, claim: Claim) -> None:
        begun = time.perf_counter()
        forks = BranchForks(self._fabric, state, slots=self._slots, urgent=self.urgent)
        try:
            found = await self._found(state, claim, forks)
        except asyncio.CancelledError:
            if self._stopped is None or _is_cancelled():
                raise  # The worker ends.
            self.outcome = "stopped"
            await self._settle_stopped()
            return
        except Exception as error:  # noqa: BLE001 - an executor is anybody's code.
            await self._noted_failure(state, claim, error)
            return
        duration_ms = (time.perf_counter() - begun) * 1000 - forks.waited_ms
        try:
            if isinstance(found, ForkedWork):
                await self._answered(lambda: forks.pass_on(found))
                self.outcome = "forked"
            else:
                await self._answered(lambda: self._completed(found, claim, duration_ms))
                self.outcome = "completed"
        except (SessionEnded, ClaimLost, Unavailable):
            raise
        except Exception as error:  # noqa: BLE001 - a finding that cannot be stored is a failure.
            await self._noted_failure(state, claim, error)
            return
        await self.delivery.done()

    async def _noted_failure(self, state: SessionState, claim: Claim, error: Exception) -> None:
        if self._traced is not None:
            self._traced.fail(error)
        await self._failed(state, claim, error)

    async def _settle_stopped(self) -> None:
        """Do away with the task of a branch that has ended; one of another worker is not ours."""
        state = await self._answered(lambda: self._sessions.state(self.session_id))
        if state.ended:
            self.outrun = state.hedged > 0 and state.claim != self._claim
            await self.delivery.done()

    async def _found(
        self, state: SessionState, claim: Claim, forks: BranchForks
    ) -> Finding | ForkedWork:
        assert state.parent_id is not None  # noqa: S101 - a branch that was claimed has one.
        role = carried(state.attributes)
        branch = BranchContext(
            sessions=self._sessions,
            session_id=state.session_id,
            parent_id=state.parent_id,
            root_id=state.root_id,
            task=state.task,
            role=state.role,
            depth=state.depth,
            attempt=claim.attempt,
            deadline=_deadline(state),
            asking=self._fabric.recall(self._sessions.namespace),
            forking=forks.fork_and_wait,
            instructions=role.instructions,
            scope=role.scope,
        )
        # A task of its own can be stopped without an end to the attempt, which has more to do.
        working = self._working = Running(self._executor, branch)
        if self._stopped is not None:
            working.stop()
        try:
            return await working.found(within_s=_allowed_s(state))
        finally:
            self._working = None

    async def _completed(self, found: Finding, claim: Claim, duration_ms: float) -> None:
        await self._sessions.complete(
            self.session_id,
            found.result,
            insights=found.insights,
            duration_ms=max(0.0, duration_ms),
            claim=claim,
            instead=self._instead,
        )

    @property
    def _instead(self) -> str | None:
        """The worker that ends the branch in place of the one that has it, if this is another."""
        return None

    async def _failed(self, state: SessionState, claim: Claim, error: Exception) -> None:
        """Record a failed attempt, and have another one made where that may help."""
        retries = 0 if state.join is None else state.join.retries
        text = error_text(error)
        made: list[AttemptMade] = []
        if claim.attempt > 1:
            made = await self._answered(lambda: attempts_at(self._sessions, self.session_id))
        own = len(own_of(made)) or 1  # Hand-backs are none of the branch's own attempts.
        if tries_again(error, attempt=own, retries=retries):
            await self._answered(
                lambda: self._sessions.fail(self.session_id, text, will_retry=True, claim=claim)
            )
            self.outcome = "retried"
            await self.delivery.give_back(delay_s=pause_s(error, attempt=own))
            return
        if own > 1:
            reason = errors_of(made, last=text)
            await self._answered(
                lambda: self._sessions.dead_letter(self.session_id, reason, claim=claim)
            )
            self.outcome = "dead_lettered"
        else:
            await self._answered(lambda: self._sessions.fail(self.session_id, text, claim=claim))
            self.outcome = "failed"
        await self.delivery.done()

    async def _hand_back(self) -> None:
        """Give the branch back before this worker ends: another one need not wait for silence."""
        try:
            async with asyncio.timeout(self.delivery.silence_s):
                await self._sessions.fail(
                    self.session_id, HANDED_BACK, will_retry=True, claim=self._claim
                )
                await self._give_on()
        except (Conflict, Unavailable, TimeoutError):
            return  # The queue gives it to another one after a while.

    async def _give_on(self) -> None:
        """Give the task back, and call others to it."""
        await self.delivery.give_back()
        await self._fabric.queue.signals.work(self._sessions.namespace, [self.priority])

    async def _answered(self, ask: Callable[[], Awaitable[Answer]]) -> Answer:
        """Await `ask`, again while the log does not answer: how an attempt ended is not lost."""
        while True:
            try:
                return await ask()
            except Unavailable:
                await asyncio.sleep(RECORD_PAUSE_S)

    @asynccontextmanager
    async def _beating(self) -> AsyncGenerator[None]:
        beating: list[asyncio.Task[None]] = []
        claimed_at = time.monotonic()

        def begin() -> None:
            beating.append(asyncio.create_task(self._beat(claimed_at)))

        # Most branches have ended by then: they need no task that beats.
        pause_s = min(LOOK_S, self.delivery.silence_s / 3)
        timer = asyncio.get_running_loop().call_later(pause_s, begin)
        try:
            yield
        finally:
            timer.cancel()
            for one in beating:
                one.cancel()
            await asyncio.gather(*beating, return_exceptions=True)

    async def _beat(self, beaten_at: float) -> None:
        """Keep the task, by the bound of silence as it is by now.

        A worker that joins may name another bound, which holds at once for what is in work.
        """
        while True:
            pause_s = await self._fabric.queue.bound(self.delivery.task.namespace) / 3
            if time.monotonic() - beaten_at >= pause_s:
                beaten_at = time.monotonic()
                await self.delivery.beat()
                await self._look()
            due_s = beaten_at + pause_s - time.monotonic()
            await asyncio.sleep(min(LOOK_S, max(0.0, due_s)))

    async def _look(self) -> None:
        """Notice that the branch has ended or is another worker's by now.

        A process that was frozen learns from the log that its claim is gone.
        """
        with suppress(Unavailable, NotFound, NamespaceEnded):
            state = await self._sessions.state(self.session_id)
            if state.ended:
                self.stop("it has ended")
            elif self._claim is not None and state.claim != self._claim:
                self.stop("another worker has it")


def _is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _deadline(state: SessionState) -> datetime | None:
    """Return the earlier of the branch's own deadline and that of its join."""
    joined_by = None if state.join is None or state.join.late_kept else state.join.deadline
    given = [one for one in (state.deadline, joined_by) if one is not None]
    return min(given, default=None)


def _allowed_s(state: SessionState) -> float:
    allowed_s = TIMEOUT_S if state.join is None else state.join.timeout_s
    deadline = _deadline(state)
    if deadline is None:
        return allowed_s
    return max(0.0, min(allowed_s, (deadline - datetime.now(UTC)).total_seconds()))
