"""The commands on sessions hold the rules of a session's life against the real log."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from anabranch_events import Event, Log, encode, new_id
from anabranch_events.errors import InputInvalid, SessionEnded, SessionNotFound
from anabranch_thinking import (
    BranchTaken,
    BranchTask,
    ClaimLost,
    InsightDraft,
    InsightNotFound,
    Sessions,
)

if TYPE_CHECKING:
    from collections.abc import Sequence


async def events_of(log: Log, session_id: str, *, namespace: str) -> list[tuple[int, Event]]:
    """Return a session's events with their positions."""
    records = log.read(session_id, namespace=namespace)
    return [(recorded.position, recorded.decode()) async for recorded in records]


async def test_a_branch_is_forked_where_its_parent_stands(sessions: Sessions) -> None:
    """A branch carries parent, root, depth, and the position of the parent's last event."""
    root = await sessions.open_session("plan the trip", attributes={"for": "Maria"})
    noted = await sessions.note(root.session_id, "budget", 100)
    branch = await sessions.branch(root.session_id, "find a hotel", role="focus", priority="high")
    twig = await sessions.branch(branch.session_id, "compare prices")

    state = await sessions.state(twig.session_id)

    assert branch.forked_at == noted.position
    assert (branch.parent_id, branch.root_id) == (root.session_id, root.session_id)
    assert (state.parent_id, state.root_id, state.depth) == (branch.session_id, root.session_id, 2)
    assert state.forked_at == branch.position
    assert (await sessions.state(branch.session_id)).priority == "high"


async def test_an_unknown_session_is_named(sessions: Sessions) -> None:
    """Every command on a session that is not there says so."""
    unknown = new_id()

    with pytest.raises(SessionNotFound) as found:
        await sessions.branch(unknown, "go on")
    with pytest.raises(SessionNotFound):
        await sessions.remember("It is late.", session_id=unknown)
    with pytest.raises(SessionNotFound):
        await sessions.close(unknown)

    assert found.value.session_id == unknown


async def test_sessions_of_another_namespace_do_not_exist(sessions: Sessions, log: Log) -> None:
    """A session is found in its own namespace only."""
    root = await sessions.open_session("plan the trip")

    with pytest.raises(SessionNotFound):
        await Sessions(log, namespace="elsewhere").state(root.session_id)


async def test_an_ended_session_takes_no_more_work(sessions: Sessions) -> None:
    """Branching from, remembering in, noting in and ending a closed session are refused."""
    root = await sessions.open_session("plan the trip")
    await sessions.close(root.session_id, "done")

    for work in (
        sessions.branch(root.session_id, "go on"),
        sessions.remember("It is late.", session_id=root.session_id),
        sessions.note(root.session_id, "key", 1),
        sessions.hand_off(root.session_id, summary="yours"),
        sessions.complete(root.session_id, "again"),
        sessions.close(root.session_id),
    ):
        with pytest.raises(SessionEnded, match="closed"):
            await work


async def test_a_fan_out_is_one_batch(sessions: Sessions, log: Log, namespace: str) -> None:
    """A fan-out stores all its branches at consecutive positions, from one fork."""
    root = await sessions.open_session("plan the trip")

    forks = await sessions.fan_out(
        root.session_id, [BranchTask(task=f"branch {number}") for number in range(50)]
    )

    first = forks[0].position
    assert [fork.position for fork in forks] == list(range(first, first + 50))
    assert {fork.forked_at for fork in forks} == {root.position}
    stored = await events_of(log, forks[7].session_id, namespace=namespace)
    assert [(position, event.type) for position, event in stored] == [
        (forks[7].position, "anabranch.branch.created.v1")
    ]


