"""Branches of thoughts over workers that are handed off while they are in work."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from anabranch_events import new_event, new_id, subject
from anabranch_events.event.types import SessionHandedOff
from anabranch_events.jetstream.api import STREAM
from anabranch_events.tasks.queue import Queued, TaskQueue
from anabranch_thinking import BranchContext, BranchTask, ForkedWork, Status
from anabranch_thinking.sessions.many import LOST
from anabranch_thinking.work import turn
from anabranch_thinking.work.calling_off import call_off
from tests.support.fleet_of_workers import Crew, echo, let_go
from tests.support.patience import FOREVER_S, PATIENCE_S, until

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anabranch_events import Log
    from anabranch_events.tasks.task import Task
    from anabranch_thinking.work.dispatch import ThoughtOverWorkers

NAMESPACE = "test"
pytestmark = pytest.mark.timeout(540)


class Work:
    """Work that its first branch learns something for, and never ends."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.has_learned = False

    async def __call__(self, branch: BranchContext) -> str:
        """Find what the task says, but for the first branch."""
        self.begun.append(branch.session_id)
        if len(self.begun) == 1:
            await branch.remember("The night train is full")
            self.has_learned = True
            await asyncio.Event().wait()
        return await echo(branch)


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the namespaces whose queue a joiner has looked at, each once and never again."""
    found: list[str] = []
    queued = TaskQueue.queued

    async def noted(self: TaskQueue, namespace: str) -> list[Queued]:
        found.append(namespace)
        return await queued(self, namespace)

    monkeypatch.setattr(TaskQueue, "queued", noted)
    monkeypatch.setattr(turn, "CHECK_S", FOREVER_S)
    return found


async def in_work(crew: Crew, work: Work, tasks: list[str], looks: list[str]) -> ThoughtOverWorkers:
    """Begin a thought; return it once its first branch is in work, and known to have had a task."""
    thought = await crew.begin([BranchTask(task=one) for one in tasks])
    await until(lambda: work.has_learned and bool(looks))
    return thought


async def test_a_receivers_finding_is_the_thoughts(log: Log, looks: list[str]) -> None:
    """It is put into the queue at once; it and the one before are in the tree and in the text."""
    work = Work()
    crew = Crew(log, {"echo": work})

    async with crew.at_work():
        thought = await in_work(crew, work, ["find a train"], looks)
        passed = await crew.sessions.hand_off(work.begun[0], summary="go on")
        async with asyncio.timeout(PATIENCE_S):
            found = await thought.joined()
        await let_go(log)

    giver, heir = found.branches
    assert (giver.session_id, giver.status) == (work.begun[0], Status.HANDED_OFF)
    assert (heir.session_id, heir.status) == (passed.to, Status.COMPLETED)
    assert heir.parent_id == giver.session_id
    assert found.consolidation is not None
    assert len(giver.insight_ids) == 1
    assert set(found.consolidation.sources) == {*giver.insight_ids, *heir.insight_ids}


@pytest.mark.parametrize(
    ("to", "last"),
    [
        ("itself", None),
        ("nobody", (Status.FAILED, LOST)),
        ("one that has ended", (Status.CLOSED, None)),
        ("one and back", (Status.HANDED_OFF, None)),
        ("a sibling", None),
    ],
)
async def test_a_hand_off_that_leads_nowhere_holds_up_nothing(
    log: Log, looks: list[str], to: str, last: tuple[Status, str | None] | None
) -> None:
    """A stranger may name anyone: the other branch is joined, the thought ends and is let go."""
    work = Work()
    crew = Crew(log, {"echo": work})

    async with crew.at_work():
        thought = await in_work(crew, work, ["find a train", "find a hotel"], looks)
        for giver, receiver in await hand_offs(crew, thought, work.begun[0], to):
            data = SessionHandedOff(to=receiver, summary="yours")
            await log.append(new_event(data, session_id=giver, namespace=NAMESPACE))
        async with asyncio.timeout(PATIENCE_S):
            found = await thought.joined()
        await let_go(log)

    ends = [(one.status, one.error) for one in found.branches]
    expected = [(Status.HANDED_OFF, None), (Status.COMPLETED, None)]
    assert ends[:2] in (expected, expected[::-1])
    assert ends[2:] == ([] if last is None else [last])
    assert found.consolidation is not None


async def hand_offs(
    crew: Crew, thought: ThoughtOverWorkers, giver: str, to: str
) -> list[tuple[str, str]]:
    """Return who hands off to whom."""
    if to == "itself":
        return [(giver, giver)]
    if to == "nobody":
        return [(giver, new_id())]
    if to == "a sibling":
        found = [one.session_id async for one in crew.fabric.log.read_all()]
        others = set(found) - {giver, thought.root_id}
        return [(giver, others.pop())]
    other = (await crew.sessions.branch(giver, "look")).session_id
    if to == "one and back":
        return [(giver, other), (other, giver)]
    await crew.sessions.close(other)
    return [(giver, other)]


async def test_a_receiver_that_is_taken_out_has_failed(log: Log) -> None:
    """Also one of which the end is left, and not the beginning: the others are joined."""
    work = Work()
    crew = Crew(log, {"echo": work}, joins=False)
    joining = Crew(log, {"echo": echo}, slots=[])

    async with crew.at_work():
        thought = await crew.begin(["find a train", "find a hotel"])
        await until(lambda: work.has_learned)
        passed = await crew.sessions.hand_off(work.begun[0], summary="go on")
        await crew.sessions.fail(passed.to, "no train goes")
        stream = log.connection.jetstream()
        await stream.purge_stream(STREAM, subject=subject(NAMESPACE, passed.to), keep=1)
        async with joining.at_work(), asyncio.timeout(PATIENCE_S):
            found = await thought.joined()
            await let_go(log)

    assert sorted(str(one.status) for one in found.branches) == [
        "completed",
        "failed",
        "handed_off",
    ]


async def test_a_branch_that_is_gone_counts_beside_one_that_was_handed_off(log: Log) -> None:
    """A joiner that begins then takes the one for lost, and not who handed off."""
    work = Work()
    crew = Crew(log, {"echo": work}, joins=False)
    joining = Crew(log, {"echo": echo}, slots=[])

    async with crew.at_work():
        thought = await crew.begin(["find a train", "find a hotel"])
        await until(lambda: work.has_learned and crew.workers[0].counts.get("completed") == 1)
        await crew.sessions.hand_off(work.begun[0], summary="go on")
        stream = log.connection.jetstream()
        await stream.purge_stream(STREAM, subject=subject(NAMESPACE, work.begun[1]))
        async with joining.at_work(), asyncio.timeout(PATIENCE_S):
            found = await thought.joined()
            await let_go(log)

    assert found.consolidation is not None
    assert work.begun[0] in found.consolidation.sessions
    assert work.begun[1] not in found.consolidation.sessions


async def test_one_who_handed_off_and_is_taken_out_holds_up_nothing(log: Log) -> None:
    """The joiner reads of it once it joins: what its receiver found is the thought's."""
    begun: list[str] = []
    goes_on = asyncio.Event()

    async def work(branch: BranchContext) -> str:
        begun.append(branch.session_id)
        await (goes_on if len(begun) > 1 else asyncio.Event()).wait()
        return await echo(branch)

    crew = Crew(log, {"echo": work}, joins=False)
    joining = Crew(log, {"echo": echo}, slots=[])

    async with crew.at_work(), joining.at_work():
        thought = await crew.begin(["find a train"])
        await until(lambda: bool(begun))
        await crew.sessions.hand_off(begun[0], summary="go on")
        await until(lambda: len(begun) > 1)
        stream = log.connection.jetstream()
        await stream.purge_stream(STREAM, subject=subject(NAMESPACE, begun[0]))
        goes_on.set()
        async with asyncio.timeout(PATIENCE_S):
            found = await thought.joined()
        await let_go(log)

    assert found.consolidation is not None
    assert [*found.consolidation.sessions] == [begun[1]]


