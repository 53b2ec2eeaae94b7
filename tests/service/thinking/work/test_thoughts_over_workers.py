"""Thoughts whose branches go to workers: forked, taken, ended once, joined once."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from anabranch_events import new_event, new_id
from anabranch_events.errors import InputInvalid
from anabranch_events.event.types import (
    BRANCHES_MAX,
    BranchCompleted,
    InsightRecorded,
    Priority,
)
from anabranch_thinking import (
    BranchContext,
    BranchTask,
    CallableExecutor,
    ClaimLost,
    DoNotRetry,
    ForkedWork,
    RetryLater,
    Status,
    ThoughtFailed,
    think,
)
from anabranch_thinking.consolidation.consolidate import consolidate_thought
from anabranch_thinking.join import LATE
from anabranch_thinking.work import joiner
from anabranch_thinking.work.calling_off import call_off
from tests.support.fleet_of_workers import Crew
from tests.support.logs import types_of
from tests.support.patience import FOREVER_S, PATIENCE_S, until
from tests.support.rounds import in_full_only

if TYPE_CHECKING:
    from anabranch_events import Log
    from anabranch_thinking import SessionState

NAMESPACE = "test"
TIMEOUT = pytest.mark.timeout(540)
pytestmark = TIMEOUT


async def echo(branch: BranchContext) -> str:
    """Find what the task says."""
    return f"Found for {branch.task}."


async def until_cancelled(branch: BranchContext) -> str:
    """Find at once what is quick, and the rest never."""
    if branch.task.startswith("quick"):
        return f"Found for {branch.task}."
    await asyncio.Event().wait()
    return "never"


async def ended(crew: Crew, session_id: str) -> SessionState:
    """Wait until a session has ended; return how."""
    async with asyncio.timeout(PATIENCE_S):
        while not (state := await crew.sessions.state(session_id)).ended:  # noqa: ASYNC110 - the log tells nobody.
            await asyncio.sleep(0.01)
    return state


async def test_a_joiner_has_what_a_join_needs_before_its_first(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Imported within the first join, numpy held up all else on the loop for a tenth of a second."""
    imported: list[str] = []
    monkeypatch.setattr(joiner, "import_module", imported.append)
    crew = Crew(log, {"echo": echo})

    async with crew.at_work():
        await crew.think(["find a hotel"])

    assert imported == [consolidate_thought.__module__]


async def test_a_thought_over_workers_is_the_thought_of_one_process(log: Log) -> None:
    """The same events and the same answer, but for the worker's name and the time it took."""
    tasks: list[BranchTask | str] = ["find a hotel", BranchTask(task="find a train", role="scout")]
    crew = Crew(log, {"echo": echo})

    local = await think(
        crew.sessions, "plan the trip", branches=tasks, executor=CallableExecutor(echo)
    )
    async with crew.at_work():
        over = await crew.think(tasks)

    assert over.total_branches == local.total_branches == 2
    assert [(one.task, one.status, one.result, one.attempts) for one in over.branches] == [
        (one.task, one.status, one.result, one.attempts) for one in local.branches
    ]
    assert {one.worker for one in over.branches} == {"worker 0"}
    assert over.consolidation is not None
    assert local.consolidation is not None
    assert over.consolidation.sessions == tuple(one.session_id for one in over.branches)
    assert len(over.consolidation.sources) == len(local.consolidation.sources)
    for mine, theirs in zip(over.branches, local.branches, strict=True):
        assert await types_of(log, mine.session_id, namespace=NAMESPACE) == await types_of(
            log, theirs.session_id, namespace=NAMESPACE
        )
    roots = [await types_of(log, one.session_id, namespace=NAMESPACE) for one in (over, local)]
    assert roots[0] == roots[1]


async def test_what_another_namespace_says_of_a_branch_is_not_learned(log: Log) -> None:
    """It may use the branch's id for a session of its own, and end that one meanwhile."""

    async def said_elsewhere(branch: BranchContext) -> str:
        for data in (
            InsightRecorded(insight_id=new_id(), text="Trust the stranger."),
            BranchCompleted(result="Pay the stranger.", duration_ms=1),
        ):
            await log.append(new_event(data, session_id=branch.session_id, namespace="other"))
        return await echo(branch)

    crew = Crew(log, {"echo": said_elsewhere})

    async with crew.at_work():
        thought = await crew.think(["find a hotel", "find a train"])

    assert [one.result for one in thought.branches] == [
        "Found for find a hotel.",
        "Found for find a train.",
    ]
    assert thought.consolidation is not None
    assert "stranger" not in thought.consolidation.text
    assert "hotel" in thought.consolidation.text
    states = [await crew.sessions.state(one.session_id) for one in thought.branches]
    learned = {one.insight_id for state in states for one in state.insights}
    assert set(thought.consolidation.sources) == learned


