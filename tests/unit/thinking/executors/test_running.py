"""An executor's run is bounded, whatever the executor does to the process or the loop."""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, NoReturn

import pytest

from anabranch_thinking import BranchContext, BranchTimedOut, CallableExecutor, ExecutorFailed
from anabranch_thinking.executors.running import Running
from tests.support.commanding_process import lone_branch
from tests.support.patience import FOREVER_S, PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Callable

    from anabranch_thinking.executors.callable import Work


def exits(_branch: BranchContext) -> NoReturn:
    """End the process."""
    sys.exit("no hotel")


async def exits_on_the_loop(_branch: BranchContext) -> NoReturn:
    """End the process, from its loop."""
    sys.exit(3)


def is_interrupted(_branch: BranchContext) -> NoReturn:
    """Be interrupted, as nobody did."""
    raise KeyboardInterrupt


async def is_interrupted_on_the_loop(_branch: BranchContext) -> NoReturn:
    """Be interrupted on the loop, as nobody did."""
    raise KeyboardInterrupt


def runs_out(_branch: BranchContext) -> str:
    """Take the first of nothing."""
    return next(iter(()))


async def cancels_what_it_awaits(_branch: BranchContext) -> str:
    """Await a future that is cancelled."""
    waited: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    waited.cancel()
    return await waited


@pytest.mark.parametrize(
    ("work", "said"),
    [
        (exits, r"SystemExit\('no hotel'\)"),
        (exits_on_the_loop, r"SystemExit\(3\)"),
        (is_interrupted, "KeyboardInterrupt"),
        (is_interrupted_on_the_loop, "KeyboardInterrupt"),
        (runs_out, "StopIteration"),
        (cancels_what_it_awaits, "cancelled from within"),
    ],
)
async def test_it_ends_neither_the_process_nor_the_loop(work: Work, said: str) -> None:
    """An exit, an interrupt and a cancellation of its own are failures of that branch alone."""
    running = Running(CallableExecutor(work), lone_branch())

    with pytest.raises(ExecutorFailed, match=said):
        await running.found(within_s=PATIENCE_S)


def never_stopping() -> tuple[CallableExecutor, Callable[[], None]]:
    """Return an executor that goes on when it is cancelled, and what ends it in the end."""
    over = asyncio.Event()

    async def work(_branch: BranchContext) -> str:
        while not over.is_set():
            try:
                await over.wait()
            except asyncio.CancelledError:
                continue
        return "late"

    return CallableExecutor(work), over.set


async def test_one_that_ignores_its_timeout_is_left_behind() -> None:
    """Its time is over all the same, and whoever waits goes on."""
    executor, end = never_stopping()
    running = Running(executor, lone_branch(), stop_s=0.01)

    with pytest.raises(BranchTimedOut):
        await running.found(within_s=0.01)

    end()


async def test_one_that_ignores_its_stop_is_left_behind() -> None:
    """A stopped run ends for whoever waits, also where the executor goes on."""
    executor, end = never_stopping()
    running = Running(executor, lone_branch(), stop_s=0.01)
    waiting = asyncio.create_task(running.found(within_s=FOREVER_S))
    await asyncio.sleep(0)

    running.stop()
    done, _ = await asyncio.wait({waiting}, timeout=PATIENCE_S)

    assert done == {waiting}
    assert waiting.cancelled()
    end()


async def test_a_cancelled_wait_lets_the_executor_clean_up() -> None:
    """Who waits is cancelled after the executor's own clean-up."""
    steps: list[str] = []
    begun = asyncio.Event()

    async def work(_branch: BranchContext) -> str:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            steps.append("cleaned up")
        return "never"

    waiting = asyncio.create_task(
        Running(CallableExecutor(work), lone_branch()).found(within_s=FOREVER_S)
    )
    await begun.wait()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting

    assert steps == ["cleaned up"]


class Cleaning:
    """An executor's work that cleans up for as long as it is held, once it is cancelled."""

    def __init__(self, *, within_s: float | None = None) -> None:
        self.steps: list[str] = []
        self.cleaning = asyncio.Event()
        self.cleaned = asyncio.Event()
        self._within_s = within_s

    async def work(self, _branch: BranchContext) -> str:
        """Wait for ever; where it is bounded in time by itself, go on with that afterwards."""
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._within_s):
                    await self._held()
            await asyncio.Event().wait()
        finally:
            self.steps.append("ended")
        return "never"

    async def _held(self) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            self.cleaning.set()
            await self.cleaned.wait()
            self.steps.append("cleaned up")

    def running(self) -> tuple[Running, asyncio.Task[object]]:
        """Return it at work, and who waits for it."""
        running = Running(CallableExecutor(self.work), lone_branch())
        return running, asyncio.create_task(running.found(within_s=FOREVER_S))


async def test_one_that_is_stopped_twice_still_cleans_up() -> None:
    """Several tell that a branch has ended: the second is no reason to leave off."""
    work = Cleaning()
    running, waiting = work.running()
    await asyncio.sleep(0)
    running.stop()
    await work.cleaning.wait()

    running.stop()
    await asyncio.sleep(0)
    work.cleaned.set()
    await asyncio.wait({waiting}, timeout=PATIENCE_S)

    assert work.steps == ["cleaned up", "ended"]


async def test_a_wait_that_is_cancelled_after_a_stop_lets_it_clean_up() -> None:
    """A worker may end while a branch of its is being stopped."""
    work = Cleaning()
    running, waiting = work.running()
    await asyncio.sleep(0)
    running.stop()
    await work.cleaning.wait()

    waiting.cancel()
    await asyncio.sleep(0.01)
    still_waits = not waiting.done()
    work.cleaned.set()
    await asyncio.wait({waiting}, timeout=PATIENCE_S)

    assert still_waits
    assert (work.steps, waiting.cancelled()) == (["cleaned up", "ended"], True)


async def test_one_whose_own_time_is_over_is_ended_all_the_same() -> None:
    """What cancels it from within stands in for no end of the run."""
    work = Cleaning(within_s=0.0)
    _, waiting = work.running()
    await work.cleaning.wait()

    waiting.cancel()
    await asyncio.wait({waiting}, timeout=PATIENCE_S)

    assert (work.steps, waiting.cancelled()) == (["ended"], True)


@pytest.mark.timeout(180)
def test_one_that_is_left_behind_holds_up_no_end_of_the_process() -> None:
    """The loop is closed without it: `asyncio.run` waits for all tasks that it knows."""

    async def work(_branch: BranchContext) -> str:
        while True:
            with suppress(asyncio.CancelledError):
                await asyncio.Event().wait()

    async def think() -> str:
        running = Running(CallableExecutor(work), lone_branch(), stop_s=0.01)
        with pytest.raises(BranchTimedOut):
            await running.found(within_s=0.01)
        return "went on"

    assert asyncio.run(think()) == "went on"
