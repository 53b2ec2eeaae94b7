"""A thought: a task is fanned out, its branches run in parallel, and they are joined again."""

from __future__ import annotations

import asyncio
import os
import socket
from contextlib import asynccontextmanager, suppress
from time import perf_counter
from typing import TYPE_CHECKING, Final, cast

from anabranch_events.errors import AnabranchError, InputInvalid
from anabranch_events.event.types import BRANCHES_MAX, Priority, SessionOpened
from anabranch_thinking.errors import ThoughtFailed
from anabranch_thinking.executors.base import as_tasks, storable
from anabranch_thinking.executors.callable import CallableExecutor
from anabranch_thinking.executors.recall import RecallExecutor
from anabranch_thinking.join import ALL, LATE, Join
from anabranch_thinking.roles import PRESETS, ROLES, Role, angles
from anabranch_thinking.sessions.forks import BUDGET
from anabranch_thinking.sessions.journal import checked
from anabranch_thinking.sessions.opening import Opening
from anabranch_thinking.sessions.state import Status
from anabranch_thinking.thought import Thought
from anabranch_thinking.thoughts.runner import CALL_OFF_S, CALLED_OFF, BranchRunner
from anabranch_thinking.thoughts.slots import Slots
from anabranch_thinking.tracing import step_span

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence
    from datetime import datetime

    from anabranch_recall import Embedder
    from anabranch_thinking.executors.base import Executor
    from anabranch_thinking.executors.callable import Work
    from anabranch_thinking.sessions.journal import Announcement, EventListener
    from anabranch_thinking.sessions.recall import Recall
    from anabranch_thinking.sessions.sessions import BranchTask, Sessions
    from anabranch_thinking.tracing import Tracer

CONCURRENCY: Final = 32
TIMEOUT_S: Final = 600.0


async def think(
    sessions: Sessions,
    task: str,
    *,
    branches: Sequence[BranchTask | str] | None = None,
    count: int | None = None,
    executor: Executor | Work | None = None,
    recall: Recall | None = None,
    embedder: Embedder | None = None,
    session_id: str | None = None,
    concurrency: int = CONCURRENCY,
    timeout_s: float = TIMEOUT_S,
    retries: int = 0,
    join: Join | str | int = ALL,
    late_kept: bool = False,
    deadline: datetime | None = None,
    priority: Priority | str | None = None,
    labels: Sequence[str] | None = None,
    roles: Sequence[Role] = ROLES,
    branches_max: int = BUDGET,
    worker: str | None = None,
    on_event: EventListener | None = None,
    announce: Announcement | None = None,
    tracer: Tracer | None = None,
) -> Thought:
    """Think about `task` over branches that run in parallel in this process.

    Without `branches` the task is looked at from `count` angles, by the `roles` in turn.
    `branches` without a role get one in the same way. Without an `executor` each branch asks
    `recall` and brings back what its role reads there. At most `concurrency` branches work at a
    time; each has `timeout_s` and `retries`.

    The branches are joined on the condition `join`: `all`, `first`, `majority` of equal results, or
    a number of results. At `deadline` they are joined with what there is. Late ones are cancelled,
    or waited for with `late_kept`, and not cited. All forks together have at most `branches_max`
    branches. `labels` choose among workers; here they are only recorded.

    An `executor` may be a plain or an async function of the branch. A branch that fails does not
    fail the thought: its outcome says so. Where none completes, that raises ThoughtFailed.

    With `session_id` the thought happens in that session and leaves it open. Otherwise it happens
    in a root session of its own, which it closes. `on_event` is called with every event appended,
    `announce` with the ids of sessions before they begin. Those must be ended by another process,
    with `Sessions.fail_all`, where this one is killed. With `tracer` there are spans of it.

    When it is cancelled, or the log does not answer, running branches are cancelled before the
    error goes on. That takes at most five seconds a level. Raises InputInvalid before anything is
    appended, SessionNotFound and SessionEnded.
    """
    tasks = branch_tasks(
        task, branches=branches, count=count, priority=priority, labels=labels, roles=roles
    )
    joined_on = Join.of(join, branches=len(tasks), late_kept=late_kept)
    work = _executor(executor, recall=recall)
    _check_bounds(concurrency=concurrency, timeout_s=timeout_s, retries=retries)
    told = sessions.with_listener(on_event)
    begun = perf_counter()
    slots = Slots(concurrency)
    runner = BranchRunner(
        told,
        work,
        recall=recall,
        slots=slots,
        timeout_s=timeout_s,
        retries=retries,
        worker=worker or f"{socket.gethostname()}:{os.getpid()}",
        embedder=embedder,
        branches_max=branches_max,
        announce=announce,
        tracer=tracer,
    )
    runner.check_size(tasks)
    opening = None
    if session_id is None:
        root_id = told.new_id()
        opening = Opening(
            root_id, checked(SessionOpened, task=task, priority=priority or Priority.NORMAL)
        )
    else:
        root_id = (await told.going(session_id)).session_id
    async with _called_off(told, [root_id] if opening else []):
        forked = perf_counter()
        verdict = await runner.fan_out(
            root_id, tasks, join=joined_on, deadline=deadline, opening=opening
        )
        joined = perf_counter()
        with step_span(tracer, "join", root_id=root_id):
            consolidation = await runner.consolidation(root_id, runner.below(root_id, verdict))
        outcomes = tuple(outcome for outcome in runner.outcomes.values() if outcome is not None)
        if opening:
            await told.close(root_id, verdict.reason)
    if not any(outcome.status is Status.COMPLETED for outcome in outcomes):
        raise ThoughtFailed(
            root_id,
            errors={one.session_id: one.error or str(one.status) for one in outcomes},
            late=[one.session_id for one in outcomes if one.error == LATE],
        )
    state = await told.state(root_id)
    parallel_ms = (joined - forked) * 1000
    sequential_ms = max(0.0, sum(one.duration_ms for one in outcomes) - runner.waited_ms)
    return Thought(
        session_id=root_id,
        task=task,
        branches=outcomes,
        consolidation=consolidation,
        total_branches=len(outcomes),
        total_duration_ms=(perf_counter() - begun) * 1000,
        parallel_ms=parallel_ms,
        sequential_ms=sequential_ms,
        parallel_max=slots.busy_max,
        speed_up=sequential_ms / parallel_ms if parallel_ms else 1.0,
        position=state.position,
    )


