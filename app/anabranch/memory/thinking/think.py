"""Thinking: a task over branches in this process, or over workers, with the same answer."""

from __future__ import annotations

import asyncio
from contextlib import aclosing, asynccontextmanager, nullcontext, suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, Literal, TypedDict

from anabranch.home.running_thoughts import RunningThought
from anabranch.memory.recall import BranchRecall
from anabranch.memory.thinking.joining import joining
from anabranch.memory.thinking.roles_file import roles_of
from anabranch_events.errors import EventInvalid, InputInvalid
from anabranch_events.event.types import Priority, SessionOpened
from anabranch_thinking import Join, think
from anabranch_thinking.executors.access import ExecutorAccess
from anabranch_thinking.executors.base import CheckedExecutor
from anabranch_thinking.sessions.forks import BUDGET, share
from anabranch_thinking.sessions.journal import checked
from anabranch_thinking.thoughts.think import TIMEOUT_S, branch_tasks
from anabranch_thinking.tracing import thought_span
from anabranch_thinking.work.allowed import RECALLING, allowed_executors
from anabranch_thinking.work.dispatch import ThoughtOverWorkers, WorkTerms
from anabranch_thinking.work.fabric import Fabric

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence
    from pathlib import Path

    from pydantic import SecretStr

    from anabranch.memory.namespaces import OpenNamespace
    from anabranch.settings import Settings
    from anabranch_events import Log
    from anabranch_thinking import BranchTask, EventListener, Executor, Role, Thought, Work

Over = Literal["local", "workers"]
_OVER: Final = ("local", "workers")
_HEARD_S: Final = 2.0


class ThinkOptions(TypedDict, total=False):
    """The options of a thought that hold locally and over workers alike.

    `join` is the condition on which the branches are joined: `all`, `first`, `majority` of equal
    results, or a number of results. `deadline` is a time, or seconds from now: then they are joined
    with what there is. Late branches are cancelled, or kept with `late_kept`. An attempt that fails
    is followed by at most `retries` others. All forks together have at most `branches_max`
    branches, each at most `timeout_s` seconds. `roles` are the roles of the branches, or a file of
    them; without, those of the setting ANABRANCH_ROLES, else the presets. `priority` goes before
    what a role says, and so do `labels`. A worker that has all of them comes before others, for the
    time of the setting ANABRANCH_LABEL_WAIT_S.
    """

    join: Join | str | int
    late_kept: bool
    deadline: datetime | float | None
    priority: Priority | str | None
    labels: Sequence[str] | None
    retries: int
    timeout_s: float
    branches_max: int
    roles: Sequence[Role] | Path | str | None


async def think_locally(
    namespace: OpenNamespace,
    task: str,
    *,
    branches: Sequence[BranchTask | str] | None,
    count: int | None,
    executor: Executor | Work | str | None,
    session_id: str | None,
    concurrency: int,
    on_event: EventListener,
    options: ThinkOptions,
) -> Thought:
    """Think in this process."""
    given = dict(options)
    given["deadline"] = moment(options.get("deadline"))
    given["roles"] = roles_of(options.get("roles"), usual=namespace.backend.settings.roles)
    tracer = namespace.backend.tracer
    with (
        RunningThought(namespace.backend.servers.home.thoughts, namespace=namespace.name) as it,
        thought_span(tracer),
    ):
        return await think(
            namespace.sessions,
            task,
            branches=branches,
            count=count,
            executor=_checked(executor, namespace.backend.settings),
            recall=BranchRecall(namespace),
            embedder=namespace.backend.embedder,
            session_id=session_id,
            concurrency=concurrency,
            on_event=on_event,
            announce=it.note,
            tracer=tracer,
            **given,  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]  # The fields of ThinkOptions.
        )


async def think_over_workers(
    namespace: OpenNamespace,
    task: str,
    *,
    branches: Sequence[BranchTask | str] | None,
    count: int | None,
    executor: Executor | Work | str | None,
    session_id: str | None,
    on_event: EventListener | None,
    options: ThinkOptions,
) -> Thought:
    """Fork over workers, and wait for the join. Raises InputInvalid for what cannot be sent."""
    if executor is not None and not isinstance(executor, str):
        raise InputInvalid(
            "executor: a function of this process cannot run on a worker",
            field="executor",
            fix="name one that the workers allow: recalling, module:function, or its own name",
        )
    tasks, terms = thought_terms(
        task,
        branches=branches,
        count=count,
        executor=executor,
        usual_roles=namespace.backend.settings.roles,
        options=options,
    )
    backend = namespace.backend
    fabric = Fabric(
        log=backend.log, sessions_of=lambda _: namespace.sessions, tracer=backend.tracer
    )
    thought = ThoughtOverWorkers(fabric, namespace.sessions, terms)
    begins_after = (await backend.log.bounds()).last
    # Without a worker nobody else would see the deadline.
    bidding = nullcontext() if terms.deadline is None else joining(fabric, backend.settings)
    with thought_span(backend.tracer):
        with RunningThought(backend.servers.home.thoughts, namespace=namespace.name) as it:
            await thought.begin(task, tasks, session_id=session_id, announce=it.note)
        async with bidding:
            if on_event is None:
                found = await thought.joined()
            else:
                heard = Heard(backend.log, thought.root_id, on_event)
                async with heard.following(after=begins_after):
                    found = await thought.joined()
                    await heard.reach(found.position)
    backend.saw(None, found.position)
    return found


