"""Sessions of a thought over workers that an operator takes out of the stream while it goes on."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from anabranch_events import subject
from anabranch_events.errors import NamespaceEnded
from anabranch_events.jetstream.api import STREAM
from anabranch_thinking import BranchContext, CallableExecutor, Status, think
from anabranch_thinking.errors import SessionNotFound, ThoughtFailed
from anabranch_thinking.sessions.journal import Journal
from anabranch_thinking.sessions.many import LOST
from anabranch_thinking.work import waiting
from anabranch_thinking.work.calling_off import call_off
from tests.support.fleet_of_workers import Crew, echo, let_go
from tests.support.patience import PATIENCE_S, until

if TYPE_CHECKING:
    from collections.abc import Iterable

    from anabranch_events import Log
    from anabranch_thinking.work.dispatch import ThoughtOverWorkers

NAMESPACE = "test"
TASKS = ("a", "b", "c")
pytestmark = pytest.mark.timeout(540)


class Work:
    """Work that begins, and waits to be let go."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.go = asyncio.Event()

    async def __call__(self, branch: BranchContext) -> str:
        """Find what the task says, once it may."""
        self.begun.append(branch.session_id)
        await self.go.wait()
        return await echo(branch)


async def purge(log: Log, session_id: str) -> None:
    """Take a session out of the stream."""
    stream = log.connection.jetstream()
    await stream.purge_stream(STREAM, subject=subject(NAMESPACE, session_id))


async def forked_of(log: Log, root_id: str) -> list[str]:
    """Return the sessions that the log holds beside the root, in their order."""
    found = [one.session_id async for one in log.read_all()]
    return [one for one in dict.fromkeys(found) if one != root_id]


async def begun(crew: Crew, work: Work) -> ThoughtOverWorkers:
    """Begin a thought; return it once a branch is at work."""
    thought = await crew.begin(TASKS)
    await until(lambda: bool(work.begun))
    return thought


@pytest.mark.parametrize("gone", ["in work", "waiting"])
async def test_a_branch_that_is_taken_out_has_failed(log: Log, gone: str) -> None:
    """The others are joined, the thought says of the one why, and its worker is free again."""
    work = Work()
    crew = Crew(log, {"echo": work}, slots=[1])

    async with crew.at_work():
        thought = await begun(crew, work)
        branches = await forked_of(log, thought.root_id)
        at_work = gone == "in work"
        lost = next(one for one in branches if (one in work.begun) is at_work)
        joined = asyncio.create_task(thought.joined())
        await purge(log, lost)
        work.go.set()
        async with asyncio.timeout(PATIENCE_S):
            found = await joined
        root = await crew.sessions.state(thought.root_id)
        await until(lambda: crew.workers[0].slots.busy == 0)
        await let_go(log)

    outcomes = {one.session_id: (one.status, one.error) for one in found.branches}
    kept = dict.fromkeys(branches, (Status.COMPLETED, None))
    assert outcomes == kept | {lost: (Status.FAILED, LOST)}
    assert [(one.task, one.depth) for one in found.branches] == [(task, 1) for task in TASKS]
    assert root.status is Status.CLOSED
    assert found.consolidation is not None
    assert set(found.consolidation.sessions) == set(branches) - {lost}


