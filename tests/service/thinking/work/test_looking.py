"""A worker's looks into the queue: where work was put, in order, and never into reserved slots."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from anabranch_events.event.types import Priority
from anabranch_events.tasks.signals import Signals
from anabranch_thinking import BranchContext, BranchTask
from anabranch_thinking.work import worker as work_of_workers
from anabranch_thinking.work.attempt import Attempt
from tests.support.fleet_of_workers import Crew, echo, noted_looks
from tests.support.patience import FOREVER_S, PATIENCE_S, until

if TYPE_CHECKING:
    from anabranch_events import Log

NAMESPACE = "test"
TRICKLE_S = 0.1


class Clock:
    """The clock of the workers: it stands, until it is moved."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        """Return the time."""
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Return the clock by which workers go, with looks of their own that come late by it."""
    made = Clock()
    monkeypatch.setattr(work_of_workers, "time", made)
    monkeypatch.setattr(work_of_workers, "LOOK_S", FOREVER_S)
    return made


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
    """A worker that hears of no work finds it with its next own look.

    So does one whose look came too soon: findings/nats_a_stored_message_is_not_there_at_once.sh.
    """
    crew = Crew(log, {"echo": echo})

    async def unheard(*_: object) -> None:
        """Say nothing."""

    monkeypatch.setattr(Signals, "work", unheard)
    async with crew.at_work():
        thought = await crew.think([BranchTask(task="a", priority=Priority.CRITICAL)])

    assert thought.branches[0].result == "Found for a."


async def test_calls_for_one_priority_put_off_no_look_at_all(
    log: Log, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    """However often it is called, a worker looks at all of them once that is due."""
    looks = noted_looks(monkeypatch)
    crew = Crew(log, {"echo": echo})

    async with crew.at_work():
        await until(lambda: bool(looks))
        for seen in range(1, 7):
            clock.now += FOREVER_S / 4
            await crew.fabric.queue.signals.work(NAMESPACE, [Priority.NORMAL])
            await until(lambda seen=seen: len(looks) > seen)  # type: ignore[misc]

    assert looks[:2] == [[*Priority], [Priority.NORMAL]]
    assert [*Priority] in looks[2:]


async def test_a_branch_is_tried_again_beside_a_trickle_of_others(log: Log) -> None:
    """A task that comes back calls nobody; it is found though others are called all along."""
    failed, again = asyncio.Event(), asyncio.Event()

    async def work(branch: BranchContext) -> str:
        if branch.task == "now" and not failed.is_set():
            failed.set()
            raise ValueError("not yet")
        if branch.task == "now":
            again.set()
        return await echo(branch)

    crew = Crew(log, {"work": work})
    async with crew.at_work(), asyncio.timeout(PATIENCE_S):
        urgent = BranchTask(task="now", priority=Priority.CRITICAL)
        await crew.begin([urgent], executor="work", retries=1)
        await failed.wait()
        while not again.is_set():
            await crew.begin(["other"], executor="work")
            await asyncio.sleep(TRICKLE_S)

    assert crew.workers[0].counts["retried"] == 1


async def test_a_call_for_what_is_left_to_others_is_kept(
    log: Log, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    """A worker that was outrun at a priority looks at it once its pause is over."""

    async def is_outrun(self: Attempt) -> None:
        self.outrun = True
        await self.delivery.done()

    monkeypatch.setattr(Attempt, "run", is_outrun)
    looks = noted_looks(monkeypatch)
    crew = Crew(log, {"echo": echo})
    signals = crew.fabric.queue.signals
    (worker,) = crew.workers

    async with crew.at_work():
        await until(lambda: bool(looks))
        await crew.begin(["a"])
        await until(lambda: len(looks) == 2 and not worker.slots.busy)
        await signals.work(NAMESPACE, [Priority.NORMAL])
        await until(lambda: len(looks) == 3)
        clock.now += work_of_workers.OUTRUN_PAUSE_S
        await signals.work(NAMESPACE, [Priority.LOW])
        await until(lambda: len(looks) == 4)

    assert looks[1:] == [[Priority.NORMAL], [], [Priority.NORMAL, Priority.LOW]]


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
