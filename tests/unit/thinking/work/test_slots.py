"""The slots of a worker: taken, left for a while, and kept for urgent branches."""

from __future__ import annotations

import asyncio

import pytest

from anabranch_events.errors import InputInvalid
from anabranch_events.event.types import Priority
from anabranch_thinking.work.slots import WorkSlots, check_slots
from tests.support.patience import until


async def wait(slots: WorkSlots, forks: asyncio.Event, *, urgent: bool = False) -> None:
    """Leave a slot until forks have ended."""
    async with slots.given_up(urgent=urgent):
        await forks.wait()


async def ended(forks: asyncio.Event) -> None:
    """End the forks, and let those that waited for them ask for a slot."""
    forks.set()
    for _ in range(3):
        await asyncio.sleep(0)


def test_slots_that_would_stay_idle_are_refused() -> None:
    """Those kept for critical branches by a worker that takes none, and all of no priority."""
    check_slots(2, reserved=1, priorities=tuple(Priority))
    check_slots(2, reserved=0, priorities=[Priority.HIGH])

    for slots, reserved, priorities, field in (
        (2, 1, [Priority.HIGH, Priority.LOW], "reserved"),
        (2, 2, tuple(Priority), "reserved"),
        (2, -1, tuple(Priority), "reserved"),
        (2, 0, [], "priorities"),
        (0, 0, tuple(Priority), "slots"),
    ):
        with pytest.raises(InputInvalid) as refused:
            check_slots(slots, reserved=reserved, priorities=priorities)
        assert refused.value.field == field


async def test_what_goes_on_takes_no_slot_that_is_kept() -> None:
    """It waits for a usual one, though one for urgent branches is free."""
    slots, forks = WorkSlots(2, reserved=1), asyncio.Event()
    slots.take()
    going_on = asyncio.create_task(wait(slots, forks))
    await until(lambda: slots.busy == 0)
    slots.take()
    await ended(forks)

    assert (slots.busy, slots.room(urgent=True), slots.room(urgent=False)) == (1, 1, 0)
    assert not going_on.done()
    slots.leave()
    await going_on
    assert slots.busy == 1


async def test_an_urgent_one_goes_on_first() -> None:
    """It takes the slot that is kept, or the first that is left."""
    slots, forks = WorkSlots(2, reserved=1), asyncio.Event()
    slots.take()
    slots.take(urgent=True)
    usual = asyncio.create_task(wait(slots, forks))
    urgent = asyncio.create_task(wait(slots, forks, urgent=True))
    await until(lambda: slots.busy == 0)
    slots.take()
    slots.take(urgent=True)
    await ended(forks)

    slots.leave(urgent=True)
    await urgent

    assert (slots.busy, usual.done()) == (2, False)
    slots.leave()
    await usual


@pytest.mark.parametrize("urgent", [True, False])
async def test_one_that_waits_for_forks_keeps_no_slot(urgent: bool) -> None:
    """A slot for urgent branches is kept anew while an urgent one is away."""
    slots, forks = WorkSlots(3, reserved=1), asyncio.Event()
    slots.take(urgent=urgent)
    taken = slots.room(urgent=False)
    going_on = asyncio.create_task(wait(slots, forks, urgent=urgent))
    await until(lambda: slots.busy == 0)

    assert taken == (2 if urgent else 1)
    assert (slots.room(urgent=True), slots.room(urgent=False)) == (3, 2)
    assert slots.room(urgent=False, coming=1) == 2
    forks.set()
    await going_on


async def test_one_that_is_cancelled_while_it_waits_leaves_its_slot_once() -> None:
    """Whoever cancels it leaves the slot that it would hold."""
    slots, forks = WorkSlots(1), asyncio.Event()
    slots.take()
    going_on = asyncio.create_task(wait(slots, forks))
    await until(lambda: slots.busy == 0)
    slots.take()
    await ended(forks)
    going_on.cancel()
    await asyncio.gather(going_on, return_exceptions=True)

    slots.leave()
    slots.leave()

    assert slots.busy == 0
