"""A joiner's turn: the log is folded into the book of open joins, and what is due is done."""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import aclosing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from anabranch_events.errors import AnabranchError, Conflict, EventInvalid, NotFound, Unavailable
from anabranch_events.event.types import (
    BranchCancelled,
    BranchCompleted,
    BranchDeadLettered,
    BranchFailed,
    EventData,
    SessionClosed,
    SessionHandedOff,
    Then,
)
from anabranch_events.tasks.task import Task
from anabranch_thinking.join import LATE
from anabranch_thinking.sessions.many import Known
from anabranch_thinking.sessions.state import Status
from anabranch_thinking.sessions.state_cache import StateCache
from anabranch_thinking.tracing import step_span
from anabranch_thinking.work.book import JoinBook
from anabranch_thinking.work.closing import close_join
from anabranch_thinking.work.waiting import end_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Iterable

    from anabranch_events import PinnedConsumer, Recorded
    from anabranch_thinking.join import Verdict
    from anabranch_thinking.sessions.state import SessionState
    from anabranch_thinking.work.fabric import Fabric
    from anabranch_thinking.work.hedging import Hedging
    from anabranch_thinking.work.open_join import Forked, Key, OpenJoin

TICK_S: Final = 0.1
NOTED_S: Final = 2.0
FIRST_CHECK_S: Final = 0.3
CHECK_S: Final = 20.0
CLOSING_MAX: Final = 8
PARENT_ENDED: Final = "what it was forked for has ended"
_STOPS: Final = (BranchCancelled, SessionClosed, SessionHandedOff)
_log: Final = logging.getLogger("anabranch")


