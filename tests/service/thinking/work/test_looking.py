"""A worker's looks into the queue: where work was put, in order, and never into reserved slots."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from anabranch_events.event.types import Priority
from anabranch_events.tasks.signals import Signals
from anabranch_thinking import BranchContext, BranchTask
from anabranch_thinking.work import worker as work_of_workers
from tests.support.fleet_of_workers import Crew, noted_looks
from tests.support.patience import FOREVER_S, PATIENCE_S, until

if TYPE_CHECKING:
    import pytest

    from anabranch_events import Log


async def echo(branch: BranchContext) -> str:
    """Find what the task says."""
    return f"Found for {branch.task}."


async def test_a_worker_that_saw_the_queue_empty_looks_where_work_was_put(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One look at the one priority is enough; nothing is asked again before it is called."""
    monkeypatch.setattr(work_of_workers, "LOOK_S", FOREVER_S)
    looks = noted_looks(monkeypatch)
    crew = Crew(log, {"echo": echo})

    async with crew.at_work():
        await until(lambda: bool(looks))
        await crew.think([BranchTask(task="a", priority=Priority.HIGH)])

    assert looks == [[*Priority], [Priority.HIGH]]


async def test_a_call_that_got_lost_is_made_up_for(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that hears of no work finds it with its next own look."""
    crew = Crew(log, {"echo": echo})

    async def unheard(*_: object) -> None:
        """Say nothing."""

    monkeypatch.setattr(Signals, "work", unheard)
    async with crew.at_work():
        thought = await crew.think([BranchTask(task="a", priority=Priority.CRITICAL)])

    assert thought.branches[0].result == "Found for a."


async def test_reserved_slots_stay_free_for_critical_branches(log: Log) -> None:
    """Also where a call named other work alone: a critical branch begins at once."""
    going: list[str] = []
    free = asyncio.Event()

    async def work(branch: BranchContext) -> str:
        going.append(branch.task)
        await free.wait()
        return await echo(branch)

    crew = Crew(log, {"work": work}, slots=[3], reserved=1)

    async with crew.at_work():
        await asyncio.sleep(0)
        many = await crew.begin(["a", "b", "c", "d"], executor="work")
        await until(lambda: len(going) == 2)
        await crew.begin([BranchTask(task="now", priority=Priority.CRITICAL)], executor="work")
        await until(lambda: len(going) == 3)
        begun = [*going]
        free.set()
        async with asyncio.timeout(PATIENCE_S):
            await many.joined()

    assert begun[2] == "now"


async def test_slots_that_are_not_reserved_are_filled_again_at_once(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The end of a branch calls for the next one, though a reserved slot was free all the time."""
    monkeypatch.setattr(work_of_workers, "LOOK_S", FOREVER_S)
    crew = Crew(log, {"echo": echo}, slots=[2], reserved=1)

    async with crew.at_work():
        thought = await crew.think([f"stop {number}" for number in range(5)])

    assert [one.result for one in thought.branches] == [
        f"Found for stop {number}." for number in range(5)
    ]
