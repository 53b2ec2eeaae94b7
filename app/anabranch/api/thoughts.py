"""The operations on thoughts over workers: start, list, show, cancel.

A thought that was started is stored whole, and goes on without who asked for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Final

from pydantic import BaseModel, ConfigDict, Field

from anabranch.api.choices import OBJECT_OR_TEXT, said_once
from anabranch.api.claims import CLAIMS
from anabranch.api.operations import OPERATIONS, Operation
from anabranch.api.read_requests import Page, PastReading
from anabranch.api.reads import READS
from anabranch.api.requests import Request, Writing
from anabranch.errors import InputInvalid
from anabranch.memory.thinking.roles_file import roles_of
from anabranch.memory.thinking.think import moment
from anabranch.memory.thinking.thoughts import (
    ThoughtReceipt,
    ThoughtSummary,
    ThoughtView,
    begin_thought,
    call_off_thought,
    page_of_thoughts,
    show_thought,
)
from anabranch_events.event.identifiers import Identifier, Name, Text
from anabranch_events.event.types import BRANCHES_MAX, Labels, Priority
from anabranch_thinking import Join
from anabranch_thinking.sessions.forks import BUDGET
from anabranch_thinking.sessions.sessions import BranchTask
from anabranch_thinking.thoughts.think import TIMEOUT_S, branch_tasks
from anabranch_thinking.work.allowed import RECALLING
from anabranch_thinking.work.dispatch import WorkTerms

if TYPE_CHECKING:
    from anabranch.api.context import Context

_TIMEOUT_S_MAX: Final = 86_400.0
_RETRIES_MAX: Final = 100
_JOINS: Final = "say all, first, majority, or a number"


class ThoughtBranch(BaseModel):
    """The task of one branch; `role` is the side it looks from."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    task: Text
    role: Name | None = None
    executor: Name | None = Field(default=None, description="What runs it; the thought's, if none.")
    labels: Labels | None = Field(
        default=None,
        description="Those that its worker should have; the thought's, if none.",
        exclude_if=lambda given: given is None,  # Earlier requests are known again without it.
    )


class StartThought(Writing):
    """Fan a task out over branches that workers run, and do not wait."""

    later: ClassVar[frozenset[str]] = frozenset({"labels"})
    task: Text = Field(description="What to think about.")
    branches: Annotated[
        tuple[Annotated[ThoughtBranch | Text, OBJECT_OR_TEXT], ...], Field(max_length=BRANCHES_MAX)
    ] = Field(default=(), description="The branches; without any, the task from several angles.")
    count: Annotated[int, Field(ge=1, le=BRANCHES_MAX)] | None = Field(
        default=None, description="So many branches, each from another angle; five by default."
    )
    executor: Name = Field(
        default=RECALLING,
        description="What runs the branches, by its name: one that the service's owner allows. "
        "`recalling` asks memory.",
    )
    join: Annotated[str | int, said_once("is no way to join", fix=_JOINS)] = Field(
        default="all", description="How many results are enough: all, first, majority, or a number."
    )
    late_kept: bool = Field(default=False, description="Let late branches go on.")
    deadline_s: Annotated[float, Field(gt=0, le=_TIMEOUT_S_MAX)] | None = Field(
        default=None, description="Join what there is after so many seconds."
    )
    priority: Priority = Priority.NORMAL
    labels: Labels | None = Field(
        default=None,
        description="The labels that its workers should have: for a while such a worker comes "
        "before all others, then any takes a branch.",
    )
    timeout_s: Annotated[float, Field(gt=0, le=_TIMEOUT_S_MAX)] = Field(
        default=TIMEOUT_S, description="How long one branch may take, in seconds."
    )
    retries: Annotated[int, Field(ge=0, le=_RETRIES_MAX)] = Field(
        default=0, description="Further attempts at a branch that fails."
    )
    branches_max: Annotated[int, Field(ge=1, le=BUDGET)] = Field(
        default=BUDGET, description="The most branches, with those that branches fork."
    )

    @property
    def executors(self) -> frozenset[str]:
        """The executors that the request names."""
        named = {one.executor for one in self.branches if isinstance(one, ThoughtBranch)}
        return frozenset({self.executor, *(one for one in named if one)})


