"""A memory by its Python face: each operation once, its value and its main error."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from anabranch import BranchContext, BranchTask, CallableExecutor, InsightDraft, Memory
from anabranch.errors import MemoryNotOpen, PositionFromFuture, ScopeNeedsSession
from anabranch.memory.memory import namespace_of
from anabranch.memory.reads import sessions
from anabranch_events import new_id
from anabranch_events.errors import InputInvalid, SessionEnded, SessionNotFound, WaitTimedOut
from anabranch_store.errors import CypherInvalid, QueryRefused
from anabranch_thinking.errors import InsightNotFound, NothingLearned
from tests.support.patience import PATIENCE_S

if TYPE_CHECKING:
    from pathlib import Path

    from anabranch import Session
    from anabranch_events import Event

TEXT = "The lock of the north gate was changed in May."
OTHER = "The south gate has no lock."


async def found(branch: BranchContext) -> str:
    """Find what the task says."""
    return f"Found: {branch.task}."


def test_open_takes_what_is_given_before_the_settings(tmp_path: Path) -> None:
    """Home, namespace and agent may be given; nothing starts before the memory is entered."""
    memory = Memory.open(tmp_path / "home", namespace="lab", agent="ada")

    assert (memory.namespace, memory.settings.agent) == ("lab", "ada")
    assert memory.settings.home == tmp_path / "home"
    assert not memory.settings.home.exists()


def test_open_refuses_what_is_no_namespace(tmp_path: Path) -> None:
    """A name that cannot be part of a subject is refused at once."""
    with pytest.raises(InputInvalid):
        Memory.open(tmp_path / "home", namespace="no.namespace")


async def test_a_memory_that_is_not_entered_says_so(tmp_path: Path) -> None:
    """Before `async with` no operation works."""
    memory = Memory.open(tmp_path / "home")

    with pytest.raises(MemoryNotOpen):
        await memory.remember(TEXT)
    with pytest.raises(MemoryNotOpen):
        assert memory.position


async def test_a_memory_that_was_left_says_so(memory: Memory) -> None:
    """After `async with` none works any more."""
    await memory.__aexit__()

    with pytest.raises(MemoryNotOpen):
        await memory.status()


async def test_open_session_begins_a_root(memory: Memory) -> None:
    """The handle knows its ids and the position of its first event."""
    session = await memory.open_session(
        "Look after the lock", role="focus", priority="high", attributes={"gate": "north"}
    )

    shown = await session.show()
    assert (session.root_id, session.parent_id, session.forked_at) == (
        session.session_id,
        None,
        None,
    )
    assert (session.position, session.receipt.position, memory.position) == (1, 1, 1)
    assert (shown.task, shown.role, shown.priority, shown.agent, shown.status) == (
        "Look after the lock",
        "focus",
        "high",
        "tester",
        "open",
    )


async def test_open_session_refuses_an_empty_task(memory: Memory) -> None:
    """A session is about something; nothing is stored otherwise."""
    with pytest.raises(InputInvalid):
        await memory.open_session("")

    assert memory.position == 0


async def test_session_finds_one_by_its_id(memory: Memory, session: Session) -> None:
    """A handle found again stands where the session does, and has stored nothing itself."""
    noted = await session.note("key", 1)

    again = await memory.session(session.session_id)

    assert (again.session_id, again.root_id, again.parent_id, again.position) == (
        session.session_id,
        session.session_id,
        None,
        noted.position,
    )
    with pytest.raises(LookupError):
        assert again.receipt


async def test_session_of_an_unknown_id(memory: Memory) -> None:
    """An id that nobody opened is told by its own error."""
    with pytest.raises(SessionNotFound):
        await memory.session(new_id())


async def test_remember_opens_a_session_of_its_own(memory: Memory) -> None:
    """One thing learned needs no session: the receipt names the one that was opened for it."""
    kept = await memory.remember(TEXT, tags=["gate"])

    shown = await memory.show_session(kept.session_id)
    assert kept.position == memory.position == 2
    assert [(one.insight_id, one.text) for one in shown.insights or ()] == [(kept.insight_id, TEXT)]


async def test_remember_takes_a_draft_and_retires_what_it_supersedes(memory: Memory) -> None:
    """The insight that was superseded is found no more, from the receipt's position on."""
    old = await memory.remember(TEXT)

    new = await memory.remember(
        InsightDraft(text="The lock was changed in June."), supersedes=[old.insight_id]
    )

    recalled = await memory.recall("When was the lock changed?")
    then = await memory.recall("When was the lock changed?", as_of=new.position)
    assert [hit.insight_id for hit in recalled.hits] == [new.insight_id]
    assert [hit.insight_id for hit in then.hits] == [new.insight_id]
    assert new.position == memory.position