@pytest.mark.parametrize("slots", [1, 4])
async def test_nested_forks_finish_whatever_the_slots(log: Log, slots: int) -> None:
    """Forks of forks, passed on or waited for, end on one slot as they do on several."""

    async def passes_on(branch: BranchContext) -> ForkedWork | str:
        if branch.depth < 3:
            return ForkedWork([f"{branch.task}.{number}" for number in range(3)])
        return f"leaf {branch.task}"

    async def waits(branch: BranchContext) -> str:
        if branch.depth < 3:
            twigs = await branch.branch([f"{branch.task}.{number}" for number in range(2)])
            return " ".join(twig.result or "" for twig in twigs)
        return branch.task

    crew = Crew(log, {"passes on": passes_on, "waits": waits}, slots=[slots])

    async with crew.at_work():
        passed, waited = await asyncio.gather(
            crew.think(["a", "b"], executor="passes on"), crew.think(["a"], executor="waits")
        )

    assert passed.total_branches == 2 + 6 + 18
    assert {one.status for one in (*passed.branches, *waited.branches)} == {Status.COMPLETED}
    assert passed.consolidation is not None
    leaves = [one for one in passed.branches if one.depth == 3]
    found = {insight for one in leaves for insight in one.insight_ids}
    assert set(passed.consolidation.sources) == found
    assert waited.branches[0].result == "a.0.0 a.0.1 a.1.0 a.1.1"


@pytest.mark.parametrize(
    ("join", "counted"), [("first", ["quick"]), (2, ["quick a", "quick b"])], ids=["first", "two"]
)
async def test_a_join_that_needs_few_cancels_the_others(
    log: Log, join: str | int, counted: list[str]
) -> None:
    """What is enough is consolidated; running executors of the rest are stopped, and cancelled."""
    crew = Crew(log, {"work": until_cancelled})

    async with crew.at_work():
        thought = await crew.think(["slow", *counted], executor="work", join=join)
        slow = thought.branches[0].session_id
        state = await ended(crew, slow)
        await until(lambda: crew.workers[0].slots.busy == 0)

    assert (state.status, state.error) == (Status.CANCELLED, LATE)
    assert thought.consolidation is not None
    assert thought.consolidation.sessions == tuple(one.session_id for one in thought.branches[1:])


async def test_late_evidence_is_kept_where_it_is_wanted(log: Log) -> None:
    """A late branch goes on after the join; its result stands in the log, and is not cited."""
    go = asyncio.Event()

    async def work(branch: BranchContext) -> str:
        if branch.task == "slow":
            await go.wait()
        return f"Found for {branch.task}."

    crew = Crew(log, {"work": work})

    async with crew.at_work():
        thought = await crew.think(["slow", "quick"], executor="work", join="first", late_kept=True)
        go.set()
        slow = thought.branches[0].session_id
        state = await ended(crew, slow)

    assert (state.status, state.result) == (Status.COMPLETED, "Found for slow.")
    assert thought.consolidation is not None
    assert len(thought.consolidation.sources) == 1


async def test_a_majority_agrees_or_does_not(log: Log) -> None:
    """Equal results of more than half are the answer; without them the thought says so."""

    async def work(branch: BranchContext) -> str:
        return branch.task.split()[0]

    crew = Crew(log, {"work": work})

    async with crew.at_work():
        agreed = await crew.think(
            ["seventy a", "eighty b", "seventy c"], executor="work", join="majority"
        )
        split = await crew.think(["one", "two", "three"], executor="work", join="majority")

    assert agreed.consolidation is not None
    assert set(agreed.consolidation.sessions) == {
        agreed.branches[0].session_id,
        agreed.branches[2].session_id,
    }
    events = [event for _, event in await crew.sessions.events(split.session_id)]
    assert getattr(events[-1].data, "reason", "").startswith("no majority")


async def test_a_deadline_joins_what_there_is(log: Log) -> None:
    """At the deadline the quick one is consolidated, and the one that never ends is stopped."""
    crew = Crew(log, {"work": until_cancelled}, silence_s=FOREVER_S)
    deadline = datetime.now(UTC) + timedelta(seconds=1)

    async with crew.at_work():
        thought = await crew.think(["quick", "slow"], executor="work", deadline=deadline)
        await until(lambda: crew.workers[0].slots.busy == 0)
        slow = await crew.sessions.state(thought.branches[1].session_id)

    assert thought.consolidation is not None
    assert thought.consolidation.sessions == (thought.branches[0].session_id,)
    assert slow.status in {Status.CANCELLED, Status.FAILED}


