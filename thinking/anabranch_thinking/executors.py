"""What does a branch's work: the seam, and the executor that calls a Python function."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import threading
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from anabranch_events.errors import InputInvalid
from anabranch_thinking.findings import Finding, InsightDraft
from anabranch_thinking.sessions import BranchTask, Sessions
from anabranch_thinking.thought import BranchOutcome

if TYPE_CHECKING:
    from datetime import datetime

    from anabranch_thinking.receipts import InsightReceipt, SessionReceipt

RECALLED_MAX: Final = 10


class RecalledInsight(Protocol):
    """What a recall gives that a branch reads."""

    @property
    def insight_id(self) -> str:
        """Which insight."""
        ...

    @property
    def session_id(self) -> str:
        """The session that produced it."""
        ...

    @property
    def text(self) -> str:
        """What was learned."""
        ...

    @property
    def kind(self) -> str:
        """What kind of insight it is."""
        ...

    @property
    def score(self) -> float:
        """How well it answers; higher is better."""
        ...


class Recall(Protocol):
    """A way to ask memory."""

    async def __call__(self, text: str, /, *, session_id: str, k: int) -> Sequence[RecalledInsight]:
        """Return at most `k` hits for a question that a session asks, the best first."""
        ...


Fork = Callable[[Sequence[BranchTask]], Awaitable[list[BranchOutcome]]]
"""Forks branches of a branch, runs them, and gives their outcomes once the last has ended."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BranchContext:
    """A branch while it runs: what it is to do, and what it may ask for."""

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

    @property
    def namespace(self) -> str:
        """The namespace the branch lives in."""
        return self.sessions.namespace

    async def recall(
        self, text: str | None = None, *, k: int = RECALLED_MAX
    ) -> Sequence[RecalledInsight]:
        """Ask memory `text`, or the branch's own task. Raises InputInvalid where none is there."""
        if self.asking is None:
            raise InputInvalid(
                "recall: this thought was given no memory to ask",
                field="recall",
                fix="give `think` a recall, or an executor that needs none",
            )
        question = self.task if text is None else text
        return await self.asking(question, session_id=self.session_id, k=k)

    async def remember(self, insight: InsightDraft | str) -> InsightReceipt:
        """Record an insight at once, instead of with the result."""
        draft = InsightDraft(text=insight) if isinstance(insight, str) else insight
        return await self.sessions.record(draft, session_id=self.session_id)

    async def note(self, key: str, value: object) -> SessionReceipt:
        """Set `key` in the branch's working memory."""
        return await self.sessions.note(self.session_id, key, value)

    async def branch(self, branches: Sequence[BranchTask | str]) -> list[BranchOutcome]:
        """Fork this branch, run the forks as it runs, and wait until the last has ended."""
        return await self.forking(
            [BranchTask(task=task) if isinstance(task, str) else task for task in branches]
        )


class Executor(Protocol):
    """Does the work of a branch."""

    @property
    def name(self) -> str:
        """What the log calls it."""
        ...

    async def run(self, branch: BranchContext) -> Finding | str:
        """Return what the branch found; plain text is its result. An error fails the attempt."""
        ...


Work = (
    Callable[[BranchContext], Awaitable[Finding | str]] | Callable[[BranchContext], Finding | str]
)


class CallableExecutor:
    """Calls a Python function with the branch.

    An async function runs on the loop. A plain one runs in a thread of its own and should only
    read the branch's fields; a timeout leaves its thread to end by itself.
    """

    def __init__(self, function: Work, *, name: str | None = None) -> None:
        self._function = function
        self.name = name or f"callable:{getattr(function, '__name__', type(function).__name__)}"

    async def run(self, branch: BranchContext) -> Finding | str:
        """Return what the function returns."""
        call = getattr(self._function, "__call__", self._function)  # noqa: B004 - not a test whether it is callable, but its method.
        if inspect.iscoroutinefunction(self._function) or inspect.iscoroutinefunction(call):
            found = self._function(branch)
        else:
            found = await _in_thread(self._function, branch)
        return await found if inspect.isawaitable(found) else found


async def _in_thread(
    function: Work, branch: BranchContext
) -> Finding | str | Awaitable[Finding | str]:
    """Call `function` in a thread of its own.

    The loop's own pool has few threads on a small machine, and waits for a function that hangs.
    """
    loop = asyncio.get_running_loop()
    result: asyncio.Future[Finding | str | Awaitable[Finding | str]] = loop.create_future()
    context = contextvars.copy_context()

    def settle(found: object, error: BaseException | None) -> None:
        if result.done():
            return
        if error is not None:
            result.set_exception(error)
        else:
            result.set_result(found)  # type: ignore[arg-type]

    def work() -> None:
        found: object = None
        problem: BaseException | None = None
        try:
            found = context.run(function, branch)
        except BaseException as error:  # noqa: BLE001 - it belongs to whoever awaits the result.
            problem = error
        if not loop.is_closed():
            loop.call_soon_threadsafe(settle, found, problem)

    threading.Thread(target=work, name=f"branch-{branch.session_id}", daemon=True).start()
    return await result