class ShowThought(PastReading):
    """Show a thought with its branches and what they were joined to."""

    thought_id: Identifier = Field(description="Its root session, or any session of it.")


class ListThoughts(Page):
    """List thoughts, the newest first."""


class CancelThought(Request):
    """Call a thought off, with all its branches."""

    thought_id: Identifier = Field(description="Its root session; or a branch, for that part.")
    reason: Text = "cancelled"


class ThoughtPage(BaseModel):
    """Thoughts, the newest first."""

    model_config = ConfigDict(frozen=True)
    thoughts: list[ThoughtSummary]
    next: int | None = Field(description="The `cursor` of the next page; null at the end.")


class CancelledThought(BaseModel):
    """The sessions that were going when a thought was called off."""

    model_config = ConfigDict(frozen=True)
    cancelled: list[str] = Field(description="The sessions that had not ended.")
    position: int


async def start_thought(context: Context, request: StartThought) -> ThoughtReceipt:
    """Start a thought over workers; it goes on by itself, and the answer does not wait for it.

    Follow it by `/v1/events/stream?root_id=` and the answer's `thought_id`, or look at it. With
    `Nats-Msg-Id` the same request starts it once, for ever.
    """
    sessions, repetition = context.writing("start_thought", request)
    if request.branches and request.count is not None:
        raise InputInvalid(
            "count: the branches are named already", field="count", fix="leave count out"
        )
    given = [
        one if isinstance(one, str) else BranchTask(**one.model_dump(exclude_none=True))
        for one in request.branches
    ]
    tasks = branch_tasks(
        request.task,
        branches=given,
        count=request.count,
        priority=request.priority if "priority" in request.model_fields_set else None,
        labels=request.labels,
        roles=roles_of(None, usual=context.namespace.backend.settings.roles),
    )
    terms = WorkTerms(
        executor=request.executor,
        join=Join.of(request.join, branches=len(tasks), late_kept=request.late_kept),
        deadline=moment(request.deadline_s),
        priority=request.priority,
        timeout_s=request.timeout_s,
        retries=request.retries,
        branches_max=request.branches_max,
    )
    earlier_id = None if repetition is None else repetition.first_id
    return await begin_thought(
        context.namespace,
        request.task,
        tasks,
        terms=terms,
        sessions=sessions,
        earlier_id=earlier_id,
    )


async def show(context: Context, request: ShowThought) -> ThoughtView:
    """Show a thought: its root session, its branches level by level, and its consolidations."""
    await context.waited(request)
    return await show_thought(context.namespace, request.thought_id, as_of=request.as_of)


async def list_thoughts(context: Context, request: ListThoughts) -> ThoughtPage:
    """List thoughts, the newest first: root sessions that were fanned out over branches."""
    await context.waited(request)
    found = await page_of_thoughts(
        context.namespace, limit=request.limit, before=request.cursor, as_of=request.as_of
    )
    return ThoughtPage(thoughts=found.thoughts, next=found.before)


async def cancel(context: Context, request: CancelThought) -> CancelledThought:
    """Call a thought off; executors that run for one of its branches are stopped at once.

    One that has ended stays as it is: then nothing was going.
    """
    namespace = context.namespace
    cancelled = await call_off_thought(namespace, request.thought_id, request.reason)
    position = (await namespace.sessions.state(request.thought_id)).position
    namespace.backend.saw(None, position)
    return CancelledThought(cancelled=cancelled, position=position)


THOUGHTS: Final = (
    Operation("start_thought", StartThought, ThoughtReceipt, start_thought),
    Operation("list_thoughts", ListThoughts, ThoughtPage, list_thoughts),
    Operation("show_thought", ShowThought, ThoughtView, show),
    Operation("cancel_thought", CancelThought, CancelledThought, cancel),
)
EVERY: Final = (*OPERATIONS, *READS, *THOUGHTS, *CLAIMS)
"""The operations of all tables."""
