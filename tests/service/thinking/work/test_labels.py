"""Labels that a branch wants: its worker has them where one is free, and nobody waits for ever."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from anabranch_events.event.types import BranchCreated, BranchStarted, Priority
from anabranch_events.tasks.signals import Signals
from anabranch_thinking import BranchContext, BranchTask
from anabranch_thinking.work.offers import PAUSE_S
from tests.support.fleet_of_workers import Crew, echo, noted_hand_backs
from tests.support.patience import FOREVER_S, PATIENCE_S, until

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pytest

    from anabranch_events import Log

WAIT_S = 0.6
GPU = BranchTask(task="train", labels=("gpu",))


async def test_a_free_worker_with_the_labels_gets_the_branch_always(log: Log) -> None:
    """However many others look first; it waits for none of the pauses, and is tried once."""
    crew = Crew(
        log,
        {"echo": echo},
        slots=[4, 4, 4, 4],
        labels=[(), ("eu",), (), ("eu", "gpu")],
        label_wait_s=FOREVER_S,
    )
    async with crew.at_work():
        for _ in range(12):
            found = await crew.think([GPU, "talk"])
            labelled, _ = found.branches
            assert labelled.worker == "worker 3"
            assert labelled.attempts == 1


async def test_a_branch_wants_all_its_labels(log: Log) -> None:
    """One of two is not enough."""
    crew = Crew(
        log,
        {"echo": echo},
        slots=[2, 2, 2],
        labels=[("gpu",), ("eu",), ("eu", "gpu")],
        label_wait_s=FOREVER_S,
    )
    async with crew.at_work():
        many = await crew.think([BranchTask(task=str(n), labels=("gpu", "eu")) for n in range(6)])

    assert {one.worker for one in many.branches} == {"worker 2"}


async def test_where_no_worker_has_the_label_anybody_takes_the_branch_after_the_bound(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is handed back a few times, and none of them is an attempt."""
    delays = noted_hand_backs(monkeypatch)
    crew = Crew(log, {"echo": echo}, slots=[4, 4], label_wait_s=WAIT_S)
    async with crew.at_work():
        begun = time.monotonic()
        thought = await crew.think([GPU])
        took_s = time.monotonic() - begun

    (branch,) = thought.branches
    assert WAIT_S <= took_s < WAIT_S + PATIENCE_S
    assert branch.attempts == 1
    assert 1 <= len(delays) <= 5
    assert all(delay <= WAIT_S for delay in delays)


async def test_a_branch_waits_for_a_busy_worker_no_longer_than_the_bound(log: Log) -> None:
    """Its worker stays busy; another one takes it."""
    free = asyncio.Event()

    async def work(branch: BranchContext) -> str:
        if branch.task == "long":
            await free.wait()
        return await echo(branch)

    crew = Crew(log, {"work": work}, slots=[1, 1], labels=[("gpu",), ()], label_wait_s=WAIT_S)
    async with crew.at_work():
        long = await crew.begin([BranchTask(task="long", labels=("gpu",))], executor="work")
        await until(lambda: crew.workers[0].slots.busy == 1)
        async with asyncio.timeout(PATIENCE_S):
            thought = await crew.think([GPU], executor="work")
        free.set()
        await long.joined()

    assert thought.branches[0].worker == "worker 1"


async def test_a_worker_that_is_free_in_time_gets_the_branch(log: Log) -> None:
    """It was busy when the branch was put; others left the branch to it meanwhile."""
    free = asyncio.Event()

    async def work(branch: BranchContext) -> str:
        if branch.task == "long":
            await free.wait()
        return await echo(branch)

    crew = Crew(log, {"work": work}, slots=[1, 1], labels=[("gpu",), ()], label_wait_s=FOREVER_S)
    async with crew.at_work():
        long = await crew.begin([BranchTask(task="long", labels=("gpu",))], executor="work")
        await until(lambda: crew.workers[0].slots.busy == 1)
        waiting = await crew.begin([GPU], executor="work")
        await asyncio.sleep(3 * PAUSE_S)
        free.set()
        async with asyncio.timeout(PATIENCE_S):
            thought = await waiting.joined()
            await long.joined()

    assert thought.branches[0].worker == "worker 0"