async def test_remember_refuses_an_unknown_session_and_an_unknown_insight(memory: Memory) -> None:
    """Neither is made up."""
    with pytest.raises(SessionNotFound):
        await memory.remember(TEXT, session_id=new_id())
    with pytest.raises(InsightNotFound):
        await memory.remember(TEXT, supersedes=[new_id()])


async def test_remember_refuses_a_session_that_has_ended(memory: Memory, session: Session) -> None:
    """What has ended learns nothing more."""
    await session.close()

    with pytest.raises(SessionEnded):
        await memory.remember(TEXT, session_id=session.session_id)


async def test_recall_finds_what_was_remembered(memory: Memory) -> None:
    """It waits for what this memory wrote, says why a hit is one, and how far the graph was."""
    kept = await memory.remember(TEXT)
    await memory.remember("The tea is in the kitchen.")

    answer = await memory.recall("north gate lock", k=1)

    assert [(hit.insight_id, hit.text) for hit in answer.hits] == [(kept.insight_id, TEXT)]
    assert answer.position == memory.position
    assert {name: lane.state for name, lane in answer.lanes.items()} == {
        "words": "ok",
        "entities": "empty",
        "meaning": "skipped",
        "associations": "empty",
    }


async def test_recall_answers_as_of_a_moment(memory: Memory) -> None:
    """What was learned later was not known then."""
    first = await memory.remember(TEXT)
    await memory.remember(OTHER)

    answer = await memory.recall("gate lock", as_of=first.position)

    assert [hit.text for hit in answer.hits] == [TEXT]


async def test_recall_refuses_a_scope_without_its_session(memory: Memory) -> None:
    """A lineage is that of a session; a position that is not there yet is none."""
    with pytest.raises(ScopeNeedsSession) as refused:
        await memory.recall("gate", scope="lineage")
    assert refused.value.field == "session_id"
    with pytest.raises(PositionFromFuture):
        await memory.recall("gate", as_of=10)


async def test_think_fans_out_and_consolidates(memory: Memory) -> None:
    """Each branch has its result, the thought its synthesis, and the listener heard every event."""
    heard: list[tuple[int, str]] = []

    def listen(event: Event, position: int) -> None:
        heard.append((position, event.id))

    thought = await memory.think(
        "Secure the gates",
        branches=["the north gate", BranchTask(task="the south gate", role="scout")],
        executor=CallableExecutor(found),
        on_event=listen,
    )

    stored = [(one.position, one.decode().id) async for one in memory.replay()]
    assert [(one.task, one.role, one.status, one.result) for one in thought.branches] == [
        ("the north gate", "focus", "completed", "Found: the north gate."),
        ("the south gate", "scout", "completed", "Found: the south gate."),
    ]
    assert thought.consolidation is not None
    assert sorted(heard) == stored
    assert memory.position == len(stored)


async def test_think_refuses_branches_and_no_branches(memory: Memory) -> None:
    """A thought without a task is none, nor one without branches."""
    with pytest.raises(InputInvalid):
        await memory.think("", count=2)
    with pytest.raises(InputInvalid):
        await memory.think("Secure the gates", count=0)
    with pytest.raises(InputInvalid, match="branches: 3 is no list"):
        await memory.think("Secure the gates", branches=3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]  # As a user might.


async def test_consolidate_cites_every_insight(memory: Memory, session: Session) -> None:
    """What the branches learned is put together under the root."""
    kept: list[str] = []
    for text in (TEXT, OTHER):
        branch = await session.branch(text)
        done = await branch.complete("done", insights=[text])
        kept += done.insight_ids

    made = await memory.consolidate(session.session_id)

    assert made.root_id == session.session_id
    assert sorted(made.sources) == sorted(kept)
    assert (await memory.show_session(session.session_id)).position == made.position


async def test_consolidate_needs_something_learned(memory: Memory, session: Session) -> None:
    """There is nothing to cite where nobody learned anything, and no thought under an unknown id."""
    with pytest.raises(NothingLearned):
        await memory.consolidate(session.session_id)
    with pytest.raises(SessionNotFound):
        await memory.consolidate(new_id())


