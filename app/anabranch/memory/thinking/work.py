"""The work of a memory: its workers, and the tasks that wait for them or are in their hands."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from anabranch.memory.namespaces import Namespaces
from anabranch.memory.reads.sessions import page_of_sessions, show_session
from anabranch.memory.thinking.joining import fabric_of, joining
from anabranch.memory.thinking.load import TASKS_SEEN_MAX, LoadWatch
from anabranch.memory.thinking.pools import WorkerOptions, checked_worker, pool_of
from anabranch.memory.thinking.stats import BY, work_stats
from anabranch.memory.thinking.views import RetriedTask, TaskDetails, TaskView, WorkerView
from anabranch_events.errors import InputInvalid
from anabranch_events.event.types import Priority
from anabranch_thinking import Join
from anabranch_thinking import Status as BranchStatus
from anabranch_thinking.pools.scaler import Scaler
from anabranch_thinking.pools.scaling import WINDOW_S, Bounds
from anabranch_thinking.sessions.carried import carried_attributes
from anabranch_thinking.sessions.sessions import BranchTask
from anabranch_thinking.thoughts.think import TIMEOUT_S
from anabranch_thinking.work.allowed import RECALLING
from anabranch_thinking.work.calling_off import call_off
from anabranch_thinking.work.dispatch import ThoughtOverWorkers, WorkTerms, workers_of
from anabranch_thinking.work.history import attempts_in
from anabranch_thinking.work.offers import checked_labels
from anabranch_thinking.work.worker import GRACE_S, Worker

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from anabranch.memory.namespaces import OpenNamespace
    from anabranch.memory.thinking.load import Load
    from anabranch.memory.thinking.stats import By, WorkStats
    from anabranch.past.as_of import Moment
    from anabranch_thinking import SessionState
    from anabranch_thinking.pools.scaler import PoolState
    from anabranch_thinking.work.fabric import Fabric

TASKS_MAX = 100
_WITH_WORKERS = (BranchStatus.PENDING, BranchStatus.RUNNING)


class MemoryWork:
    """The tasks and the workers of a memory's namespace."""

    def __init__(self, namespace: OpenNamespace) -> None:
        self._namespace = namespace

    async def run_worker(
        self,
        *,
        executors: Sequence[str],
        slots: int = 4,
        reserved: int = 0,
        priorities: Sequence[Priority | str] = tuple(Priority),
        labels: Sequence[str] = (),
        passes: Sequence[str] = (),
        silence_s: float | None = None,
        grace_s: float = GRACE_S,
        name: str | None = None,
        ready: Callable[[Worker], None] | None = None,
    ) -> None:
        """Work on branches until the worker that `ready` is given drains, or this is cancelled.

        It runs the `executors` that are named here, and no others: `recalling`, `module:function`,
        `name=command`, or the address of a model or a service. Commands have the variables of
        `passes` in their environment. Of its slots `reserved` are kept for critical branches.
        Branches that want some of its `labels`, and no others, come to it before they go elsewhere.

        It joins what was forked, where no other process does. A worker that says nothing for
        `silence_s` has lost its branches to others. The bound is the namespace's. A new one holds
        at once for what is in work; None leaves the one that stands, 10 s at first. Raises
        InputInvalid.
        """
        settings = self._namespace.backend.settings
        options = WorkerOptions(
            executors=executors,
            slots=slots,
            reserved=reserved,
            priorities=priorities,
            labels=labels,
            passes=passes,
            silence_s=silence_s,
            grace_s=grace_s,
        )
        allowed = checked_worker(options, settings=settings)
        fabric = self._fabric(traces=True)
        worker = Worker(
            fabric,
            namespace=self._namespace.name,
            executors=allowed,
            slots=slots,
            reserved=reserved,
            priorities=[Priority(one) for one in priorities],
            labels=labels,
            label_wait_s=settings.label_wait_s,
            silence_s=silence_s,
            grace_s=grace_s,
            name=name,
        )
        async with joining(fabric, settings):
            if ready is not None:
                ready(worker)
            await worker.run()

    async def run_pool(
        self,
        pool: str = "local",
        *,
        fewest: int = 0,
        most: int,
        executors: Sequence[str],
        slots: int = 4,
        reserved: int = 0,
        priorities: Sequence[Priority | str] = tuple(Priority),
        labels: Sequence[str] = (),
        passes: Sequence[str] = (),
        silence_s: float | None = None,
        grace_s: float = GRACE_S,
        cooldown_s: float = WINDOW_S,
        name: str | None = None,
        ready: Callable[[Scaler], None] | None = None,
        changed: Callable[[PoolState], None] | None = None,
    ) -> None:
        """Start and drain workers as the load asks, until the scaler that `ready` is given stops.

        The pool is `local`: processes, which end with this one; or `slurm` or `pbs`: jobs, which go
        on and are found again. There are as many workers as have a slot for each branch that waits
        or is in work, from `fewest` to `most`. None goes within `cooldown_s` after it was needed.
        Of several such calls for one pool one is at work; pools with another `name` stand beside
        each other. `changed` hears of each change. The other options are those of `run_worker`.
        Raises InputInvalid.
        """
        settings = self._namespace.backend.settings
        bounds = Bounds(fewest=fewest, most=most, slots=slots)
        options = WorkerOptions(
            executors=executors,
            slots=slots,
            reserved=reserved,
            priorities=priorities,
            labels=checked_labels(labels),
            passes=passes,
            silence_s=silence_s,
            grace_s=grace_s,
        )
        allowed = checked_worker(options, settings=settings, pool=pool)
        fabric = self._fabric(traces=True)
        namespace = self._namespace.name
        scaler = Scaler(
            fabric,
            pool_of(
                pool,
                options,
                settings=settings,
                namespace=namespace,
                identity=await fabric.log.identity(),
                name=name,
            ),
            namespace=namespace,
            bounds=bounds,
            executors=allowed,
            priorities=[Priority(one) for one in priorities],
            silence_s=silence_s,
            window_s=cooldown_s,
            changed=changed,
        )
        async with joining(fabric, settings):
            if ready is not None:
                ready(scaler)
            await scaler.run()

    async def tasks(self, *, status: str | None = None, limit: int = TASKS_MAX) -> list[TaskView]:
        """Return the branches that wait for a worker or are in work, the urgent ones first.

        With the status `dead_lettered` it returns those that were put aside, from the graph.
        """
        if status is not None and status not in _WITH_WORKERS:
            ids = await self._branches_in(str(status), limit=limit)
        else:
            ids = [
                one.session_id for one in await self._fabric().queue.queued(self._namespace.name)
            ]
        sessions = self._namespace.sessions
        found: list[TaskView] = []
        for start in range(0, len(ids), TASKS_MAX):
            if len(found) >= limit:
                break
            # One that an operator took out of the stream keeps none of the others from the list.
            states = (await sessions.present(ids[start : start + TASKS_MAX])).values()
            found += [TaskView(**_fields(one)) for one in states if _is_wanted(one, status)]
        return found[:limit]

    async def _branches_in(self, status: str, *, limit: int) -> list[str]:
        """Return the newest branches that the graph has in a status, where roots stand as well."""
        found: list[str] = []
        before: int | None = None
        while len(found) < limit:
            page = await page_of_sessions(
                self._namespace, status=status, limit=TASKS_MAX, before=before, remembered=False
            )
            found += [view.session_id for view in page.sessions if view.parent_id]
            before = page.before
            if before is None:
                break
        return found[:limit]

    async def task(self, session_id: str) -> TaskDetails:
        """Return a branch with all attempts at it. Raises InputInvalid, SessionNotFound."""
        state = await self._state(session_id)
        events = [event for _, event in await self._namespace.sessions.events(state.session_id)]
        shown = await show_session(self._namespace, state.session_id)
        return TaskDetails(
            **_fields(state), result=shown.result, history=tuple(attempts_in(events))
        )

    async def retry(self, session_id: str) -> RetriedTask:
        """Try a branch again that has ended without a result, as a new thought of that one branch.

        The old branch stays as it is. Raises InputInvalid for a root, for a branch that goes on,
        and for one that another has now.
        """
        state = await self._state(session_id)
        if state.handed_to is not None:
            raise InputInvalid(
                f"session_id: {state.session_id} was handed off to {state.handed_to}",
                field="session_id",
                fix="look at that one, and retry it if it has ended without a result",
            )
        if not state.ended or state.status is BranchStatus.COMPLETED:
            raise InputInvalid(
                f"session_id: {state.session_id} is {state.status}: there is nothing to retry",
                field="session_id",
                fix="retry a branch that failed, was cancelled, or was put aside",
            )
        terms = WorkTerms(
            executor=state.executor or RECALLING,
            join=Join(),
            priority=state.priority,
            timeout_s=TIMEOUT_S if state.join is None else state.join.timeout_s,
            retries=0 if state.join is None else state.join.retries,
        )
        again = BranchTask(
            task=state.task,
            role=state.role,
            priority=state.priority,
            executor=state.executor,
            labels=state.labels,
            attributes={
                **carried_attributes(state.attributes),
                "retry_of": state.session_id,
            },
        )
        thought = ThoughtOverWorkers(self._fabric(traces=True), self._namespace.sessions, terms)
        (branch_id,) = await thought.begin(state.task, [again], session_id=None)
        return RetriedTask(retry_of=state.session_id, root_id=thought.root_id, session_id=branch_id)

    async def cancel(self, session_id: str, reason: str = "cancelled") -> list[str]:
        """Cancel a session with all that was forked of it; return those that were going.

        One that was handed off has its receiver cancelled. Executors that run for one of them are
        stopped at once. Raises SessionNotFound.
        """
        return await call_off(self._fabric(), self._namespace.name, session_id, reason)

    async def stats(
        self, *, by: Sequence[By] = BY, since: Moment | None = None, limit: int = TASKS_MAX
    ) -> list[WorkStats]:
        """Return what branches did, and what their insights were cited for later, in groups.

        A group is what has one role, executor and worker, or those of them that `by` names; the
        largest come first. With `since` only branches that were forked after it count. Raises
        InputInvalid and PositionFromFuture.
        """
        return await work_stats(self._namespace, by=by, since=since, limit=limit)

    async def load(self, watch: LoadWatch | None = None) -> Load:
        """Return the tasks by priority and the workers that answer.

        With the `watch` of earlier looks it also tells how fast branches end, and who fell silent.
        """
        tasks, workers = await asyncio.gather(self.tasks(limit=TASKS_SEEN_MAX), self.workers())
        return (watch or LoadWatch()).after(tasks, workers, now=datetime.now(UTC))

    async def workers(self) -> list[WorkerView]:
        """Return the workers of the namespace that answer; one that is frozen does not."""
        found = await workers_of(self._fabric(), self._namespace.name)
        return [WorkerView.model_validate(one) for one in found]

    async def drain(self, workers: Sequence[str]) -> list[WorkerView]:
        """Ask workers to take no more and to end; return those that heard it."""
        fabric = self._fabric()
        found = await fabric.queue.signals.drain(self._namespace.name, workers)
        return [WorkerView.model_validate(one) for one in found]

    def _fabric(self, *, traces: bool = False) -> Fabric:
        backend = self._namespace.backend
        return fabric_of(Namespaces(backend), backend, traces=traces)

    async def _state(self, session_id: str) -> SessionState:
        state = await self._namespace.sessions.state(session_id)
        if state.parent_id is None:
            raise InputInvalid(
                f"session_id: {state.session_id} is a root session, which no worker takes",
                field="session_id",
                fix="name a branch; `anabranch tasks list` has those in the queue",
            )
        return state


def _is_wanted(state: SessionState, status: str | None) -> bool:
    """Tell whether a task has the status; without one it must not have ended."""
    return not state.ended if status is None else state.status == status


def _fields(state: SessionState) -> dict[str, Any]:
    return {
        "session_id": state.session_id,
        "root_id": state.root_id,
        "task": state.task,
        "role": state.role,
        "priority": state.priority,
        "executor": state.executor,
        "labels": state.labels,
        "status": state.status,
        "attempts": state.attempt,
        "worker": state.claim.worker if state.claim else None,
        "waiting_since": state.opened_at if state.status is BranchStatus.PENDING else None,
        "deadline": state.deadline or (state.join.deadline if state.join else None),
        "error": state.error,
    }
