"""The executor that calls a Python function."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import threading
from collections.abc import Awaitable, Callable

from anabranch_thinking.errors import ExecutorFailed
from anabranch_thinking.executors.base import BranchContext, ForkedWork
from anabranch_thinking.sessions.findings import Finding

Found = Finding | ForkedWork | str
Work = Callable[[BranchContext], Awaitable[Found]] | Callable[[BranchContext], Found]


class CallableExecutor:
    """An executor that calls a Python function with the branch.

    An async function runs on the loop. A plain one runs in a thread of its own and should only read
    the branch's fields. A timeout leaves its thread to end by itself.
    """

    def __init__(self, function: Work, *, name: str | None = None) -> None:
        self._function = function
        self.name = name or f"callable:{getattr(function, '__name__', type(function).__name__)}"

    async def run(self, branch: BranchContext) -> Found:
        """Return what the function returns."""
        call = getattr(self._function, "__call__", self._function)  # noqa: B004 - not a test whether it is callable, but its method.
        if inspect.iscoroutinefunction(self._function) or inspect.iscoroutinefunction(call):
            found = self._function(branch)
        else:
            found = await _in_thread(self._function, branch)
        return await found if inspect.isawaitable(found) else found


async def _in_thread(function: Work, branch: BranchContext) -> Found | Awaitable[Found]:
    """Call `function` in a thread of its own.

    The loop's own pool has few threads on a small machine, and waits for a function that hangs.
    """
    loop = asyncio.get_running_loop()
    result: asyncio.Future[Found | Awaitable[Found]] = loop.create_future()
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
            problem = _raisable(error)
        if not loop.is_closed():
            loop.call_soon_threadsafe(settle, found, problem)

    threading.Thread(target=work, name=f"branch-{branch.session_id}", daemon=True).start()
    return await result


def _raisable(error: BaseException) -> BaseException:
    """Return an error as a future takes it, and as nobody mistakes it for one of the loop's own."""
    if isinstance(error, StopIteration) or not isinstance(
        error, Exception | SystemExit | KeyboardInterrupt
    ):
        return ExecutorFailed(
            f"the function raised {type(error).__name__}: {error}",
            fix="have it raise an error of its own, or return what it found",
        )
    return error