async def test_who_waits_looks_at_each_branch_only_once_something_is_gone(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One number says that the log still holds all there was; it does not for a purge of others."""
    work = Work()
    crew = Crew(log, {"echo": work}, slots=[1])
    other = await crew.sessions.open_session("plan the walk")
    looks: list[int] = []
    confirmed: list[set[str]] = []

    async def noted_look(journal: Journal) -> int | None:
        looks.append(len(confirmed))
        return await gone(journal)

    async def noted(journal: Journal, session_ids: Iterable[str]) -> None:
        ids = set(session_ids)
        confirmed.append(ids)
        await confirm(journal, ids)

    gone, confirm = Journal.gone, Journal.confirm
    monkeypatch.setattr(Journal, "gone", noted_look)
    monkeypatch.setattr(Journal, "confirm", noted)
    monkeypatch.setattr(waiting, "LOOK_MAX_S", 0.05)
    async with crew.at_work():
        thought = await begun(crew, work)
        joined = asyncio.create_task(thought.joined())
        await until(lambda: len(looks) > 5)
        before = [*confirmed]
        await purge(log, other.session_id)
        await until(lambda: bool(confirmed))
        work.go.set()
        async with asyncio.timeout(PATIENCE_S):
            found = await joined
        await let_go(log)

    assert before == []
    assert confirmed[0] == {thought.root_id, *(one.session_id for one in found.branches)}
    assert {one.status for one in found.branches} == {Status.COMPLETED}


@pytest.mark.parametrize("gone", [0, 2])
async def test_a_branch_that_the_joiner_never_read_has_failed(log: Log, gone: int) -> None:
    """A joiner that begins after the purge joins what is left; of the log's end nothing comes."""
    crew = Crew(log, {"echo": echo})
    thought = await crew.begin(TASKS)
    branches = await forked_of(log, thought.root_id)
    await purge(log, branches[gone])

    async with crew.at_work(), asyncio.timeout(PATIENCE_S):
        found = await thought.joined()
        await let_go(log)

    expected: list[tuple[Status, str | None]] = [(Status.COMPLETED, None)] * 3
    expected[gone] = (Status.FAILED, LOST)
    assert [(one.status, one.error) for one in found.branches] == expected


async def test_a_joiner_that_begins_at_a_purged_end_joins_what_waits(log: Log) -> None:
    """Nothing more is stored, and the log's last position never comes: it is passed by."""
    crew = Crew(log, {"echo": echo}, slots=[])
    thought = await crew.begin(["a"], deadline=datetime.now(UTC))
    joined = asyncio.create_task(thought.joined())
    other = await crew.sessions.open_session("plan the walk")
    await purge(log, other.session_id)

    async with crew.at_work(), asyncio.timeout(PATIENCE_S):
        await until(joined.done)
        await let_go(log)

    assert (await crew.sessions.state(thought.root_id)).ended
    assert isinstance(joined.exception(), ThoughtFailed)


async def test_a_thought_whose_root_is_taken_out_says_so(log: Log) -> None:
    """Whoever waits gets an error, its branches are called off, and nobody comes back to it."""
    work = Work()
    crew = Crew(log, {"echo": work}, slots=[1])

    async with crew.at_work():
        thought = await begun(crew, work)
        branches = await forked_of(log, thought.root_id)
        joined = asyncio.create_task(thought.joined())
        await purge(log, thought.root_id)
        async with asyncio.timeout(PATIENCE_S):
            with pytest.raises(SessionNotFound, match=thought.root_id):
                await joined
        await until(lambda: crew.workers[0].slots.busy == 0)
        await let_go(log)

    states = [await crew.sessions.state(one) for one in branches]
    assert {one.status for one in states} == {Status.CANCELLED}


async def test_what_is_left_of_a_thought_is_called_off(log: Log) -> None:
    """A process that never knew of the lost branch cancels the root and the others."""
    crew = Crew(log, {"echo": echo})
    thought = await crew.begin(TASKS)
    branches = await forked_of(log, thought.root_id)
    await purge(log, branches[1])
    other = Crew(log, {"echo": echo})

    cancelled = await call_off(other.fabric, NAMESPACE, thought.root_id, "enough")

    assert cancelled == [thought.root_id, branches[0], branches[2]]


async def test_a_session_that_is_taken_out_is_not_found_by_who_knew_it(log: Log) -> None:
    """A command on it raises at once, and does not wait for a writer that never was there."""
    sessions = Crew(log, {"echo": echo}).sessions
    told = await sessions.open_session("notes on the mill")
    await sessions.remember("The gate is shut", session_id=told.session_id)
    await purge(log, told.session_id)

    async with asyncio.timeout(PATIENCE_S / 3):
        with pytest.raises(SessionNotFound):
            await sessions.close(told.session_id)
        with pytest.raises(SessionNotFound):
            await sessions.state(told.session_id)


async def test_a_session_whose_beginning_is_gone_is_not_there(log: Log) -> None:
    """A purge up to a position leaves events of it: they are no session without a task."""
    crew = Crew(log, {"echo": echo})
    root = await crew.sessions.open_session("plan the trip")
    branch = await crew.sessions.branch(root.session_id, "find a hotel")
    claim = await crew.sessions.start(branch.session_id, worker="worker 0")
    await log.connection.jetstream().purge_stream(STREAM, seq=claim.position)

    with pytest.raises(SessionNotFound):
        await Crew(log, {"echo": echo}).sessions.state(branch.session_id)


async def test_a_namespace_that_is_deleted_ends_its_thoughts(log: Log) -> None:
    """Whoever waits hears it, its tasks leave the queue, and the joiner goes on with others."""
    work = Work()
    crew = Crew(log, {"echo": work}, slots=[1], silence_s=1.0)

    async with crew.at_work():
        thought = await begun(crew, work)
        joined = asyncio.create_task(thought.joined())
        deletion = log.deletion(NAMESPACE)
        await deletion.end()
        await deletion.purge()
        work.go.set()
        async with asyncio.timeout(PATIENCE_S):
            with pytest.raises(NamespaceEnded):
                await joined
            await until(lambda: crew.workers[0].slots.busy == 0)
            while await crew.fabric.queue.queued(NAMESPACE):  # noqa: ASYNC110 - it tells nobody.
                await asyncio.sleep(0.05)
        await let_go(log)


async def test_a_branch_of_this_process_that_is_taken_out_has_failed(log: Log) -> None:
    """Without workers, too, the others are joined, and the thought says of the one why."""

    async def work(branch: BranchContext) -> str:
        if branch.task == "b":
            await purge(log, branch.session_id)
        return await echo(branch)

    sessions = Crew(log, {"echo": echo}).sessions

    async with asyncio.timeout(PATIENCE_S / 3):
        found = await think(
            sessions, "plan the trip", branches=TASKS, executor=CallableExecutor(work)
        )

    assert [(one.task, one.status) for one in found.branches] == [
        ("a", Status.COMPLETED),
        ("b", Status.FAILED),
        ("c", Status.COMPLETED),
    ]
    assert found.branches[1].error == LOST
    assert (await sessions.state(found.session_id)).status is Status.CLOSED
    assert found.consolidation is not None