async def test_cypher_reads_the_graph(memory: Memory) -> None:
    """`$namespace` is this memory's own; rows come by column."""
    kept = await memory.remember(TEXT)

    result = await memory.cypher(
        "MATCH (i:Insight {namespace: $namespace}) RETURN i.id AS id, $more AS more", {"more": 7}
    )

    assert result.model_dump() == {
        "columns": ("id", "more"),
        "rows": [{"id": kept.insight_id, "more": 7}],
        "truncated": False,
    }


async def test_cypher_gives_what_it_gave_then(memory: Memory) -> None:
    """As of a position the query is asked of the graph of that position."""
    first = await memory.remember(TEXT)
    await memory.remember(OTHER)
    counted = "MATCH (i:Insight) RETURN count(i) AS n"

    then = await memory.cypher(counted, as_of=first.position)

    assert then.rows == [{"n": 1}]
    assert (await memory.cypher(counted)).rows == [{"n": 2}]


async def test_cypher_refuses_to_write(memory: Memory) -> None:
    """Memory changes by events only; what is no query is told as such."""
    with pytest.raises(QueryRefused):
        await memory.cypher("CREATE (n:Insight)")
    with pytest.raises(CypherInvalid):
        await memory.cypher("RETURN 'no end")


async def test_show_session_as_it_is_and_was(memory: Memory, session: Session) -> None:
    """With its working memory and insights; before its first event it was not there."""
    before = (await session.note("gate", "north")).position
    kept = await session.remember(TEXT)

    now = await memory.show_session(session.session_id)
    then = await memory.show_session(session.session_id, as_of=before)

    assert now.working_memory == then.working_memory == {"gate": "north"}
    assert [one.insight_id for one in now.insights or ()] == [kept.insight_id]
    assert (now.position, then.position, then.insights) == (kept.position, before, ())
    with pytest.raises(SessionNotFound):
        await memory.show_session(session.session_id, as_of=0)


async def test_list_sessions_gives_the_newest_first(memory: Memory, session: Session) -> None:
    """Those of one thought, or of one status, or the newest few."""
    other = await memory.open_session("Make tea")
    branch = await session.branch("Oil it")
    await other.close()

    all_of_them = await memory.list_sessions()
    thought = await memory.list_sessions(root_id=session.session_id)
    last_of_it = await memory.list_sessions(root_id=session.session_id, limit=1)
    open_of_it = await memory.list_sessions(root_id=session.session_id, status="open")
    closed = await memory.list_sessions(status="closed")
    newest = await memory.list_sessions(limit=1)

    assert [one.session_id for one in all_of_them] == [
        branch.session_id,
        other.session_id,
        session.session_id,
    ]
    assert [one.session_id for one in thought] == [branch.session_id, session.session_id]
    assert [one.session_id for one in last_of_it] == [branch.session_id]
    assert [one.session_id for one in open_of_it] == [session.session_id]
    assert [one.session_id for one in closed] == [other.session_id]
    assert [one.session_id for one in newest] == [branch.session_id]


async def test_sessions_of_single_insights_are_listed_when_asked_for(memory: Memory) -> None:
    """The session that `remember` opens for itself is left out of a list of sessions."""
    session = await memory.open_session("Make tea")
    kept = await memory.remember("The kettle is red")

    listed = await memory.list_sessions()
    every = await memory.list_sessions(remembered=True)
    own = await memory.list_sessions(root_id=kept.session_id)

    assert [one.session_id for one in listed] == [session.session_id]
    assert [one.session_id for one in every] == [kept.session_id, session.session_id]
    assert [one.session_id for one in own] == [kept.session_id]


async def test_list_sessions_refuses_a_limit_of_none(memory: Memory) -> None:
    """The error names the field."""
    with pytest.raises(InputInvalid) as refused:
        await memory.list_sessions(limit=0)

    assert refused.value.field == "limit"


