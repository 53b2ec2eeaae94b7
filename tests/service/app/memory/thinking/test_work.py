"""Thoughts over workers by a whole memory: the same answer as here, tasks and workers seen."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from anabranch import Memory
from anabranch.errors import InputInvalid
from anabranch.memory.memory import namespace_of
from anabranch_events import new_id
from anabranch_events.tasks.task import Task
from anabranch_thinking import CommandExecutor, Status, ThoughtFailed
from tests.support.patience import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from anabranch.memory.thinking.think import Over
    from anabranch.settings import Settings
    from anabranch_events import Event
    from anabranch_thinking import BranchContext, Thought
    from anabranch_thinking.work.worker import Worker

PLACES: tuple[Over, ...] = ("local", "workers")
HERE = "tests.service.app.memory.thinking.test_work"


async def echo(branch: BranchContext) -> str:
    """Find what the task says."""
    return f"Found for {branch.task}."


async def fail(branch: BranchContext) -> str:
    """Find nothing."""
    raise ValueError(f"no {branch.task}")


async def say_role(branch: BranchContext) -> str:
    """Say what the branch carries of its role, and what its scope lets it see."""
    seen = await branch.recall("Which port has staging?")
    return f"{branch.role}: {branch.instructions} {branch.scope} {len(seen) > 0}"


@pytest.fixture
async def working(own_settings: Settings) -> AsyncIterator[Memory]:
    """Open a memory with a worker that asks memory, and runs the functions of this module."""
    settings = own_settings.changed(embedder="none", agent="tester")
    async with Memory.open(settings=settings) as memory:
        found: list[Worker] = []
        executors = ["recalling", f"{HERE}:echo", f"{HERE}:fail", f"{HERE}:say_role"]
        running = asyncio.create_task(
            memory.work.run_worker(executors=executors, ready=found.append)
        )
        async with asyncio.timeout(PATIENCE_S):
            while not await memory.work.workers():  # noqa: ASYNC110 - a worker tells nobody.
                await asyncio.sleep(0)
        yield memory
        found[0].drain()
        await running


async def test_over_workers_is_as_here(working: Memory) -> None:
    """Results, consolidation and graph are alike; a listener hears it all; memory can be asked."""
    await working.remember("Staging listens on port 5433.")
    heard: list[str] = []

    def hear(event: Event, _position: int) -> None:
        heard.append(event.type)

    async def think(over: str) -> Thought:
        return await working.think(
            "Which port has staging?",
            count=2,
            over=over,  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]  # One of both.
            on_event=hear if over == "workers" else None,
            executor=f"{HERE}:echo",
        )

    here, there = await think("local"), await think("workers")
    recalled = await working.think("Which port has staging?", count=1, over="workers")

    assert [(one.task, one.role, one.result, one.status) for one in there.branches] == [
        (one.task, one.role, one.result, one.status) for one in here.branches
    ]
    assert here.consolidation is not None
    assert there.consolidation is not None
    assert (there.total_branches, len(there.consolidation.sources)) == (2, 2)
    assert "5433" in str(recalled.branches[0].result)
    assert [one.removeprefix("anabranch.") for one in sorted(heard)].count(
        "branch.completed.v1"
    ) == 2
    await working.wait_for(there.position)
    tree = await working.session_tree(there.session_id)
    assert {view.status for view in tree} == {"closed", "completed"}


async def test_a_role_of_ones_own_travels(working: Memory, tmp_path: Path) -> None:
    """A worker knows the instructions and the scope of a branch's role without the file."""
    path = tmp_path / "roles.toml"
    path.write_text(
        '[skeptic]\ninstructions = "Doubt it."\nscope = "session"\npriority = "high"\n'
        '[believer]\ninstructions = "Trust it."\n'
    )
    await working.remember("Staging listens on port 5433.")

    here, there = [
        await working.think("plan", over=over, roles=path, executor=f"{HERE}:say_role")
        for over in PLACES
    ]

    found = [one.result for one in there.branches]
    assert found == [one.result for one in here.branches]
    assert found == [
        "skeptic: Doubt it. session False",
        "believer: Trust it. namespace True",
    ]
    await working.wait_for(there.position)
    views = await working.session_tree(there.session_id)
    assert {view.role: view.priority for view in views} == {
        None: "normal",
        "skeptic": "high",
        "believer": "normal",
    }


async def test_work_has_a_record(working: Memory) -> None:
    """Ends, attempts and durations are counted by role, and how insights were cited later."""
    before = (await working.remember("Staging listens on port 5433.")).position
    thought = await working.think("Which port?", count=2, executor=f"{HERE}:echo")
    with pytest.raises(ThoughtFailed):
        await working.think("fail", branches=["c"], executor=fail, retries=1)
    used, rejected = (branch.insight_ids[0] for branch in thought.branches)
    for outcome in ("used", "confirmed", "used"):
        await working.cite([used], outcome=outcome)
    await working.cite([rejected], outcome="rejected")

    by_role = await working.work.stats(by=["role"], since=before)
    (after,) = await working.work.stats(by=[], since=thought.position)

    assert [
        (one.role, one.branches, one.completed, one.failed, one.attempts) for one in by_role
    ] == [("focus", 2, 1, 1, 3), ("pattern recognition", 1, 1, 0, 1)]
    assert [
        (one.insights, one.useful, one.citations, one.used, one.confirmed, one.rejected)
        for one in by_role
    ] == [(1, 1, 3, 2, 1, 0), (1, 0, 0, 0, 0, 1)]
    assert by_role[0].p50_ms == by_role[0].p95_ms
    assert (after.branches, after.failed, after.p50_ms) == (1, 1, None)
    for wrong, field in (({"by": ["task"]}, "by"), ({"limit": 0}, "limit")):
        with pytest.raises(InputInvalid) as refused:
            await working.work.stats(**wrong)  # pyright: ignore[reportArgumentType]  # On purpose.
        assert refused.value.field == field


