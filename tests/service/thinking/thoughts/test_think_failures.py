"""A thought whose branches fail, hang or are called off: it is said, and not fatal."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from anabranch_events.errors import InputInvalid
from anabranch_events.event.types import BranchCreated
from anabranch_thinking import (
    BranchContext,
    BranchTask,
    CallableExecutor,
    Finding,
    ForkedWork,
    Sessions,
    ThoughtFailed,
    think,
)
from tests.support.fleet_of_workers import Crew
from tests.support.logs import types_of

if TYPE_CHECKING:
    from anabranch_events import Event, Log


async def test_a_failing_branch_does_not_fail_the_thought(sessions: Sessions) -> None:
    """Its outcome says what went wrong; the others are joined and consolidated."""

    async def work(branch: BranchContext) -> str:
        if branch.task == "bad":
            raise ValueError("the hotel \x1b[31mburned\x1b[0m down")
        return f"Found for {branch.task}."

    thought = await think(
        sessions, "plan", branches=["good", "bad", "fine"], executor=CallableExecutor(work)
    )

    assert [one.status for one in thought.branches] == ["completed", "failed", "completed"]
    assert thought.branches[1].error == "ValueError: the hotel burned down"
    assert thought.consolidation is not None
    assert len(thought.consolidation.sources) == 2


async def test_a_result_that_cannot_be_stored_is_a_failure(sessions: Sessions) -> None:
    """An empty result fails its branch with the reason."""

    async def work(_branch: BranchContext) -> str:
        return "  "

    with pytest.raises(ThoughtFailed) as caught:
        await think(sessions, "plan", count=1, executor=CallableExecutor(work))

    (reason,) = caught.value.errors.values()
    assert "is empty" in reason
    assert (await sessions.state(caught.value.session_id)).status == "closed"


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"branches": "trains"}, "branches"),
        ({"branches": ["trains", ""]}, "branches.1.task"),
        ({"branches": [BranchTask(task="trains", role="x" * 300)]}, "branches.0.role"),
        ({"branches": ["trains"] * 1001}, "count"),
        ({"executor": "make tea"}, "executor"),
        ({"concurrency": 0}, "concurrency"),
    ],
)
async def test_arguments_are_checked_before_anything_is_appended(
    sessions: Sessions, log: Log, options: Any, field: str
) -> None:
    """The field at fault is named, and the log stays empty."""
    given: dict[str, Any] = {"executor": str, **options}

    with pytest.raises(InputInvalid) as caught:
        await think(sessions, "plan", **given)

    assert caught.value.field == field
    assert (await log.bounds()).last == 0


@pytest.mark.parametrize("passed_on", [False, True])
@pytest.mark.parametrize(
    ("forked", "said"),
    [
        (["trains", " "], "branches.1.task: is empty"),
        ([BranchTask(task="trains", role="x" * 300)], "branches.0.role: "),
        ("trains", "branches: is a text, not a list of tasks"),
        (["trains", None], "branches.1: NoneType is no task"),
        (None, "branches: None is no list of tasks"),
    ],
)
async def test_a_fork_of_a_branch_is_checked_as_a_thought_is(
    sessions: Sessions, log: Log, forked: Any, said: str, *, passed_on: bool
) -> None:
    """The branch fails with the fork and its field at fault, here and on a worker; none is made."""

    async def work(branch: BranchContext) -> Any:
        return ForkedWork(forked) if passed_on else await branch.branch(forked)

    crew = Crew(log, {"echo": work})
    with pytest.raises(ThoughtFailed) as here:
        await think(sessions, "plan", count=1, executor=CallableExecutor(work))
    async with crew.at_work():
        with pytest.raises(ThoughtFailed) as there:
            await crew.think(["a"])

    for caught in (here, there):
        (reason,) = caught.value.errors.values()
        assert said in reason
    events = [one.decode() async for one in log.read_all()]
    assert len([one for one in events if isinstance(one.data, BranchCreated)]) == 2


async def test_a_function_is_an_executor(sessions: Sessions) -> None:
    """A plain function and an async one are called with the branch."""

    def plain(branch: BranchContext) -> str:
        return f"plain {branch.task}"

    async def awaited(branch: BranchContext) -> Finding:
        learned: Any = ["text"]
        return Finding(result=f"awaited {branch.task}", insights=learned)

    first = await think(sessions, "plan", branches=["tea"], executor=plain)
    second = await think(sessions, "plan", branches=["tea"], executor=awaited)

    assert [one.branches[0].result for one in (first, second)] == ["plain tea", "awaited tea"]


@pytest.mark.parametrize("found", [None, 42])
async def test_a_function_that_returns_no_finding_says_so(sessions: Sessions, found: Any) -> None:
    """A `return` that was forgotten is named, not the code that stumbled over it."""

    def work(_: BranchContext) -> Any:
        return found

    with pytest.raises(ThoughtFailed) as caught:
        await think(sessions, "plan", branches=["tea"], executor=work)

    (error,) = caught.value.errors.values()
    assert f"callable:work returned {type(found).__name__}" in error


async def test_a_branch_is_tried_again(sessions: Sessions, log: Log, namespace: str) -> None:
    """With retries a failed attempt is followed by another, and both are in the log."""

    async def work(branch: BranchContext) -> str:
        if branch.attempt < 3:
            raise ConnectionError("no answer")
        return "third time lucky"

    thought = await think(
        sessions, "plan", branches=["call"], executor=CallableExecutor(work), retries=2
    )

    outcome = thought.branches[0]
    assert (outcome.status, outcome.attempts, outcome.error) == ("completed", 3, None)
    assert await types_of(log, outcome.session_id, namespace=namespace) == [
        "branch.created",
        *["branch.started", "branch.failed"] * 2,
        "branch.started",
        "branch.completed",
    ]


async def test_a_branch_that_takes_too_long_is_stopped(sessions: Sessions) -> None:
    """The timeout fails the branch that hangs, and no other."""

    async def work(branch: BranchContext) -> str:
        if branch.task == "hang":
            await asyncio.Event().wait()
        return "done"

    thought = await think(
        sessions, "plan", branches=["hang", "go"], executor=CallableExecutor(work), timeout_s=0.5
    )

    assert [one.status for one in thought.branches] == ["failed", "completed"]
    assert "stopped after 0.5 s" in (thought.branches[0].error or "")


async def test_endless_branching_ends(sessions: Sessions) -> None:
    """A branch that always branches again fails at the greatest depth, and the thought ends."""

    async def work(branch: BranchContext) -> str:
        twigs = await branch.branch(["deeper"])
        return twigs[0].result or twigs[0].error or "?"

    thought = await think(sessions, "plan", branches=["deep"], executor=CallableExecutor(work))

    assert (thought.total_branches, thought.branches[-1].status) == (8, "failed")
    assert "at most 8 deep" in (thought.branches[0].result or "")


async def test_cancelling_a_thought_calls_off_what_was_running(sessions: Sessions) -> None:
    """What was complete stays; what ran or waited is cancelled in the log; the caller is told."""
    running, forked = asyncio.Event(), asyncio.Event()

    async def work(branch: BranchContext) -> str:
        if branch.task == "quick":
            return "done"
        if branch.task == "slow":
            await branch.branch(["twig"])
        running.set()
        await asyncio.Event().wait()
        return "never"

    tasks = ["quick", "slow", "waiting"]
    seen: list[Event] = []

    def hear(event: Event, _position: int) -> None:
        seen.append(event)
        if getattr(event.data, "task", None) == "twig":
            forked.set()

    thinking = asyncio.create_task(
        think(
            sessions,
            "plan",
            branches=tasks,
            executor=CallableExecutor(work),
            concurrency=1,
            on_event=hear,
        )
    )
    await asyncio.gather(running.wait(), forked.wait())

    thinking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await thinking

    ids = list(dict.fromkeys(event.session_id for event in seen))
    states = [await sessions.state(session_id) for session_id in ids]
    assert {state.task: str(state.status) for state in states} == {
        "plan": "cancelled",
        "quick": "completed",
        "slow": "cancelled",
        "waiting": "cancelled",
        "twig": "cancelled",
    }


async def test_a_deadline_that_came_too_early_is_named(sessions: Sessions) -> None:
    """No executor is to be mended where all branches were at work; an error of one's own comes first."""

    async def work(branch: BranchContext) -> str:
        if branch.task == "fails":
            raise ValueError("no tea")
        await asyncio.Event().wait()
        return "done"

    errors: list[ThoughtFailed] = []
    for tasks in (["slow", "slower"], ["slow", "fails"]):
        with pytest.raises(ThoughtFailed) as caught:
            await think(
                sessions,
                "plan",
                branches=tasks,
                executor=CallableExecutor(work),
                deadline=datetime.now(UTC) + timedelta(seconds=1),
            )
        errors.append(caught.value)

    assert "2 branches" in str(errors[0])
    assert str(errors[0]).endswith("had ended when the thought's deadline passed")
    assert errors[0].fix.startswith("give it longer")
    assert str(errors[1]).endswith("completed; the first: ValueError: no tea")