def thought_terms(
    task: str,
    *,
    branches: Sequence[BranchTask | str] | None,
    count: int | None,
    executor: str | None,
    usual_roles: Path | None,
    options: ThinkOptions,
) -> tuple[list[BranchTask], WorkTerms]:
    """Return the branches of a thought and its terms, from what was given. It asks no server.

    Without roles among the options they are those of the file `usual_roles`. Raises InputInvalid.
    """
    given = options.get("priority")
    priority = None if given is None else checked_priority(given)
    checked(SessionOpened, task=task)
    tasks = branch_tasks(
        task,
        branches=branches,
        count=count,
        priority=priority,
        labels=options.get("labels"),
        roles=roles_of(options.get("roles"), usual=usual_roles),
    )
    branches_max = options.get("branches_max", BUDGET)
    share(branches_max, len(tasks), last=True)
    terms = WorkTerms(
        executor=executor or RECALLING,
        join=Join.of(
            options.get("join", "all"),
            branches=len(tasks),
            late_kept=options.get("late_kept", False),
        ),
        deadline=moment(options.get("deadline")),
        priority=priority or Priority.NORMAL,
        timeout_s=options.get("timeout_s", TIMEOUT_S),
        retries=options.get("retries", 0),
        branches_max=branches_max,
    )
    return tasks, terms


class Heard:
    """The events of one thought as they come, from whichever process, for a listener."""

    def __init__(self, log: Log, root_id: str, listener: EventListener) -> None:
        self._log = log
        self._root_id = root_id
        self._listener = listener
        self._position = 0
        self._moved = asyncio.Event()

    @asynccontextmanager
    async def following(self, *, after: int) -> AsyncGenerator[None]:
        """Call the listener with each event after a position, for the length of the block."""
        following = asyncio.create_task(self._follow(after))
        try:
            yield
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)

    async def reach(self, position: int) -> None:
        """Wait until the listener was called with all up to a position, for a moment at most."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_HEARD_S):
                while self._position < position:
                    self._moved.clear()
                    await self._moved.wait()

    async def _follow(self, after: int) -> None:
        async with aclosing(self._log.batches(after=after)) as batches:
            async for records in batches:
                for recorded in records:
                    with suppress(EventInvalid):
                        event = recorded.decode()
                        if event.correlationid == self._root_id:
                            self._listener(event, recorded.position)
                    self._position = recorded.position
                self._moved.set()


def moment(value: datetime | float | None) -> datetime | None:
    """Return a deadline as a time; a number is seconds from now. Raises InputInvalid."""
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise InputInvalid(
                "deadline: has no time zone", field="deadline", fix="add one, like +00:00 or Z"
            )
        return value
    if value is None:
        return None
    if not 0 < value <= 365 * 86_400:
        raise InputInvalid(
            f"deadline: {value:g} s is no time to think in",
            field="deadline",
            fix="give the seconds that the thought may take, more than 0",
        )
    return datetime.now(UTC) + timedelta(seconds=value)


def checked_over(over: str) -> Over:
    """Return `over` if it names a place to think. Raises InputInvalid."""
    if over == "workers":
        return "workers"
    if over == "local":
        return "local"
    raise InputInvalid(
        f"over: {over!r} is no place to think", field="over", fix=f"say {' or '.join(_OVER)}"
    )


def checked_priority(value: Priority | str, *, field: str = "priority") -> Priority:
    """Return a priority by its name. Raises InputInvalid for one that is none."""
    try:
        return Priority(value)
    except ValueError:
        raise InputInvalid(
            f"{field}: {str(value)!r} is none", field=field, fix=f"say {', '.join(Priority)}"
        ) from None


def executor_access(settings: Settings) -> ExecutorAccess:
    """Return what the settings say of the services that executors call."""

    def plain(key: SecretStr | None) -> str | None:
        return key.get_secret_value() if key else None

    return ExecutorAccess(
        openai_url=settings.openai_url,
        openai_key=plain(settings.openai_key),
        anthropic_url=settings.anthropic_url,
        anthropic_key=plain(settings.anthropic_key),
        http_key=plain(settings.executor_key),
        github_url=settings.github_url,
        github_token=plain(settings.github_token),
    )


def _checked(executor: Executor | Work | str | None, settings: Settings) -> Executor | Work | None:
    """Return an executor that may run in this process, also one that a name says."""
    if not isinstance(executor, str):
        given: object = executor
        if isinstance(given, CheckedExecutor):
            given.check_here()
        return executor
    (found,) = allowed_executors(
        [executor], access=executor_access(settings), field="executor"
    ).values()
    return found