async def test_a_thought_of_many_sessions_is_given_whole(
    memory: Memory, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tree is read page after page: no session is cut off, least of all the root."""
    monkeypatch.setattr(sessions, "PAGE", 2)
    for number in range(5):
        await session.branch(f"Oil {number}")

    tree = await memory.session_tree(session.session_id)

    assert [one.task for one in tree] == [
        "Look after the lock",
        *(f"Oil {number}" for number in range(5)),
    ]


async def test_session_tree_gives_parents_before_branches(memory: Memory, session: Session) -> None:
    """From whichever session of the thought it is asked; also as it was."""
    branch = await session.branch("Oil it")
    await branch.branch("Find oil")

    whole = await memory.session_tree(branch.session_id)
    then = await memory.session_tree(session.session_id, as_of=branch.position)

    assert [one.task for one in whole] == ["Look after the lock", "Oil it", "Find oil"]
    assert [one.task for one in then] == ["Look after the lock", "Oil it"]
    with pytest.raises(SessionNotFound):
        await memory.session_tree(new_id())


async def test_replay_reads_events_again(memory: Memory, session: Session) -> None:
    """All of the namespace, a stretch, or a session's, in order."""
    noted = await session.note("gate", "north")
    other = await memory.open_session("Make tea")

    everything = [one.position async for one in memory.replay()]
    stretch = [one.position async for one in memory.replay(after=1, to=2)]
    own = [one.position async for one in memory.replay(session_id=session.session_id)]
    quick = [one.position async for one in memory.replay(speed=1000.0)]

    assert everything == quick == [1, noted.position, other.position] == [1, 2, 3]
    assert stretch == [2]
    assert own == [1, 2]


async def test_replay_refuses_what_is_not_there(memory: Memory) -> None:
    """A position of the future, an end before the beginning, an unknown session, no speed."""
    await memory.remember("The gate is open")
    with pytest.raises(InputInvalid, match="to: 1 is earlier than after, which is 2"):
        await anext(memory.replay(after=2, to=1))
    with pytest.raises(PositionFromFuture):
        await anext(memory.replay(to=3))
    with pytest.raises(SessionNotFound):
        await anext(memory.replay(session_id=new_id()))
    with pytest.raises(InputInvalid):
        await anext(memory.replay(speed=0))


async def test_follow_gives_events_as_they_happen(memory: Memory, session: Session) -> None:
    """After a position those since come first, then each new one; other namespaces' are not told."""
    events = memory.follow(after=0)
    first = await anext(events)
    await session.note("gate", "north")

    second = await anext(events)

    assert (first.position, second.position) == (1, 2)
    with pytest.raises(PositionFromFuture):
        await anext(memory.follow(after=100))


async def test_wait_for_returns_where_the_graph_is(memory: Memory) -> None:
    """A position that the log does not have is no reason to wait."""
    kept = await memory.remember(TEXT)

    reached = await memory.wait_for(kept.position, timeout_s=PATIENCE_S)

    assert reached == kept.position
    with pytest.raises(PositionFromFuture):
        await memory.wait_for(kept.position + 1)


@pytest.mark.parametrize("memory", ["async"], indirect=True)  # Its loop is the one that runs here.
async def test_wait_for_ends_with_its_time(memory: Memory, session: Session) -> None:
    """A graph that nobody fills reaches nothing."""
    await memory.wait_for(session.position, timeout_s=PATIENCE_S)
    projecting = namespace_of(memory).backend.projecting  # It is stopped.
    assert projecting is not None
    await projecting.__aexit__(None, None, None)
    await session.note("gate", "north")

    with pytest.raises(WaitTimedOut, match="is at 1, not yet at 2"):
        await memory.wait_for(2, timeout_s=0.05)


async def test_status_says_where_log_and_graph_are(memory: Memory) -> None:
    """Positions, lag, owner, and the namespace that was asked for."""
    kept = await memory.remember(TEXT)
    await memory.wait_for(kept.position, timeout_s=PATIENCE_S)

    status = await memory.status()

    assert (status.log.first, status.log.last, status.graph.position) == (1, 2, 2)
    assert (status.lag.events, status.dead_letters, status.namespace) == (0, 0, "default")
    assert status.home == str(memory.settings.home)


async def test_namespaces_do_not_see_each_other(memory: Memory) -> None:
    """A second memory on the same home, of another namespace, joins and recalls nothing of ours."""
    kept = await memory.remember(TEXT)
    settings = memory.settings

    async with Memory.open(settings=settings, namespace="lab") as lab:
        theirs = await lab.recall("north gate lock")
        with pytest.raises(SessionNotFound):
            await lab.session(kept.session_id)

    assert theirs.hits == []


async def test_a_moment_may_be_a_time(memory: Memory) -> None:
    """Before the first event nothing was known."""
    await memory.remember(TEXT)

    answer = await memory.recall("gate", as_of=datetime(2000, 1, 1, tzinfo=UTC))

    assert answer.hits == []