async def test_tasks_are_seen_retried_and_cancelled(working: Memory) -> None:
    """A task that waits is listed and cancelled; one that failed has a history, and is retried."""
    waiting = asyncio.create_task(
        working.think("wait", branches=["a", "b"], over="workers", executor="nobody")
    )
    async with asyncio.timeout(PATIENCE_S):
        while len(listed := await working.work.tasks()) < 2:  # noqa: ASYNC110 - as above.
            await asyncio.sleep(0.01)
    cancelled = await working.work.cancel(listed[0].root_id, "enough")
    with pytest.raises(ThoughtFailed, match="none of the 2 branches"):
        await waiting
    with pytest.raises(ThoughtFailed, match="no c") as raised:
        await working.think("fail", branches=["c"], over="workers", executor=f"{HERE}:fail")
    session_id = next(iter(raised.value.errors))

    shown = await working.work.task(session_id)
    again = await working.work.retry(session_id)

    assert {one.status for one in listed} == {Status.PENDING}
    assert len(cancelled) == 3
    assert [(one.attempt, one.outcome, one.error) for one in shown.history] == [
        (1, "failed", "ValueError: no c")
    ]
    assert (again.retry_of, (await working.work.task(again.session_id)).task) == (session_id, "c")
    with pytest.raises(InputInvalid):
        await working.work.retry(listed[0].root_id)
    with pytest.raises(InputInvalid) as refused:
        await working.think("x", over="workers", executor=echo)
    assert refused.value.field == "executor"


async def test_a_task_whose_session_is_gone_hides_no_other(own_settings: Settings) -> None:
    """An operator took its session out of the log, or a stranger put it into the queue."""
    async with Memory.open(settings=own_settings.changed(embedder="none")) as memory:
        namespace = namespace_of(memory)
        branch = await (await memory.open_session("plan the trip")).branch("find a hotel")
        queue = namespace.backend.log.tasks
        await queue.ensure()
        for one in (new_id(), branch.session_id):
            await queue.put([Task(namespace=namespace.name, session_id=one, executor="nobody")])

        listed = await memory.work.tasks()
        load = await memory.work.load()

    assert [one.session_id for one in listed] == [branch.session_id]
    assert sum(one.waiting for one in load.priorities) == 1


async def test_roots_take_no_room_of_branches(working: Memory) -> None:
    """A list of so many tasks of a status has so many, whatever else has the status."""
    branches: list[str] = []
    for _ in range(3):
        root = await working.open_session("plan the trip")
        branch = await root.branch("find a hotel")
        branches.append(branch.session_id)
        await branch.cancel("enough")
        await root.cancel("enough")

    listed = await working.work.tasks(status="cancelled", limit=2)

    assert [one.session_id for one in listed] == branches[:0:-1]


async def test_a_branch_that_was_handed_off_is_not_retried(working: Memory) -> None:
    """Its receiver has the task: the error names it."""
    root = await working.open_session("plan the trip")
    branch = await root.branch("find a hotel")
    heir = await branch.hand_off(summary="go on")

    with pytest.raises(InputInvalid, match=heir.session_id):
        await working.work.retry(branch.session_id)


async def test_a_deadline_holds_without_a_worker(own_settings: Settings) -> None:
    """Who waits joins then: the thought fails when its time is over, and its branches end."""
    settings = own_settings.changed(embedder="none")
    async with Memory.open(settings=settings) as memory, asyncio.timeout(PATIENCE_S):
        with pytest.raises(ThoughtFailed):
            await memory.think("Move", branches=["a"], over="workers", deadline=0.5)
        while await memory.work.tasks():  # noqa: ASYNC110 - a task that is gone tells nobody.
            await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"executors": ["up=/nowhere/at-all"]}, "executors"),
        ({"priorities": ["high"], "reserved": 1}, "reserved"),
        ({"slots": 2, "reserved": 2}, "reserved"),
        ({"priorities": ["hihg"]}, "priorities"),
        ({"priorities": []}, "priorities"),
    ],
)
async def test_a_worker_that_could_not_work_as_asked_is_refused(
    memory: Memory, given: dict[str, Any], field: str
) -> None:
    """Alone, and as the workers of a pool, which would end one after the other."""
    asked: dict[str, Any] = {"executors": ["recalling"], **given}

    for refusing in (memory.work.run_worker(**asked), memory.work.run_pool(most=1, **asked)):
        with pytest.raises(InputInvalid) as refused:
            async with asyncio.timeout(PATIENCE_S):
                await refusing
        assert refused.value.field == field


async def test_a_thought_of_a_command_that_is_not_there_stores_nothing(memory: Memory) -> None:
    """It is refused before its root is opened."""
    with pytest.raises(InputInvalid, match="no command /nowhere/at-all") as refused:
        await memory.think("Plan", executor=CommandExecutor(["/nowhere/at-all"]))

    assert refused.value.field == "executor"
    assert memory.position == 0
