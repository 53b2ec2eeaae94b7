"""States that a process knows without reading, and many that are read together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from anabranch_events import new_id
from anabranch_events.jetstream.stream import subject
from anabranch_thinking import BranchTask, Sessions
from anabranch_thinking.errors import BranchTaken, ClaimLost, SessionEnded, SessionNotFound
from anabranch_thinking.sessions.many import states_of

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
