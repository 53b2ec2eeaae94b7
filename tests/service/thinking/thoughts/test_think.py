"""A thought on the real log: parallel, bounded, joined, consolidated."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

import pytest

from anabranch_events import Event, Log, new_id
from anabranch_events.errors import InputInvalid, SessionEnded, SessionNotFound
from anabranch_recall import Scope
from anabranch_thinking import (
    BranchContext,
    BranchTask,
    CallableExecutor,
    CommandExecutor,
    Finding,
    InsightDraft,
    Sessions,
    think,
)
from tests.support.logs import types_of
from tests.support.patience import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anabranch_thinking import RecalledInsight


async def echo(branch: BranchContext) -> str:
    """Find what the task says."""
    return f"Found for {branch.task}."


async def test_twelve_branches_run_at_the_same_time(sessions: Sessions) -> None:
    """Each of twelve branches waits until all twelve run; none could end if they took turns."""
    meeting = asyncio.Barrier(12)

    async def work(branch: BranchContext) -> str:
        async with asyncio.timeout(PATIENCE_S):
            await meeting.wait()
        return f"{branch.task} met the others."

    thought = await think(sessions, "plan", count=12, executor=CallableExecutor(work))

    assert [outcome.status for outcome in thought.branches] == ["completed"] * 12
    assert (thought.total_branches, thought.parallel_max) == (12, 12)
    assert thought.sequential_ms == pytest.approx(sum(one.duration_ms for one in thought.branches))


async def test_no_more_run_than_the_bound_allows(sessions: Sessions) -> None:
    """With a bound of three, three work at a time and all are done in the end."""
    busy = 0
    busiest = 0

    async def work(_branch: BranchContext) -> str:
        nonlocal busy, busiest
        busy += 1
        busiest = max(busiest, busy)
        await asyncio.sleep(0.01)
        busy -= 1
        return "done"

    thought = await think(
        sessions, "plan", count=10, executor=CallableExecutor(work), concurrency=3
    )

    assert (busiest, thought.parallel_max, thought.total_branches) == (3, 3, 10)


async def test_the_log_tells_the_whole_thought(
    sessions: Sessions, log: Log, namespace: str
) -> None:
    """Opened, forked, claimed, completed, consolidated, closed; and the listener saw all of it."""
    seen: list[tuple[int, Event]] = []

    thought = await think(
        sessions,
        "plan the trip",
        branches=["find a hotel", BranchTask(task="find a train", role="scout")],
        executor=CallableExecutor(echo),
        on_event=lambda event, position: seen.append((position, event)),
    )

    stored = [(recorded.position, recorded.decode()) async for recorded in log.read_all()]
    assert sorted(seen, key=lambda pair: pair[0]) == stored
    assert [(one.task, one.role) for one in thought.branches] == [
        ("find a hotel", "focus"),
        ("find a train", "scout"),
    ]
    for outcome in thought.branches:
        assert await types_of(log, outcome.session_id, namespace=namespace) == [
            "branch.created",
            "branch.started",
            "branch.completed",
        ]
    root = await types_of(log, thought.session_id, namespace=namespace)
    assert (root[:2], root[-1]) == (
        ["session.opened", "consolidation.recorded"],
        "session.closed",
    )
    assert {event.correlationid for _, event in stored} == {thought.session_id}
    assert {event.data.executor for _, event in stored if event.type.endswith("created.v1")} == {  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue] - branch.created has one.
        "callable:echo"
    }
    assert thought.position == stored[-1][0]


async def test_the_consolidation_cites_what_the_branches_found(sessions: Sessions) -> None:
    """The synthesis points at every insight of every branch."""
    thought = await think(
        sessions,
        "plan the trip",
        branches=["the bath", "the train", "the passport"],
        executor=CallableExecutor(echo),
    )

    assert thought.consolidation is not None
    found = [insight for outcome in thought.branches for insight in outcome.insight_ids]
    assert sorted(thought.consolidation.sources) == sorted(found)
    assert thought.consolidation.sessions == tuple(one.session_id for one in thought.branches)
    assert "Found for the bath. [" in thought.consolidation.text


async def test_a_branch_branches_again_within_one_slot(sessions: Sessions) -> None:
    """Branches that wait for their own forks give up their slots: no deadlock, right lineage."""

    async def work(branch: BranchContext) -> str:
        if branch.depth < 3:
            twigs = await branch.branch([f"{branch.task}.{number}" for number in range(2)])
            return " ".join(twig.result or "" for twig in twigs)
        return branch.task

    thought = await think(
        sessions, "plan", branches=["a", "b"], executor=CallableExecutor(work), concurrency=1
    )

    results = {one.task: one.result for one in thought.branches}
    assert (thought.total_branches, thought.parallel_max) == (14, 1)
    assert results["a"] == "a.0.0 a.0.1 a.1.0 a.1.1"
    twig = next(one for one in thought.branches if one.task == "b.1")
    parent = next(one for one in thought.branches if one.task == "b")
    assert (twig.parent_id, twig.depth) == (parent.session_id, 2)


async def test_thinking_in_a_session_leaves_it_open(sessions: Sessions) -> None:
    """With a session given the thought branches from it and does not end it."""
    root = await sessions.open_session("plan the trip")

    thought = await think(
        sessions, "hotels", count=2, executor=CallableExecutor(echo), session_id=root.session_id
    )

    assert thought.session_id == root.session_id
    assert (await sessions.state(root.session_id)).status == "open"
    assert {one.parent_id for one in thought.branches} == {root.session_id}


async def test_thinking_in_a_session_that_is_over_or_unknown_is_refused(
    sessions: Sessions,
) -> None:
    """Neither a closed session nor one that does not exist takes a thought."""
    root = await sessions.open_session("plan the trip")
    await sessions.close(root.session_id)
    work = CallableExecutor(echo)

    with pytest.raises(SessionEnded):
        await think(sessions, "hotels", executor=work, session_id=root.session_id)
    with pytest.raises(SessionNotFound):
        await think(sessions, "hotels", executor=work, session_id=new_id())


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("count", {"count": 0}),
        ("count", {"count": 1001}),
        ("concurrency", {"concurrency": 0}),
        ("timeout_s", {"timeout_s": 0}),
        ("retries", {"retries": -1}),
        ("branches", {"count": 5, "branches_max": 4}),
    ],
)
async def test_bounds_are_checked_before_anything_is_stored(
    sessions: Sessions, log: Log, field: str, values: dict[str, int]
) -> None:
    """A number out of range is refused by name, and the log stays as it is."""
    with pytest.raises(InputInvalid) as found:
        await think(sessions, "plan", executor=CallableExecutor(echo), **values)  # type: ignore[arg-type]  # each is a number.

    assert found.value.field == field
    assert (await log.bounds()).last == 0


async def test_without_executor_and_memory_there_is_nothing_to_think_with(
    sessions: Sessions,
) -> None:
    """A thought needs an executor, or a memory to ask."""
    with pytest.raises(InputInvalid, match="executor"):
        await think(sessions, "plan")


async def test_branches_recall_remember_and_note(sessions: Sessions) -> None:
    """A branch asks memory in its own name, and stores insights and notes before it ends."""
    asked: list[tuple[str, str, int, Scope]] = []

    async def recall(
        text: str, *, session_id: str, k: int, scope: Scope = Scope.NAMESPACE
    ) -> Sequence[RecalledInsight]:
        asked.append((text, session_id, k, scope))
        return ()

    async def work(branch: BranchContext) -> Finding:
        hits = await branch.recall(k=3)
        await branch.remember(InsightDraft(text="The bath is in Hakone.", kind="fact"))
        await branch.note("hits", len(hits))
        return Finding(result="one remembered")

    thought = await think(
        sessions, "plan", branches=["baths"], executor=CallableExecutor(work), recall=recall
    )

    outcome = thought.branches[0]
    state = await sessions.state(outcome.session_id)
    assert asked[0] == ("baths", outcome.session_id, 3, Scope.NAMESPACE)
    assert [insight.text for insight in state.insights] == ["The bath is in Hakone."]
    assert state.working_memory == {"hits": 0}
    assert thought.consolidation is not None
    assert thought.consolidation.sources == outcome.insight_ids


async def test_commands_are_branches(sessions: Sessions) -> None:
    """Real commands run as branches: one finds, one fails, one gives JSON with insights."""
    program = (
        "import json, sys; task = json.load(sys.stdin)['task'];"
        "sys.exit('it broke') if task == 'break' else None;"
        "found = {'result': task, 'insights': ['Hakone has baths.', 'Tokyo has trains.']};"
        "print(json.dumps(found) if task == 'json' else f'Plainly {task}.')"
    )

    thought = await think(
        sessions,
        "plan",
        branches=["text", "break", "json"],
        executor=CommandExecutor([sys.executable, "-c", program], timeout_s=30),
    )

    assert [(one.status, one.result) for one in thought.branches] == [
        ("completed", "Plainly text."),
        ("failed", None),
        ("completed", "json"),
    ]
    assert "exit code 1: it broke" in (thought.branches[1].error or "")
    assert [len(one.insight_ids) for one in thought.branches] == [1, 0, 2]