async def test_a_root_that_receives_is_waited_for(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No worker takes it, so it gets no task: the branch ends as whoever has it ends it."""
    begun: list[str] = []

    async def work(branch: BranchContext) -> str:
        begun.append(branch.session_id)
        if len(begun) < 3:
            await asyncio.Event().wait()
        return await echo(branch)

    crew = Crew(log, {"echo": work})
    root = await crew.sessions.open_session("plan the walk")

    async with crew.at_work():
        thought = await crew.begin(["find a train", "find a hotel"])
        await until(lambda: len(begun) == 2)
        put = noted_puts(monkeypatch)
        data = SessionHandedOff(to=root.session_id, summary="yours")
        await log.append(new_event(data, session_id=begun[0], namespace=NAMESPACE))
        passed = await crew.sessions.hand_off(begun[1], summary="go on")
        await until(lambda: len(begun) == 3)  # What is missing was put by then.
        await crew.sessions.close(root.session_id)
        async with asyncio.timeout(PATIENCE_S):
            found = await thought.joined()
        await let_go(log)

    assert found.consolidation is not None
    assert set(put) == {passed.to}


def noted_puts(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the sessions of which tasks are put into the queue from now on."""
    found: list[str] = []
    put = TaskQueue.put

    async def noted(self: TaskQueue, tasks: Sequence[Task]) -> int:
        found.extend(one.session_id for one in tasks)
        return await put(self, tasks)

    monkeypatch.setattr(TaskQueue, "put", noted)
    return found


async def test_the_forks_of_one_who_hands_off_are_called_off(log: Log) -> None:
    """Its receiver forks anew: nobody waits for the others."""
    forked: list[str] = []

    async def work(branch: BranchContext) -> str | ForkedWork:
        if branch.task == "leaf":
            forked.append(branch.session_id)
            await asyncio.Event().wait()
        if branch.task == "passes on":
            return ForkedWork(["leaf"])
        return await echo(branch)

    crew = Crew(log, {"echo": work})

    async with crew.at_work():
        thought = await crew.begin(["passes on"])
        await until(lambda: bool(forked))
        parent = (await crew.sessions.state(forked[0])).parent_id
        assert parent is not None
        passed = await crew.sessions.hand_off(parent, summary="go on", task="find a train")
        async with asyncio.timeout(PATIENCE_S):
            found = await thought.joined()
        await let_go(log)
        leaf = await crew.sessions.state(forked[0])

    results = {one.session_id: one.result for one in found.branches}
    assert results == {parent: None, forked[0]: None, passed.to: "Found for find a train."}
    assert leaf.status is Status.CANCELLED


@pytest.mark.parametrize("named", ["root", "giver"])
async def test_to_cancel_one_who_handed_off_is_to_cancel_its_receivers(
    log: Log, named: str
) -> None:
    """With what they and it had forked: all end, and their executors are stopped at once."""
    stopped: list[str] = []
    leaves: list[str] = []
    begun: list[str] = []

    async def work(branch: BranchContext) -> str | ForkedWork:
        if branch.task == "forks":
            return ForkedWork(["leaf"])
        (leaves if branch.task == "leaf" else begun).append(branch.session_id)
        try:
            await asyncio.Event().wait()
        finally:
            stopped.append(branch.session_id)
        raise AssertionError("nobody ends it")

    crew = Crew(log, {"echo": work}, slots=[8])

    async with crew.at_work():
        thought = await crew.begin(["forks"])
        await until(lambda: len(leaves) == 1)
        giver = (await crew.sessions.state(leaves[0])).parent_id
        assert giver is not None
        second = await crew.sessions.hand_off(giver, summary="go on", task="forks")
        await until(lambda: len(leaves) == 2)
        third = await crew.sessions.hand_off(second.to, summary="go on", task="waits")
        await until(lambda: len(begun) == 1)
        top = thought.root_id if named == "root" else giver
        going = await call_off(crew.fabric, NAMESPACE, top, "enough")
        await until(lambda: {*begun, *leaves} <= {*stopped})
        states = await crew.sessions.present([third.to, *leaves])
        await let_go(log)

    assert begun == [third.to]
    assert third.to in going
    assert (thought.root_id in going) is (named == "root")
    assert {one.status for one in states.values()} == {Status.CANCELLED}


async def test_a_stranger_that_a_hand_off_names_is_not_cancelled(log: Log) -> None:
    """Anybody may name anyone: only a branch of who handed off goes with it, and no circle holds."""
    work = Work()
    crew = Crew(log, {"echo": work})
    stranger = await crew.sessions.open_session("plan the walk")

    async with crew.at_work():
        thought = await crew.begin(["find a train"])
        await until(lambda: work.has_learned)
        own = (await crew.sessions.branch(work.begun[0], "look")).session_id
        for giver, receiver in ((work.begun[0], own), (own, stranger.session_id)):
            data = SessionHandedOff(to=receiver, summary="yours")
            await log.append(new_event(data, session_id=giver, namespace=NAMESPACE))
        async with asyncio.timeout(PATIENCE_S):
            going = await call_off(crew.fabric, NAMESPACE, thought.root_id, "enough")
        left = await crew.sessions.state(stranger.session_id)
        await let_go(log)

    assert going == [thought.root_id]
    assert not left.ended