async def test_a_fan_out_with_one_bad_branch_stores_none(sessions: Sessions, log: Log) -> None:
    """A branch that breaks a rule refuses the whole fan-out, and the field is named."""
    root = await sessions.open_session("plan the trip")
    before = await log.bounds()

    with pytest.raises(InputInvalid) as found:
        await sessions.fan_out(root.session_id, [BranchTask(task="good"), BranchTask(task=" ")])
    with pytest.raises(InputInvalid, match="1001"):
        await sessions.fan_out(root.session_id, [BranchTask(task="good")] * 1001)
    with pytest.raises(InputInvalid):
        await sessions.fan_out(root.session_id, [])

    assert found.value.field == "task"
    assert await log.bounds() == before


async def test_of_two_workers_one_gets_the_branch(sessions: Sessions, log: Log) -> None:
    """Two workers that want the same branch at once: one claims it, the other is told by whom."""
    root = await sessions.open_session("plan the trip")
    branch = await sessions.branch(root.session_id, "find a hotel")
    others = Sessions(log, namespace=sessions.namespace)

    results = await asyncio.gather(
        sessions.start(branch.session_id, worker="one"),
        others.start(branch.session_id, worker="two"),
        return_exceptions=True,
    )

    lost = [result for result in results if isinstance(result, BranchTaken)]
    won = [result for result in results if not isinstance(result, BaseException)]
    assert (len(lost), len(won)) == (1, 1)
    assert {lost[0].worker} == {won[0].worker}


async def test_a_worker_that_lost_its_claim_cannot_complete(sessions: Sessions) -> None:
    """After a takeover only the new worker's result, failure or cancellation counts."""
    root = await sessions.open_session("plan the trip")
    branch = await sessions.branch(root.session_id, "find a hotel")
    slow = await sessions.start(branch.session_id, worker="slow")
    quick = await sessions.start(branch.session_id, worker="quick", attempt=2)

    with pytest.raises(ClaimLost, match="slow"):
        await sessions.complete(branch.session_id, "too late", claim=slow)
    with pytest.raises(ClaimLost):
        await sessions.fail(branch.session_id, "too late", claim=slow)
    await sessions.complete(branch.session_id, "in time", claim=quick)
    with pytest.raises(ClaimLost):
        await sessions.complete(branch.session_id, "too late", claim=slow)

    state = await sessions.state(branch.session_id)
    assert (state.status, state.result, state.attempt) == ("completed", "in time", 2)


async def test_one_end_wins(sessions: Sessions, log: Log) -> None:
    """Of several that end a session at once exactly one does; the others learn how it ended."""
    root = await sessions.open_session("plan the trip")
    branch = await sessions.branch(root.session_id, "find a hotel")
    writers = [Sessions(log, namespace=sessions.namespace) for _ in range(6)]

    results = await asyncio.gather(
        *(writer.complete(branch.session_id, f"by {n}") for n, writer in enumerate(writers)),
        return_exceptions=True,
    )

    refused = [result for result in results if isinstance(result, SessionEnded)]
    assert len(refused) == 5
    assert {error.status for error in refused} == {"completed"}


async def test_work_in_a_branch_does_not_lose_the_claim(sessions: Sessions) -> None:
    """Insights and notes between claim and end leave the claim as it was."""
    root = await sessions.open_session("plan the trip")
    branch = await sessions.branch(root.session_id, "find a hotel")
    claim = await sessions.start(branch.session_id, worker="one")
    await sessions.remember("The Ryokan has a bath.", session_id=branch.session_id)
    await sessions.note(branch.session_id, "page", 2)

    receipt = await sessions.complete(
        branch.session_id, "found", insights=["It is in Hakone."], claim=claim
    )

    state = await sessions.state(branch.session_id)
    assert [insight.text for insight in state.insights] == [
        "The Ryokan has a bath.",
        "It is in Hakone.",
    ]
    assert receipt.insight_ids == (state.insights[1].insight_id,)
    assert state.insights[1].entities == ("Hakone",)


async def test_a_root_session_is_not_claimed(sessions: Sessions) -> None:
    """Workers take branches, never a root session."""
    root = await sessions.open_session("plan the trip")

    with pytest.raises(InputInvalid, match="root"):
        await sessions.start(root.session_id, worker="one")