async def test_many_branches_are_handed_back_a_few_times_each(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody has their label: they are through after the bound, without a storm of calls."""
    calls: list[object] = []
    delays = noted_hand_backs(monkeypatch)
    work = Signals.work

    async def noted(self: Signals, namespace: str, priorities: Iterable[str] = ()) -> None:
        calls.append(priorities)
        await work(self, namespace, priorities)

    monkeypatch.setattr(Signals, "work", noted)
    crew = Crew(log, {"echo": echo}, slots=[8, 8], label_wait_s=WAIT_S)
    async with crew.at_work():
        thought = await crew.think([BranchTask(task=str(n), labels=("gpu",)) for n in range(60)])

    assert [one.attempts for one in thought.branches] == [1] * 60
    assert len(delays) <= 5 * 60
    assert len(calls) < 60


async def test_clocks_that_differ_let_nobody_wait_for_ever(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker whose clock is far behind the server's counts the pauses."""
    monkeypatch.setattr("anabranch_thinking.work.offers.time.time", lambda: 0.0)
    crew = Crew(log, {"echo": echo}, label_wait_s=WAIT_S)
    async with crew.at_work():
        async with asyncio.timeout(PATIENCE_S):
            thought = await crew.think([GPU])

    assert thought.branches[0].attempts == 1


async def test_reserved_slots_are_not_given_to_what_others_offer(log: Log) -> None:
    """Unless it is critical."""
    going: list[str] = []
    free = asyncio.Event()

    async def work(branch: BranchContext) -> str:
        going.append(branch.task)
        await free.wait()
        return await echo(branch)

    def wanting(task: str, priority: Priority) -> BranchTask:
        return BranchTask(task=task, priority=priority, labels=("gpu",))

    crew = Crew(
        log,
        {"work": work},
        slots=[2, 4],
        reserved=1,
        labels=[("gpu",), ()],
        label_wait_s=FOREVER_S,
    )
    async with crew.at_work():
        first = await crew.begin(
            [wanting("a", Priority.HIGH), wanting("b", Priority.HIGH)], executor="work"
        )
        await until(lambda: len(going) == 1)
        second = await crew.begin([wanting("now", Priority.CRITICAL)], executor="work")
        await until(lambda: len(going) == 2)
        assert going[1] == "now"
        assert crew.workers[0].slots.busy == 2
        free.set()
        async with asyncio.timeout(PATIENCE_S):
            await second.joined()
            await first.joined()


async def test_a_worker_that_drains_hands_back_what_it_left_to_others(log: Log) -> None:
    """Who comes next has it at once, without the silence of the one that is gone."""
    crew = Crew(log, {"echo": echo}, slots=[1], label_wait_s=FOREVER_S)
    async with crew.at_work():
        thought = await crew.begin([GPU])
        await asyncio.sleep(PAUSE_S / 2)

    heirs = Crew(log, {"echo": echo}, slots=[1], labels=[("gpu",)], label_wait_s=FOREVER_S)
    async with heirs.at_work(), asyncio.timeout(PATIENCE_S):
        found = await thought.joined()

    assert found.branches[0].attempts == 1


async def test_nothing_is_offered_where_no_labels_are_wanted(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No signal, no hand-back, and not a word of labels in the events and in the queue."""
    asked: list[str] = []
    delays = noted_hand_backs(monkeypatch)

    async def noted(_: Signals, kind: str, *__: object, **___: object) -> list[object]:
        asked.append(kind)
        return []

    monkeypatch.setattr(Signals, "ask_all", noted)
    crew = Crew(log, {"echo": echo}, slots=[4, 4], labels=[("gpu",), ()])
    async with crew.at_work():
        thought = await crew.think(["a", "b", "c"])

    events = [event for _, event in await crew.sessions.events(thought.branches[0].session_id)]
    created = next(one.data for one in events if isinstance(one.data, BranchCreated))
    started = [one for one in events if isinstance(one.data, BranchStarted)]
    assert (asked, delays, created.labels, len(started)) == ([], [], None, 1)
    assert "labels" not in created.model_dump(exclude_none=True)
