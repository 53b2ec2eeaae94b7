"""One run of an executor on a branch: bounded in time, and ended whatever the executor does."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from anabranch_thinking.errors import BranchTimedOut, ExecutorFailed
from anabranch_thinking.executors.base import checked_finding

if TYPE_CHECKING:
    from anabranch_thinking.executors.base import BranchContext, Executor, ForkedWork
    from anabranch_thinking.sessions.findings import Finding

STOP_S: Final = 10.0
"""The time that an executor has to clean up once it is stopped; then it is left behind."""
_log: Final = logging.getLogger("anabranch")


class Running:
    """An executor at work on a branch, in a task of its own. It begins when this is made."""

    def __init__(
        self, executor: Executor, branch: BranchContext, *, stop_s: float = STOP_S
    ) -> None:
        self._name = executor.name
        self._session_id = branch.session_id
        self._stop_s = stop_s
        self._task = asyncio.ensure_future(_found(executor, branch))
        self._waited = asyncio.shield(self._task)
        self._stop_by: float | None = None

    def stop(self) -> None:
        """Cancel the work: whoever waits for it is cancelled, too, after `stop_s` at the latest."""
        asyncio.get_running_loop().call_later(self._cancelled(), self._waited.cancel)

    async def found(self, *, within_s: float) -> Finding | ForkedWork:
        """Wait for the finding. Raises BranchTimedOut, and what the executor raises.

        Cancelled or timed out, it waits for the executor's clean-up, which is bounded.
        """
        limit = asyncio.timeout(within_s)
        try:
            async with limit:
                return await self._waited
        except TimeoutError:
            if limit.expired():
                raise BranchTimedOut(self._session_id, timeout_s=within_s) from None
            raise
        finally:
            if not self._task.done():
                await self._end()

    def _cancelled(self) -> float:
        """Cancel the work, and return the seconds that it has left to clean up.

        Asked a second time it would leave its clean-up. An executor may cancel its own task, too.
        """
        now = asyncio.get_running_loop().time()
        if self._stop_by is None:
            self._stop_by = now + self._stop_s
            self._task.cancel()
        return max(0.0, self._stop_by - now)

    async def _end(self) -> None:
        await asyncio.wait({self._task}, timeout=self._cancelled())
        if not self._task.done():
            # Otherwise `asyncio.run` would wait for it, and the process would never end.
            asyncio._unregister_task(self._task)  # noqa: SLF001 - it is documented. # pyright: ignore[reportPrivateUsage]
            _log.warning(
                "%s does not stop for branch %s, and is left behind", self._name, self._session_id
            )
        elif not self._task.cancelled():
            self._task.exception()  # Nobody waits for it any more.


async def _found(executor: Executor, branch: BranchContext) -> Finding | ForkedWork:
    """Return what an executor found; its attempts to end the process or the task are errors."""
    try:
        return checked_finding(await executor.run(branch), by=executor.name)
    except (SystemExit, KeyboardInterrupt) as error:  # They would end this process, for all.
        raise ExecutorFailed(
            f"{executor.name} raised {error!r}",
            fix="have it raise an error, or return what it found",
        ) from error
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        raise ExecutorFailed(
            f"{executor.name} was cancelled from within: {error!r}",
            fix="look for a task or a future that it cancels, and awaits",
        ) from error
