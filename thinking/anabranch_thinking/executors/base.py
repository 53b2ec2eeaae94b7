"""The seam of executors, and the context that each branch gives its own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Protocol, Unpack, runtime_checkable

from anabranch_events.errors import InputInvalid
from anabranch_events.event.types import BranchCreated
from anabranch_recall import Scope
from anabranch_thinking.errors import ExecutorFailed
from anabranch_thinking.sessions.findings import Finding
from anabranch_thinking.sessions.holding import TTL_S, Hold, claim
from anabranch_thinking.sessions.journal import checked
from anabranch_thinking.sessions.sessions import BranchTask, Sessions
from anabranch_thinking.thought import BranchOutcome

if TYPE_CHECKING:
    from datetime import datetime

    from anabranch_thinking.join import Join
    from anabranch_thinking.sessions.findings import InsightDraft, InsightFields
    from anabranch_thinking.sessions.recall import Recall, RecalledInsight
    from anabranch_thinking.sessions.receipts import InsightReceipt, SessionReceipt

RECALLED_MAX: Final = 10
_NOBODY: Final = "00000000-0000-7000-8000-000000000000"


Fork = Callable[[Sequence[BranchTask]], Awaitable[list[BranchOutcome]]]
"""Forks branches of a branch, runs them, and gives their outcomes once the last has ended."""


@dataclass(frozen=True, slots=True)
class ForkedWork:
    """The work of a branch, passed on to forks of it: an executor returns it instead of a finding.

    The branch waits for them without a worker. It completes with the consolidation of their
    findings, on the condition `join`: `all`, `first`, `majority`, or a number of results.
    """

    branches: Sequence[BranchTask | str]
    join: Join | str | int = "all"

    @property
    def tasks(self) -> list[BranchTask]:
        """The tasks of the forks."""
        return as_tasks(self.branches)


@dataclass(frozen=True, kw_only=True, slots=True)
class BranchContext:
    """A running branch for its executor: its task, and its means to ask and record.

    `instructions` are those of a role of the user's own; `scope` is what its `recall` sees.
    """

    sessions: Sessions
    session_id: str
    parent_id: str
    root_id: str
    task: str
    role: str | None
    depth: int
    attempt: int
    deadline: datetime | None
    asking: Recall | None
    forking: Fork
    instructions: str | None = None
    scope: Scope = Scope.NAMESPACE

    @property
    def namespace(self) -> str:
        """The namespace the branch lives in."""
        return self.sessions.namespace

    async def recall(
        self, text: str | None = None, *, k: int = RECALLED_MAX
    ) -> Sequence[RecalledInsight]:
        """Ask memory `text`, or the branch's own task. Raises InputInvalid without a memory."""
        if self.asking is None:
            raise InputInvalid(
                "recall: this thought was given no memory to ask",
                field="recall",
                fix="give `think` a recall, or an executor that needs none",
            )
        question = self.task if text is None else text
        return await self.asking(question, session_id=self.session_id, k=k, scope=self.scope)

    async def remember(
        self, insight: InsightDraft | str, **fields: Unpack[InsightFields]
    ) -> InsightReceipt:
        """Record an insight at once, instead of with the result."""
        return await self.sessions.remember(insight, session_id=self.session_id, **fields)

    async def note(self, key: str, value: object) -> SessionReceipt:
        """Set `key` in the branch's working memory."""
        return await self.sessions.note(self.session_id, key, value)

    async def claim(self, resource: str, *, ttl_s: float = TTL_S, wait_s: float = 0) -> Hold:
        """Claim a resource, so that no other branch does the same; `async with` gives it back.

        Raises ResourceTaken where another session has it, and still has it after `wait_s`.
        """
        return await claim(self.sessions, self.session_id, resource, ttl_s=ttl_s, wait_s=wait_s)

    def under(self, hold: Hold) -> BranchContext:
        """Return this context with a `remember` and a `note` that count only under a claim."""
        return replace(self, sessions=hold.sessions)

    async def branch(self, branches: Sequence[BranchTask | str]) -> list[BranchOutcome]:
        """Fork this branch, run the forks as it runs, and wait until the last has ended.

        Raises InputInvalid naming the fork and its field, with nothing forked.
        """
        return await self.forking(as_tasks(branches))


class Executor(Protocol):
    """The executor of a branch's work."""

    @property
    def name(self) -> str:
        """The executor's name in the log."""
        ...

    async def run(self, branch: BranchContext) -> Finding | ForkedWork | str:
        """Return the branch's finding; plain text is its result. An error fails the attempt."""
        ...


@runtime_checkable
class CheckedExecutor(Protocol):
    """An executor that knows before its first branch what it lacks here."""

    def check_here(self) -> None:
        """Raise InputInvalid for what it lacks on this machine."""
        ...


def as_tasks(branches: Sequence[BranchTask | str]) -> list[BranchTask]:
    """Return `branches` as tasks that can be stored; a text is one.

    Raises InputInvalid naming the branch and its field.
    """
    if isinstance(branches, str):
        raise InputInvalid(
            "branches: is a text, not a list of tasks", field="branches", fix="put it into a list"
        )
    if not isinstance(branches, Sequence):  # pyright: ignore[reportUnnecessaryIsInstance]  # Types are not checked everywhere.
        raise InputInvalid(
            f"branches: {branches!r} is no list of tasks",
            field="branches",
            fix="give the tasks in a list, or their number as `count`",
        )
    return [_as_task(one, "branches", index) for index, one in enumerate(branches)]


def _as_task(given: BranchTask | str, *place: str | int) -> BranchTask:
    if isinstance(given, str):
        return storable(checked(BranchTask, *place, task=given), *place)
    if not isinstance(given, BranchTask):  # pyright: ignore[reportUnnecessaryIsInstance]  # As above.
        field = ".".join(map(str, place))
        raise InputInvalid(
            f"{field}: {type(given).__name__} is no task",
            field=field,
            fix="give a text, or a BranchTask",
        )
    return storable(given, *place)


def storable(task: BranchTask, *within: str | int) -> BranchTask:
    """Return a task if it can be stored. Raises InputInvalid naming the field at fault."""
    nowhere = {"parent_id": _NOBODY, "root_id": _NOBODY, "forked_at": 1, "depth": 1}
    checked(BranchCreated, *within, **nowhere, **vars(task))
    return task


def checked_finding(found: object, *, by: str) -> Finding | ForkedWork:
    """Return what an executor found. Raises ExecutorFailed where that is no finding."""
    if isinstance(found, Finding | ForkedWork):
        return found
    if isinstance(found, str):
        return Finding.of(found)
    raise ExecutorFailed(
        f"{by} returned {type(found).__name__}",
        fix="return a text or a Finding: is a `return` missing?",
    )
