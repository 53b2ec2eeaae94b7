"""A session by its Python face: each command once, its value and its main error."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from anabranch import InsightDraft
from anabranch.errors import PositionFromFuture
from anabranch_events import new_id
from anabranch_events.errors import InputInvalid, SessionEnded
from anabranch_thinking.errors import InsightNotFound

if TYPE_CHECKING:
    from anabranch import Memory, Session

TEXT = "The lock of the north gate was changed in May."


async def test_branch_forks_where_the_session_is(session: Session) -> None:
    """The branch knows its parent, its root and where it was forked; it can be forked again."""
    await session.note("gate", "north")

    branch = await session.branch("Oil it", role="scout", priority="low")
    leaf = await branch.branch("Find oil")

    shown = await branch.show()
    assert (branch.parent_id, branch.root_id, branch.forked_at) == (
        session.session_id,
        session.session_id,
        2,
    )
    assert (branch.position, branch.receipt.position) == (3, 3)
    assert (leaf.parent_id, leaf.root_id) == (branch.session_id, session.session_id)
    assert (shown.task, shown.role, shown.priority, shown.depth, shown.status) == (
        "Oil it",
        "scout",
        "low",
        1,
        "pending",
    )


async def test_a_branch_keeps_attributes(session: Session, memory: Memory) -> None:
    """Attributes of a branch are in the graph, as those of a root session are."""
    branch = await session.branch("Oil it", attributes={"ticket": 7, "gates": [None]})

    found = await memory.cypher(
        "MATCH (s:Session {namespace: $namespace, id: $id}) RETURN s.attributes AS kept",
        {"id": branch.session_id},
    )
    assert found.rows == [{"kept": '{"gates":[null],"ticket":7}'}]


async def test_remember_learns_in_the_session(session: Session) -> None:
    """The handle moves to the insight's position; fields may be given beside the text."""
    kept = await session.remember(TEXT, confidence=0.5, tags=["gate"])

    assert (kept.session_id, kept.position) == (session.session_id, 2)
    assert (session.position, session.receipt) == (2, kept)


async def test_remember_retires_what_it_supersedes(memory: Memory, session: Session) -> None:
    """Only the newer insight is recalled; one that is unknown cannot be superseded."""
    old = await session.remember(TEXT)

    new = await session.remember("The lock was changed in June.", supersedes=[old.insight_id])

    recalled = await memory.recall("lock changed")
    assert [hit.insight_id for hit in recalled.hits] == [new.insight_id]
    with pytest.raises(InsightNotFound):
        await session.remember(TEXT, supersedes=[new_id()])


async def test_recall_asks_the_own_line_of_ancestors(memory: Memory, session: Session) -> None:
    """By default what a sister learned is not known; with the namespace's scope it is."""
    kept = await session.remember(TEXT)
    one, other = await session.branch("Oil it"), await session.branch("Paint it")
    hidden = await other.remember("The lock of the south gate is green.")

    lineage = await one.recall("gate lock")
    everything = await one.recall("gate lock", scope="namespace")

    assert [hit.insight_id for hit in lineage.hits] == [kept.insight_id]
    assert {hit.insight_id for hit in everything.hits} == {kept.insight_id, hidden.insight_id}
    with pytest.raises(PositionFromFuture):
        await one.recall("gate lock", as_of=memory.position + 1)


async def test_complete_ends_with_result_and_insights(session: Session) -> None:
    """Both are one event; the insights have ids in the order they were given."""
    done = await session.complete("It is oiled.", insights=[TEXT, InsightDraft(text="Oil helps.")])

    shown = await session.show()
    assert (done.session_id, done.position, session.position) == (session.session_id, 2, 2)
    assert (shown.status, shown.result) == ("completed", "It is oiled.")
    assert [(one.insight_id, one.text) for one in shown.insights or ()] == [
        (done.insight_ids[0], TEXT),
        (done.insight_ids[1], "Oil helps."),
    ]


async def test_note_sets_a_key_of_the_working_memory(session: Session) -> None:
    """A later note of the same key takes its place; what JSON cannot hold is refused."""
    await session.note("gate", "north")
    kept = await session.note("gate", {"name": "south", "locks": 2})

    assert (await session.show()).working_memory == {"gate": {"name": "south", "locks": 2}}
    assert (session.position, session.receipt) == (kept.position, kept)
    with pytest.raises(InputInvalid):
        await session.note("gate", object())


async def test_hand_off_passes_the_working_memory_on(session: Session) -> None:
    """The task goes on in a branch; the session itself has ended."""
    await session.note("gate", "north")

    after = await session.hand_off(summary="Half done.", to_agent="bob")

    left, shown = await session.show(), await after.show()
    assert (after.parent_id, after.root_id) == (session.session_id, session.session_id)
    assert (shown.task, shown.working_memory) == ("Look after the lock", {"gate": "north"})
    assert left.status == "handed_off"
    with pytest.raises(SessionEnded):
        await session.hand_off(summary="Again.")


async def test_fail_ends_without_a_result(session: Session) -> None:
    """The error is kept."""
    kept = await session.fail("Out of oil")

    shown = await session.show()
    assert (shown.status, shown.error, shown.position) == ("failed", "Out of oil", kept.position)


async def test_cancel_calls_it_off(session: Session) -> None:
    """The session has ended, by the event of the receipt."""
    kept = await session.cancel("Not needed")

    shown = await session.show()
    assert (shown.status, shown.result, shown.position) == ("cancelled", None, kept.position)


async def test_close_ends_it(session: Session) -> None:
    """A reason may be given, and need not be."""
    kept = await session.close()

    shown = await session.show()
    assert (shown.status, shown.result, shown.position) == ("closed", None, kept.position)


async def test_show_as_it_was(session: Session) -> None:
    """Without the events since; a position of the future is none."""
    await session.note("gate", "north")

    then = await session.show(as_of=1)

    assert (then.position, then.working_memory) == (1, {})
    with pytest.raises(PositionFromFuture):
        await session.show(as_of=100)


async def test_what_has_ended_takes_no_command(session: Session) -> None:
    """Each command says so, and the handle stays where it was."""
    await session.close()

    for command in (
        session.branch("Oil it"),
        session.remember(TEXT),
        session.note("gate", 1),
        session.complete("done"),
        session.hand_off(summary="Half done."),
        session.fail("Out of oil"),
        session.cancel("Not needed"),
        session.close(),
    ):
        with pytest.raises(SessionEnded):
            await command
    assert session.position == 2


def test_a_handle_shows_its_id(session: Session) -> None:
    """The representation names the session and its position."""
    assert repr(session) == f"<Session({session.session_id}, position=1)>"
