"""A slow critical branch gets a second copy elsewhere, once, and has one result."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import pytest

from anabranch_events.errors import InputInvalid
from anabranch_events.event.types import Priority
from anabranch_thinking import BranchTask, Status
from anabranch_thinking.work.hedging import Hedging
from tests.support.fleet_of_workers import Crew
from tests.support.logs import types_of
from tests.support.patience import FOREVER_S, until

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anabranch_events import Log
    from anabranch_thinking import BranchContext, Thought

NAMESPACE = "test"
SLOTS = 6
pytestmark = pytest.mark.timeout(540)

Copy = Callable[["BranchContext"], Awaitable[str]]


class Copies:
    """Work in which the first and the second copy of a slow branch go their own ways."""

    def __init__(self, first: Copy, second: Copy) -> None:
        self.begun: Counter[str] = Counter()
        self._quick = 0
        self._all_quick = asyncio.Event()
        self._ways = (first, second)

    async def run(self, branch: BranchContext) -> str:
        """Find something, but for a slow branch, once all slots of both workers are taken."""
        if not branch.task.startswith("slow"):
            self._quick += 1
            if self._quick == 2 * SLOTS:
                self._all_quick.set()
            await self._all_quick.wait()
            return f"Found for {branch.task}."
        self.begun[branch.session_id] += 1
        return await self._ways[self.begun[branch.session_id] - 1](branch)

    def both(self, count: int) -> bool:
        """Tell whether both copies of so many branches have begun."""
        return len(self.begun) == count and set(self.begun.values()) == {2}


async def never(branch: BranchContext) -> str:
    """Find nothing."""
    await asyncio.Event().wait()
    return branch.task


async def at_once(branch: BranchContext) -> str:
    """Find something at once."""
    return f"Found for {branch.task}."


async def fail(branch: BranchContext) -> str:
    """Find nothing, at once."""
    raise ValueError(branch.task)


def released(go: asyncio.Event) -> Copy:
    """Return work that ends once it may."""

    async def work(branch: BranchContext) -> str:
        await go.wait()
        return f"Found for {branch.task}."

    return work


def crew_of(log: Log, copies: Copies) -> Crew:
    """Return two workers; nothing but signals and records can end what they run."""
    return Crew(
        log,
        {"work": copies.run},
        slots=[SLOTS, SLOTS],
        silence_s=FOREVER_S,
        hedging=Hedging(samples_min=SLOTS),
    )


async def thought_of(crew: Crew, tasks: Sequence[str]) -> Thought:
    """Think over critical branches of a kind at which each worker has shown its pace."""
    quick = [f"quick {number}" for number in range(2 * SLOTS)]
    await _think(crew, quick)
    return await _think(crew, tasks)


async def _think(crew: Crew, tasks: Sequence[str]) -> Thought:
    critical = [BranchTask(task=one, role="scout", priority=Priority.CRITICAL) for one in tasks]
    return await crew.think(critical, executor="work")


async def lives(log: Log, thought: Thought) -> list[list[str]]:
    """Return what happened to each branch."""
    return [await types_of(log, one.session_id, namespace=NAMESPACE) for one in thought.branches]


BEGUN = ["branch.created", "branch.started", "branch.hedged"]


async def test_a_faster_second_copy_ends_the_branch(log: Log) -> None:
    """It takes the branch over and completes it at once; the first copy is stopped."""
    crew = crew_of(log, Copies(never, at_once))

    async with crew.at_work():
        thought = await thought_of(crew, ["slow"])
        await until(lambda: not any(worker.slots.busy for worker in crew.workers))

    slow = thought.branches[-1]
    assert (slow.status, slow.result, slow.attempts) == (Status.COMPLETED, "Found for slow.", 2)
    assert await lives(log, thought) == [
        [*BEGUN, "branch.failed", "branch.started", "branch.completed"]
    ]
    assert sum(worker.counts.get("stopped", 0) for worker in crew.workers) == 1


@pytest.mark.parametrize("second", [never, fail])
async def test_the_first_copy_may_be_the_faster_one(log: Log, second: Copy) -> None:
    """Then the second one is stopped; that it failed is no failure of the branch."""
    go = asyncio.Event()
    copies = Copies(released(go), second)
    crew = crew_of(log, copies)

    async with crew.at_work():
        thinking = asyncio.create_task(thought_of(crew, ["slow"]))
        await until(lambda: copies.both(1))
        go.set()
        thought = await thinking
        await until(lambda: not any(worker.slots.busy for worker in crew.workers))

    slow = thought.branches[-1]
    assert (slow.status, slow.attempts) == (Status.COMPLETED, 1)
    assert await lives(log, thought) == [[*BEGUN, "branch.completed"]]


async def test_copies_that_end_together_give_one_result(log: Log) -> None:
    """Whichever is recorded first counts; no branch has two ends, two results, or two hedges."""
    go = asyncio.Event()
    copies = Copies(released(go), released(go))
    crew = crew_of(log, copies)
    slow = [f"slow {number}" for number in range(6)]

    async with crew.at_work():
        thinking = asyncio.create_task(thought_of(crew, slow))
        await until(lambda: copies.both(len(slow)))
        go.set()
        thought = await thinking

    assert {one.result for one in thought.branches} == {f"Found for {one}." for one in slow}
    for life in await lives(log, thought):
        assert (life.count("branch.hedged"), life.count("branch.completed")) == (1, 1)
        assert life[-1] == "branch.completed"
    assert thought.consolidation is not None
    assert len(thought.consolidation.sources) == len(thought.branches)


async def test_slots_are_kept_for_critical_branches(log: Log) -> None:
    """Usual branches take none of them, and a critical one runs though all others are taken."""
    go = asyncio.Event()
    crew = Crew(log, {"held": released(go), "work": at_once}, slots=[3], reserved=1)
    (worker,) = crew.workers

    async with crew.at_work():
        usual = asyncio.create_task(crew.think(["a", "b", "c", "d"], executor="held"))
        await until(lambda: worker.slots.busy == 2)
        urgent = await _think(crew, ["find a hotel"])
        taken = worker.slots.busy
        go.set()
        await usual

    assert urgent.branches[0].status is Status.COMPLETED
    assert taken == 2


def test_no_worker_keeps_all_its_slots(log: Log) -> None:
    """Then usual branches would wait for ever."""
    with pytest.raises(InputInvalid) as refused:
        Crew(log, {"work": at_once}, slots=[2], reserved=2)

    assert refused.value.field == "reserved"