class Turn:
    """One turn of a joiner, from the checkpoint on; it ends with the pin, or with an outage.

    `open_queue` makes the consumers of a namespace, `note` stores the checkpoint.
    """

    def __init__(
        self,
        fabric: Fabric,
        *,
        open_queue: Callable[[str], Awaitable[None]],
        note: Callable[[int], Awaitable[None]],
        hedging: Hedging | None = None,
    ) -> None:
        self._fabric = fabric
        self._open_queue = open_queue
        self._note = note
        self._book = JoinBook(hedging)
        self._states = StateCache()
        self._position = 0
        self._noted = -1
        self._caught_up = False
        self._due: set[Key] = set()
        self._checks: dict[Key, float] = {}
        self._missing: list[tuple[int, Task]] = []
        self._busy: dict[tuple[Key, str], asyncio.Task[None]] = {}
        self._closing = asyncio.Semaphore(CLOSING_MAX)

    async def run(self, pinned: PinnedConsumer, *, after: int) -> None:
        """Join until the turn ends. Raises PinLost, LogRewound, LogUnavailable."""
        self._position = after
        end = (await self._fabric.log.bounds()).last
        ticking = asyncio.create_task(self._tick())
        try:
            self._caught_up = after >= end
            async with aclosing(pinned.batches(after=after)) as batches:
                async for records in batches:
                    await self._take(records)
                    if not self._caught_up and self._position >= end:
                        self._caught_up = True
                        self._due |= self._book.joins.keys()
        finally:
            running = [ticking, *self._busy.values()]
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    async def _take(self, records: Iterable[Recorded]) -> None:
        touched: dict[Key, OpenJoin] = {}
        stopped: dict[str, list[str]] = {}
        for recorded in records:
            self._position = recorded.position
            try:
                event = recorded.decode()
            except EventInvalid:
                continue
            session = event.namespace, event.session_id
            hedged = self._book.is_hedged(session)
            for join in self._book.take(event, recorded.position):
                touched[join.key] = join
                if isinstance(event.data, SessionHandedOff):
                    self._checks.pop(join.key, None)  # The receiver has no task yet.
            if self._book.holds(session):
                self._states.follow(event, recorded.position)
            if isinstance(event.data, _STOPS) or (hedged and _is_end(event.data)):
                stopped.setdefault(event.namespace, []).append(event.session_id)
        if not self._caught_up:
            return
        for namespace, session_ids in stopped.items():
            await self._fabric.queue.signals.ended(namespace, session_ids)
        for join in touched.values():
            await self._act(join)

    async def _tick(self) -> None:
        """Do what is due by the clock: deadlines, what failed before, the queue, the checkpoint."""
        noted_at = time.monotonic()
        while True:
            await asyncio.sleep(TICK_S)
            try:
                if self._caught_up:
                    await self._tick_once()
                if time.monotonic() - noted_at >= NOTED_S:
                    noted_at = time.monotonic()
                    await self._pass_by_purged()
                    await self._keep_checkpoint()
            except AnabranchError as error:
                _log.debug("the joiner tries again: %s", error)

    async def _tick_once(self) -> None:
        now = datetime.now(UTC)
        due, self._due = self._due, set()
        for key, join in tuple(self._book.joins.items()):
            deadline = join.terms.deadline
            late = deadline is not None and now >= deadline and not join.joined
            if key in due or late:
                await self._act(join)
        await self._check_queue()
        await self._put_missing()
        await self._hedge()

    async def _hedge(self) -> None:
        """Put a second copy of slow branches into the queue: the first result counts.

        It is anybody's: labels would have it wait.
        """
        for one in self._book.slow():
            task = Task(
                namespace=one.kind.namespace,
                session_id=one.session_id,
                priority=one.priority,
                executor=one.executor,
                hedge=True,
            )
            await self._fabric.queue.put([task])
            one.hedged = True

    async def _pass_by_purged(self) -> None:
        """Go on to the log's end where nothing is held before it: what was purged never comes."""
        read, last = self._position, (await self._fabric.log.bounds()).last
        if read < last and not await self._fabric.log.holds_after(read):
            self._position = max(self._position, last)
            self._caught_up = True
            self._due |= self._book.joins.keys()

    async def _keep_checkpoint(self) -> None:
        if not self._caught_up:
            return
        checkpoint = self._book.checkpoint(self._position)
        if checkpoint != self._noted:
            await self._note(checkpoint)
            self._noted = checkpoint

    async def _act(self, join: OpenJoin) -> None:
        """Do what a join needs now; what fails is tried again with the next tick."""
        if join.parent_end is not None or join.joined:
            await self._fabric.queue.signals.joined(join.namespace, [join.parent_id])
        if join.finished:
            self._book.settle(join)
            self._checks.pop(join.key, None)
            return
        if not join.whole:
            if self._position >= join.position + join.terms.branches - 1:
                self._start(join, "fill", self._fill(join))
            return
        if join.called_off:
            reason = LATE if join.closed else PARENT_ENDED
            self._start(join, "cancel", self._cancel(join, reason))
            return
        verdict = join.verdict(datetime.now(UTC))
        if verdict is None:
            self._checks.setdefault(join.key, time.monotonic() + FIRST_CHECK_S)
        elif join.joined or join.parent_end is not None:
            if not join.terms.late_kept and join.going:
                self._start(join, "cancel", self._cancel(join, LATE))
        elif join.terms.then is Then.RETURN:
            join.joined = True
            self._due.add(join.key)
            await self._fabric.queue.signals.joined(join.namespace, [join.parent_id])
        else:
            self._start(join, "close", self._close(join, verdict))

    def _start(self, join: OpenJoin, what: str, work: Coroutine[None, None, None]) -> None:
        """Run `work` beside the reading of the log, once at a time for a join."""
        key = (join.key, what)
        if key in self._busy:
            work.close()
            self._due.add(join.key)
            return

        async def run() -> None:
            try:
                try:
                    await work
                except NotFound:
                    await self._note_lost(join)
                    raise
            except (Conflict, NotFound, Unavailable) as error:
                _log.debug("join %s is tried again: %s", join.terms.join_id, error)
                self._due.add(join.key)
            except AnabranchError:
                _log.exception("join %s", join.terms.join_id)
            finally:
                self._busy.pop(key, None)

        self._busy[key] = asyncio.create_task(run())

    async def _close(self, join: OpenJoin, verdict: Verdict) -> None:
        async with self._closing:
            counted = set(verdict.counted)
            below = self._book.below(join, without=join.branches.keys() - counted)
            fork = join.terms.traceparent
            with step_span(self._fabric.tracer, "join", root_id=join.root_id, linked=fork):
                known = self._known(join.namespace, {*join.branches, *below})
                await close_join(self._fabric, join, verdict, session_ids=below, known=known)
        # Those who wait hear of it before the joiner has read its own events.
        await self._fabric.queue.signals.joined(join.namespace, [join.parent_id])
        if join.terms.then is Then.KEEP:
            join.joined = True
            self._due.add(join.key)

    def _known(self, namespace: str, session_ids: Iterable[str]) -> Known | None:
        """Return sessions as they are where the log is read up to; None where one was dropped."""
        states: dict[str, SessionState] = {}
        for session_id in session_ids:
            state = self._states.get(session_id, namespace=namespace)
            if state is None:
                return None
            states[session_id] = state
        return Known(self._position, states)

    async def _cancel(self, join: OpenJoin, reason: str) -> None:
        going = [one.session_id for one in join.going]
        await self._fabric.sessions_of(join.namespace).cancel_all(going, reason)
        await self._fabric.queue.signals.ended(join.namespace, going)

    async def _fill(self, join: OpenJoin) -> None:
        """Note branches of a fork that were never read as lost, unless they stand further on."""
        if not await self._fabric.sessions_of(join.namespace).present(join.unread):
            self._book.fill(join)
            self._due.add(join.key)

    async def _note_lost(self, join: OpenJoin) -> None:
        """Note what the log holds no more of a join: an operator took it out of the stream.

        The stream's leader says it. A branch has failed then, and without its parent a join is
        called off.
        """
        if not await self._fabric.log.holds(join.forked_at):
            _log.warning(
                "session %s is no longer in the log: its branches are called off", join.parent_id
            )
            join.parent_end = Status.FAILED
        for branch in self._book.branches_below(join):
            if not branch.lost and not await self._holds(branch):
                self._note_lost_branch(branch.key)
            namespace = branch.kind.namespace
            there = [one for one in branch.givers if await self._is_there(namespace, one)]
            branch.givers = tuple(there)

    async def _holds(self, branch: Forked) -> bool:
        """Tell whether the log holds a branch; of a receiver nobody noted where it began."""
        if branch.position:
            return await self._fabric.log.holds(branch.position)
        return await self._is_there(*branch.key)

    async def _is_there(self, namespace: str, session_id: str) -> bool:
        sessions = self._fabric.sessions_of(namespace)
        await sessions.confirm([session_id])
        return bool(await sessions.present([session_id]))

    async def _wants_worker(self, receiver: Forked) -> bool:
        """Tell whether a receiver is for workers; one may have ended before it became one.

        A root is for none: whoever has it ends it.
        """
        namespace, session_id = receiver.key
        state = await self._fabric.sessions_of(namespace).state(session_id)
        end = end_of(state)
        if end is not None:
            self._due |= {join.key for join in self._book.end(receiver.key, end)}
        return end is None and state.parent_id is not None

    def _note_lost_branch(self, key: Key) -> None:
        _log.warning("branch %s is no longer in the log: it counts as failed", key[1])
        self._due |= {join.key for join in self._book.lose(key)}

    async def _check_queue(self) -> None:
        """Find branches that should be in the queue and are not.

        A task leaves it once the end of its branch is stored. So they are really missing if they
        have no end where the log goes by then.
        """
        now = time.monotonic()
        due = [key for key, at in self._checks.items() if at <= now]
        waiting: dict[str, list[Task]] = {}
        for key in due:
            join = self._book.joins.get(key)
            if join is None or join.joined or join.called_off:
                del self._checks[key]
                continue
            self._checks[key] = now + CHECK_S
            for one in join.going:
                if one.executor is not None:
                    waiting.setdefault(join.namespace, []).append(
                        Task(
                            namespace=join.namespace,
                            session_id=one.session_id,
                            priority=one.priority,
                            executor=one.executor,
                            labels=one.labels,
                        )
                    )
        for namespace, tasks in waiting.items():
            await self._open_queue(namespace)
            there = {one.session_id for one in await self._fabric.queue.queued(namespace)}
            missing = [task for task in tasks if task.session_id not in there]
            if missing:
                end = (await self._fabric.log.bounds()).last
                self._missing += [(end, task) for task in missing]

    async def _put_missing(self) -> None:
        """Put missing branches into the queue, once the log is read up to where it was then."""
        read_to = self._position
        due = [task for end, task in self._missing if end <= read_to]
        again: list[Task] = []
        for task in due:
            branch = self._book.going((task.namespace, task.session_id))
            if branch is None:
                continue
            if not await self._holds(branch):
                self._note_lost_branch(branch.key)
            elif branch.position or await self._wants_worker(branch):
                again.append(task)
        if again:
            await self._fabric.queue.put(again)
        self._missing = [(end, task) for end, task in self._missing if end > read_to]


def _is_end(data: EventData) -> bool:
    if isinstance(data, BranchFailed):
        return not data.will_retry
    return isinstance(data, BranchCompleted | BranchDeadLettered)