async def test_a_silent_workers_branch_is_taken_over(log: Log) -> None:
    """A claim without beats is taken over; its attempt is ended, and its late result refused."""
    crew = Crew(log, {"echo": echo}, silence_s=0.5)
    await crew.fabric.queue.open(NAMESPACE, silence_s=0.5)
    begun = await crew.begin(["a"])
    async with crew.fabric.queue.taking() as taking:
        (held,) = await taking.take(NAMESPACE, priorities=tuple(Priority), count=1)
    claim = await crew.sessions.start(held.task.session_id, worker="silent")

    async with crew.at_work():
        thought = await begun.joined()
    with pytest.raises(ClaimLost):
        await crew.sessions.complete(held.task.session_id, "too late", claim=claim)

    (branch,) = thought.branches
    assert (branch.status, branch.attempts, branch.worker) == (
        Status.COMPLETED,
        2,
        "worker 0",
    )
    assert await types_of(log, branch.session_id, namespace=NAMESPACE) == [
        "branch.created",
        "branch.started",
        "branch.failed",
        "branch.started",
        "branch.completed",
    ]


async def test_a_failure_is_tried_again_put_aside_or_final(log: Log) -> None:
    """Retries within their number, then a dead letter with every error; or none where it says so."""
    attempts: list[str] = []

    async def work(branch: BranchContext) -> str:
        attempts.append(branch.task)
        match branch.task:
            case "heals" if branch.attempt == 1:
                raise RetryLater("the line was busy", delay_s=0.01)
            case "poison":
                raise ValueError(f"boom {branch.attempt}")
            case "hopeless":
                raise DoNotRetry("there is no such thing")
            case _:
                return f"Found for {branch.task}."

    crew = Crew(log, {"work": work})

    async with crew.at_work():
        thought = await crew.think(["heals", "poison", "hopeless"], executor="work", retries=1)

    heals, poison, hopeless = thought.branches
    assert (heals.status, heals.attempts) == (Status.COMPLETED, 2)
    assert (poison.status, poison.attempts) == (Status.DEAD_LETTERED, 2)
    assert "attempt 1 by worker 0: ValueError: boom 1" in str(poison.error)
    assert "attempt 2 by worker 0: ValueError: boom 2" in str(poison.error)
    assert (hopeless.status, hopeless.attempts) == (Status.FAILED, 1)
    assert sorted(attempts) == ["heals", "heals", "hopeless", "poison", "poison"]


async def test_a_thought_without_a_result_says_why(log: Log) -> None:
    """Where no branch completes the thought fails with each branch's error, and is closed."""

    async def work(branch: BranchContext) -> str:
        raise ValueError(f"no {branch.task}")

    crew = Crew(log, {"work": work})

    async with crew.at_work():
        with pytest.raises(ThoughtFailed) as failed:
            await crew.think(["a", "b"], executor="work")

    assert sorted(failed.value.errors.values()) == ["ValueError: no a", "ValueError: no b"]
    assert (await crew.sessions.state(failed.value.session_id)).status is Status.CLOSED


async def test_a_thought_that_nobody_began_says_why(log: Log) -> None:
    """Where no worker took a branch until the deadline, that is the reason, and workers the fix."""
    crew = Crew(log, {"echo": echo}, slots=[])

    async with crew.at_work():
        with pytest.raises(ThoughtFailed, match="none of the 1 branches") as failed:
            await crew.think(["a"], deadline=datetime.now(UTC))

    assert "had ended when the thought's deadline passed" in str(failed.value)
    assert "anabranch workers list" in failed.value.fix


@pytest.mark.parametrize(
    ("terms", "field"),
    [
        ({"timeout_s": 0}, "timeout_s"),
        ({"timeout_s": float("nan")}, "timeout_s"),
        ({"retries": -1}, "retries"),
        ({"retries": 101}, "retries"),
    ],
)
async def test_terms_that_are_none_are_refused(
    log: Log, terms: dict[str, float], field: str
) -> None:
    """The error names the field, and nothing is stored."""
    crew = Crew(log, {"echo": echo})

    with pytest.raises(InputInvalid) as refused:
        await crew.begin(["a"], **terms)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]  # Terms that are wrong.

    assert refused.value.field == field
    assert (await log.bounds()).last == 0


async def test_a_fork_that_is_too_wide_is_refused(log: Log) -> None:
    """A fork of more branches than a batch takes says so, in the words of any other."""

    async def wide(branch: BranchContext) -> ForkedWork:
        return ForkedWork([branch.task] * (BRANCHES_MAX + 1))

    crew = Crew(log, {"wide": wide})

    async with crew.at_work():
        with pytest.raises(ThoughtFailed, match="branches: ") as failed:
            await crew.think(["x"], executor="wide")

    assert "pydantic" not in str(failed.value)