async def test_a_failed_attempt_is_counted(sessions: Sessions) -> None:
    """A failure that will be retried frees the branch; the next start is the next attempt."""
    root = await sessions.open_session("plan the trip")
    branch = await sessions.branch(root.session_id, "find a hotel")
    first = await sessions.start(branch.session_id, worker="one")
    await sessions.fail(branch.session_id, "no answer", will_retry=True, claim=first)

    second = await sessions.start(branch.session_id, worker="two")

    assert (first.attempt, second.attempt) == (1, 2)
    with pytest.raises(ClaimLost):
        await sessions.complete(branch.session_id, "late", claim=first)


async def test_a_hand_off_carries_the_working_memory(
    sessions: Sessions, log: Log, namespace: str
) -> None:
    """The receiver is a branch with the task and the notes, in the receiving agent's name."""
    root = await sessions.open_session("plan the trip", role="planner")
    await sessions.note(root.session_id, "budget", {"yen": 90_000})
    noted = await sessions.note(root.session_id, "done", ["flights"])

    receipt = await sessions.hand_off(
        root.session_id, summary="Flights are booked.", to_agent="booker"
    )

    giver, receiver = (
        await sessions.state(root.session_id),
        await sessions.state(receipt.to),
    )
    assert (giver.status, giver.handed_to) == ("handed_off", receipt.to)
    assert receiver.working_memory == {"budget": {"yen": 90_000}, "done": ["flights"]}
    assert (receiver.task, receiver.role, receiver.agent) == ("plan the trip", "planner", "booker")
    assert (receiver.parent_id, receiver.forked_at) == (root.session_id, noted.position)
    stored = await events_of(log, receipt.to, namespace=namespace)
    assert [position for position, _ in stored] == [receipt.position - 3 + n for n in range(3)]


async def test_remembering_without_a_session_opens_one(
    sessions: Sessions, log: Log, namespace: str
) -> None:
    """One fact is one call: a session and its insight, which alone says it, in one batch."""
    receipt = await sessions.remember("We met Maria in Hakone.", kind="fact", tags=["trip"])

    stored = await events_of(log, receipt.session_id, namespace=namespace)
    state = await sessions.state(receipt.session_id)
    assert [(position, event.type) for position, event in stored] == [
        (receipt.position - 1, "anabranch.session.opened.v1"),
        (receipt.position, "anabranch.insight.recorded.v1"),
    ]
    assert [position for position, event in stored if b"Maria" in encode(event)] == [
        receipt.position  # Else forgetting the insight would leave it in the other.
    ]
    assert state.insights[0].insight_id == receipt.insight_id
    assert state.insights[0].entities == ("Maria", "Hakone")
    assert (state.insights[0].kind, state.insights[0].tags) == ("fact", ("trip",))


async def test_a_newer_insight_supersedes_in_the_same_batch(sessions: Sessions) -> None:
    """`supersedes` retires the old insight with the event after the new one, which is told."""
    old = await sessions.remember("The bath opens at 9.")

    new = await sessions.remember(
        "The bath opens at 8.", session_id=old.session_id, supersedes=[old.insight_id]
    )

    state = await sessions.state(old.session_id)
    assert state.retired == {old.insight_id}
    assert state.position == new.position


async def test_upkeep_is_taken_by_ended_sessions(sessions: Sessions) -> None:
    """Citing, linking, disputing, retiring and forgetting are no work: the session may be over."""
    one = await sessions.remember("The bath opens at 9.")
    two = await sessions.remember("The bath opens at 8.", session_id=one.session_id)
    await sessions.close(one.session_id)
    here = one.session_id

    await sessions.cite([one.insight_id], outcome="confirmed", session_id=here)
    await sessions.associate(one.insight_id, two.insight_id, kind="about", session_id=here)
    await sessions.sever(one.insight_id, two.insight_id, kind="about", session_id=here)
    await sessions.open_conflict(
        one.insight_id, two.insight_id, subject="the hour", session_id=here
    )
    await sessions.resolve_conflict(one.insight_id, two.insight_id, decision="8", session_id=here)
    await sessions.supersede(one.insight_id, by=two.insight_id, session_id=here)
    await sessions.retract(two.insight_id, reason="closed for good", session_id=here)
    last = await sessions.forget(one.insight_id, receipt="request 7", session_id=here)

    state = await sessions.state(here)
    assert (state.status, state.position) == ("closed", last.position)
    assert state.retired == {one.insight_id, two.insight_id}