async def test_forks_end_with_the_branch_that_waits_for_them(sessions: Sessions) -> None:
    """A branch that reaches its deadline takes its forks with it: they are cancelled, and the thought ends."""

    async def work(branch: BranchContext) -> str:
        if branch.task == "parent":
            await branch.branch(["twig"])
        elif branch.task == "twig":
            await asyncio.Event().wait()
        return "done"

    soon = datetime.now(UTC) + timedelta(seconds=1)
    tasks = [BranchTask(task="parent", deadline=soon), BranchTask(task="go")]

    thought = await think(sessions, "plan", branches=tasks, executor=CallableExecutor(work))

    assert {one.task: str(one.status) for one in thought.branches} == {
        "parent": "failed",
        "go": "completed",
        "twig": "cancelled",
    }


async def test_a_branch_that_somebody_else_ended_is_told_as_it_is(
    sessions: Sessions, log: Log, namespace: str
) -> None:
    """A branch called off from outside while it runs ends as cancelled; its result is dropped."""
    others = Sessions(log, namespace=namespace)

    async def work(branch: BranchContext) -> str:
        if branch.task == "mine":
            await others.cancel(branch.session_id, "not needed")
        return "done"

    thought = await think(
        sessions, "plan", branches=["mine", "other"], executor=CallableExecutor(work)
    )

    assert [(one.status, one.result) for one in thought.branches] == [
        ("cancelled", None),
        ("completed", "done"),
    ]