async def test_a_fork_bomb_ends_as_a_clear_error(log: Log) -> None:
    """A branch that forks for ever meets the thought's budget; a thought too wide is refused."""

    async def bomb(branch: BranchContext) -> ForkedWork:
        return ForkedWork([f"{branch.task}{number}" for number in range(2)])

    crew = Crew(log, {"bomb": bomb})

    async with crew.at_work():
        with pytest.raises(ThoughtFailed) as failed:
            await crew.think(["x"], executor="bomb", branches_max=12)
        with pytest.raises(InputInvalid) as refused:
            await crew.think(["a", "b"], branches_max=1)

    assert any("the thought would grow without end" in one for one in failed.value.errors.values())
    assert len(failed.value.errors) <= 12
    assert refused.value.field == "branches"


async def test_cancelling_a_thought_stops_all_of_it(log: Log) -> None:
    """Branches at work, their forks, and those that wait in the queue are cancelled."""
    work = {"work": until_cancelled, "forks": _forks_slow}
    # No beat comes in time to notice: they hear of it.
    crew = Crew(log, work, slots=[3, 3], silence_s=FOREVER_S)

    async with crew.at_work():
        thought = await crew.begin(["a", "b"], executor="forks")
        await until(lambda: len(_running(crew)) >= 4)
        cancelled = await call_off(crew.fabric, NAMESPACE, thought.root_id, "enough")
        await until(lambda: not _running(crew))
        states = [await crew.sessions.state(one) for one in cancelled]

    assert thought.root_id in cancelled
    assert {state.status for state in states} == {Status.CANCELLED}
    assert len(states) == 1 + 2 + 4


def _running(crew: Crew) -> set[str]:
    return {one for worker in crew.workers for one in worker.described()["running"]}


async def _forks_slow(branch: BranchContext) -> str:
    if branch.depth == 1:
        await branch.branch(["slow", "slow too"])
    await asyncio.Event().wait()
    return "never"


async def test_a_cancelled_parent_takes_its_branches_along(log: Log) -> None:
    """Cancelled by a plain event, as any producer may, its branches are stopped by the joiner."""
    crew = Crew(log, {"work": until_cancelled})

    async with crew.at_work():
        thought = await crew.begin(["slow"], executor="work")
        await until(lambda: crew.workers[0].slots.busy == 1)
        await crew.sessions.cancel(thought.root_id, "enough")
        await until(lambda: crew.workers[0].slots.busy == 0)

    assert await types_of(log, thought.root_id, namespace=NAMESPACE) == [
        "session.opened",
        "branch.cancelled",
    ]


async def test_a_worker_that_drains_gives_back_what_it_cannot_finish(log: Log) -> None:
    """What is not done within the grace goes to another worker at once, as one more attempt."""
    firsts = asyncio.Event()

    async def work(branch: BranchContext) -> str:
        if branch.attempt == 1:
            firsts.set()
            await asyncio.Event().wait()
        return f"Found for {branch.task}."

    first, second = Crew(log, {"work": work}, joins=False), Crew(log, {"work": work})

    async with first.at_work():
        begun = await first.begin(["a"], executor="work")
        async with asyncio.timeout(PATIENCE_S):
            await firsts.wait()
    async with second.at_work():
        thought = await begun.joined()

    assert (thought.branches[0].status, thought.branches[0].attempts) == (Status.COMPLETED, 2)


@in_full_only
async def test_a_worker_runs_only_what_it_may(log: Log) -> None:
    """A branch whose executor is not allowed here is left to a worker on which it is."""
    ran: list[str] = []

    async def mine(branch: BranchContext) -> str:
        ran.append(branch.task)
        return "Mine."

    crew = Crew(log, {"mine": mine})

    async with crew.at_work():
        begun = await crew.begin(["theirs"], executor="theirs")
        await crew.think(["ours"], executor="mine")
        other = Crew(log, {"theirs": echo}, joins=False)
        async with other.at_work():
            thought = await begun.joined()

    assert ran == ["ours"]
    assert thought.branches[0].result == "Found for theirs."


async def test_the_urgent_run_first_and_a_session_may_think_twice(log: Log) -> None:
    """With one slot branches run by priority; two thoughts of a session have their own ends."""
    order: list[str] = []

    async def work(branch: BranchContext) -> str:
        order.append(branch.task)
        return f"Found for {branch.task}."

    crew = Crew(log, {"work": work}, slots=[1])
    await crew.fabric.queue.open(NAMESPACE)
    session = await crew.sessions.open_session("think twice")
    tasks = [BranchTask(task=str(one), priority=one) for one in reversed(Priority)]
    begun = await crew.begin(tasks, executor="work", session_id=session.session_id)

    async with crew.at_work():
        first = await begun.joined()
        second = await crew.think(["again"], executor="work", session_id=session.session_id)

    assert order == ["critical", "high", "normal", "low", "again"]
    assert first.consolidation is not None
    assert second.consolidation is not None
    assert first.consolidation.consolidation_id != second.consolidation.consolidation_id
    assert (await crew.sessions.state(session.session_id)).status is Status.OPEN