async def test_an_insight_does_not_supersede_itself(sessions: Sessions) -> None:
    """It is refused in any spelling of the id, and nothing is stored."""
    one = await sessions.remember("The bath opens at 9.")

    for by in (one.insight_id, one.insight_id.upper()):
        with pytest.raises(InputInvalid, match="cannot supersede itself") as refused:
            await sessions.supersede(one.insight_id, by=by, session_id=one.session_id)
        assert refused.value.field == "by"

    state = await sessions.state(one.session_id)
    assert (state.position, state.retired) == (one.position, frozenset())


async def test_upkeep_finds_the_insights_own_session(log: Log, namespace: str) -> None:
    """With a lookup no session need be named, and an unknown insight is refused."""
    plain = Sessions(log, namespace=namespace)
    known = await plain.remember("The bath opens at 9.")

    async def lookup(insight_ids: Sequence[str]) -> dict[str, str]:
        return {one: known.session_id for one in insight_ids if one == known.insight_id}

    sessions = Sessions(log, namespace=namespace, lookup=lookup)

    receipt = await sessions.retract(known.insight_id, reason="wrong")
    with pytest.raises(InsightNotFound):
        await sessions.retract(new_id(), reason="wrong")
    with pytest.raises(InputInvalid, match="session_id"):
        await plain.retract(known.insight_id, reason="wrong")

    assert receipt.session_id == known.session_id


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("text", {"insight": ""}),
        ("text", {"insight": "a\x00b"}),
        ("text", {"insight": "lone \ud800"}),
        ("confidence", {"insight": "fine", "confidence": 1.5}),
        ("session_id", {"insight": "fine", "session_id": "not-a-uuid"}),
        ("kind", {"insight": "fine", "kind": "x" * 300}),
        ("tags", {"insight": "fine", "tags": "ops"}),
        ("sources", {"insight": "fine", "sources": "a-report"}),
        ("supersedes", {"insight": "fine", "supersedes": "an-id"}),
        ("kind", {"insight": InsightDraft(text="fine"), "kind": "fact"}),
    ],
)
async def test_bad_input_names_its_field(
    sessions: Sessions, log: Log, field: str, values: dict[str, str]
) -> None:
    """What breaks a rule is refused with the field's name, and nothing is stored."""
    before = await log.bounds()

    with pytest.raises(InputInvalid) as found:
        await sessions.remember(**values)  # type: ignore[arg-type]  # one case is a number.

    assert found.value.field == field
    assert await log.bounds() == before


async def test_a_namespace_with_wildcards_is_refused(log: Log) -> None:
    """A namespace is a plain name."""
    for namespace in ("a.b", "*", "a b", ""):
        with pytest.raises(InputInvalid, match="namespace"):
            Sessions(log, namespace=namespace)


async def test_cancelling_many_leaves_the_ended_alone(sessions: Sessions) -> None:
    """Those that go on are called off at once; those that have ended stay as they ended."""
    root = await sessions.open_session("plan the trip")
    forks = await sessions.fan_out(root.session_id, [BranchTask(task=f"b{n}") for n in range(20)])
    ids = [fork.session_id for fork in forks]
    await sessions.complete(ids[3], "found", insights=[InsightDraft(text="It is near.")])

    receipts = await sessions.cancel_all(ids, "not needed")
    again = await sessions.cancel_all(ids, "not needed")

    assert [receipt.session_id for receipt in receipts] == [*ids[:3], *ids[4:]]
    assert again == []
    assert (await sessions.state(ids[3])).status == "completed"
    assert (await sessions.state(ids[4])).status == "cancelled"