@asynccontextmanager
async def _called_off(sessions: Sessions, roots: Sequence[str]) -> AsyncGenerator[None]:
    """Cancel the root sessions when the work inside fails or is cancelled."""
    try:
        yield
    except BaseException:
        with suppress(TimeoutError, AnabranchError):
            async with asyncio.timeout(CALL_OFF_S):
                await sessions.cancel_all(roots, CALLED_OFF)
        raise


def branch_tasks(
    task: str,
    *,
    branches: Sequence[BranchTask | str] | None,
    count: int | None,
    priority: Priority | str | None = None,
    labels: Sequence[str] | None = None,
    roles: Sequence[Role] = ROLES,
) -> list[BranchTask]:
    """Return the tasks of a thought's branches, each with a role and a priority.

    One that names no priority, or no labels, has the thought's, else its role's. Raises
    InputInvalid naming the field at fault.
    """
    if not roles:
        raise InputInvalid("roles: there are none", field="roles", fix="give at least one role")
    number = len(roles) if count is None else count
    if isinstance(labels, str):
        raise InputInvalid(
            "labels: is a text, not a list of labels", field="labels", fix="put it into a list"
        )
    given = [] if branches is None else as_tasks(branches)
    if len(given) > BRANCHES_MAX or not 1 <= number <= BRANCHES_MAX:
        raise InputInvalid(
            f"count: {len(given) or number} is not a number of branches",
            field="count",
            fix=f"think over 1 to {BRANCHES_MAX} branches",
        )
    given = given or angles(task, count=number, roles=roles)
    known = {role.name: role for role in (*PRESETS, *roles)}
    named = [one.role or roles[index % len(roles)].name for index, one in enumerate(given)]
    return [
        storable(known.get(name, Role(name, "")).given_to(one, priority=priority, labels=labels))
        for name, one in zip(named, given, strict=True)
    ]


def _executor(executor: Executor | Work | None, *, recall: Recall | None) -> Executor:
    if hasattr(executor, "run") and hasattr(executor, "name"):
        return cast("Executor", executor)
    if callable(executor):
        return CallableExecutor(executor)
    if executor is not None:
        raise InputInvalid(
            f"executor: {executor!r} is neither a function nor an executor",
            field="executor",
            fix="give a function of the branch, plain or async, or an object with name and run",
        )
    if recall is None:
        raise InputInvalid(
            "executor: there is none, and no memory to ask instead",
            field="executor",
            fix="give `think` an executor, or a recall",
        )
    return RecallExecutor()


def _check_bounds(*, concurrency: int, timeout_s: float, retries: int) -> None:
    for field, value, fits in (
        ("concurrency", concurrency, concurrency >= 1),
        ("timeout_s", timeout_s, timeout_s > 0),
        ("retries", retries, 0 <= retries <= 100),
    ):
        if not fits:
            raise InputInvalid(
                f"{field}: {value} is out of range", field=field, fix=f"choose another {field}"
            )
