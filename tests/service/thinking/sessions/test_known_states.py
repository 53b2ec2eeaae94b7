"""States that a process knows without reading, and many that are read together."""

from __future__ import annotations

import itertools
from collections.abc import Sized
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from anabranch_events import new_id
from anabranch_events.errors import InputInvalid
from anabranch_events.jetstream.stream import subject
from anabranch_thinking import BranchTask, Sessions
from anabranch_thinking.errors import BranchTaken, ClaimLost, SessionEnded, SessionNotFound
from anabranch_thinking.sessions.many import Known, states_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from anabranch_events import Log, Recorded


async def _forked(sessions: Sessions, count: int) -> tuple[str, int, list[str]]:
    root_id = (await sessions.open_session("plan")).session_id
    forks = await sessions.fan_out(root_id, [BranchTask(task=f"part {n}") for n in range(count)])
    return root_id, forks[0].position - 1, [one.session_id for one in forks]


async def test_who_holds_a_branch_reads_nothing(
    sessions: Sessions, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Forked, claimed and ended by one process: three appends, and not one reading."""
    _, _, (branch_id,) = await _forked(sessions, 1)

    def read(session_id: str, **_: object) -> AsyncGenerator[Recorded]:
        raise AssertionError(f"{session_id} was read")

    with monkeypatch.context() as patched:
        patched.setattr(log, "read", read)
        claim = await sessions.start(branch_id, worker="w")
        await sessions.complete(branch_id, "found", insights=["a fact"], claim=claim)
        known = await sessions.ended_state(branch_id)

    assert known == await Sessions(log, namespace=sessions.namespace).state(branch_id)


async def test_what_is_sent_again_does_not_change_what_is_known(log: Log) -> None:
    """The times of a session are those in the log, not those of a request that repeats it."""
    times = (datetime(2026, 12, 1, 12, minute, tzinfo=UTC) for minute in itertools.count())
    sessions = Sessions(log, namespace="repeats", clock=lambda: next(times))
    ids = [new_id(), new_id()]

    first = await sessions.for_command(ids=iter(ids).__next__).open_session("plan")
    again = await sessions.for_command(ids=iter(ids).__next__).open_session("plan")
    known = await sessions.state(first.session_id)

    assert again == first
    assert known == await Sessions(log, namespace="repeats").state(first.session_id)


async def test_what_is_known_may_be_outdated(sessions: Sessions, log: Log) -> None:
    """What others did meanwhile counts, as if it had been read: the claim, the end, a takeover."""
    _, _, ids = await _forked(sessions, 3)
    others = Sessions(log, namespace=sessions.namespace)

    await others.start(ids[0], worker="other")
    with pytest.raises(BranchTaken, match="other"):
        await sessions.start(ids[0], worker="w")

    claim = await sessions.start(ids[1], worker="w")
    await others.cancel(ids[1], "enough")
    with pytest.raises(SessionEnded):
        await sessions.complete(ids[1], "late", claim=claim)

    claim = await sessions.start(ids[2], worker="w")
    await others.start(ids[2], worker="other", attempt=2)
    with pytest.raises(ClaimLost):
        await sessions.complete(ids[2], "late", claim=claim)

    assert [str((await sessions.state(one)).status) for one in ids] == [
        "running",
        "cancelled",
        "running",
    ]


@pytest.mark.parametrize("noise", ["none", "unreadable", "much"])
async def test_many_read_together_are_as_read_one_by_one(
    sessions: Sessions, log: Log, noise: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the log holds what cannot be read, or so much else that they are read alone."""
    _, before, ids = await _forked(sessions, 10)
    claim = await sessions.start(ids[3], worker="w")
    await sessions.complete(ids[3], "found", insights=["a fact", "another"], claim=claim)
    await sessions.start(ids[4], worker="w")
    elsewhere = Sessions(log, namespace="elsewhere")
    await elsewhere.open_session("another plan")
    if noise == "unreadable":
        await log.connection.jetstream().publish(subject(sessions.namespace, ids[5]), b"no event")
    elif noise == "much":
        other_id = (await sessions.open_session("talk")).session_id
        await sessions.remember_all([f"word {n}" for n in range(90)], session_id=other_id)
    alone = Sessions(log, namespace=sessions.namespace)
    expected = [await alone.state(one) for one in reversed(ids)]

    read: list[str] = []
    reading = log.read

    def note(session_id: str, **options: object) -> AsyncGenerator[Recorded]:
        read.append(session_id)
        return reading(session_id, **options)  # type: ignore[arg-type]

    fresh = Sessions(log, namespace=sessions.namespace)
    monkeypatch.setattr(log, "read", note)
    found = await states_of(fresh, list(reversed(ids)), begun_after=before)

    assert found == expected
    assert len(read) == (0 if noise == "none" else 10)
    with pytest.raises(SessionNotFound):
        await states_of(fresh, [*ids, new_id()], begun_after=before)


async def test_of_what_a_follower_knows_only_the_rest_is_read(
    sessions: Sessions, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What came after the position counts: ends, and a retraction by somebody else."""
    _, before, ids = await _forked(sessions, 3)
    claim = await sessions.start(ids[0], worker="w")
    done = await sessions.complete(ids[0], "found", insights=["a fact"], claim=claim)
    alone = Sessions(log, namespace=sessions.namespace)
    known = Known(done.position, {one: await alone.state(one) for one in ids})
    await sessions.retract(done.insight_ids[0], reason="wrong", session_id=ids[0])
    await sessions.cancel(ids[1], "enough")
    fresh = Sessions(log, namespace=sessions.namespace)
    expected = [await fresh.state(one) for one in ids]

    def read(session_id: str, **_: object) -> AsyncGenerator[Recorded]:
        raise AssertionError(f"{session_id} was read")

    monkeypatch.setattr(log, "read", read)
    reader = Sessions(log, namespace=sessions.namespace)
    found = await states_of(reader, ids, begun_after=before, known=known)

    assert found == expected
    assert found[0].retired == {done.insight_ids[0]}


async def test_beginnings_are_read_together(sessions: Sessions, log: Log) -> None:
    """Those that nobody has touched are known then, also to the claim; the others are left out."""
    _, _, ids = await _forked(sessions, 3)
    await sessions.start(ids[1], worker="w")
    fresh = Sessions(log, namespace=sessions.namespace)

    found = await fresh.beginnings([*ids, new_id()])
    await sessions.start(ids[2], worker="other")

    assert found.keys() == {ids[0], ids[2]}
    assert found[ids[0]] == await Sessions(log, namespace=sessions.namespace).state(ids[0])
    assert (await fresh.start(ids[0], worker="w")).attempt == 1
    with pytest.raises(BranchTaken, match="other"):
        await fresh.start(ids[2], worker="w")


async def test_a_process_gathers_no_names_of_agents(sessions: Sessions) -> None:
    """Each command may come in another's name, and one that is none is refused each time."""

    def held() -> dict[str, int]:
        return {name: len(one) for name, one in vars(sessions).items() if isinstance(one, Sized)}

    before = held()
    for number in range(20):
        command = sessions.for_command(agent=f"agent {number}")
        session_id = (await command.open_session("look")).session_id
        assert (await sessions.state(session_id)).agent == f"agent {number}"
    for _ in range(2):
        with pytest.raises(InputInvalid, match="agent"):
            await sessions.for_command(agent="a\x00b").open_session("look")

    assert held() == before
