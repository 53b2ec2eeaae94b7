"""The public face of a memory and its sessions, asked by both faces: right value, main error."""

from __future__ import annotations

import io
import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from anabranch.errors import EventNotFound, InputInvalid, MemoryNotOpen, PositionFromFuture
from anabranch_events import new_id
from anabranch_events.event.types import InsightCited, Outcome
from anabranch_thinking import (
    BranchTask,
    CallableExecutor,
    Finding,
    InsightDraft,
    InsightNotFound,
    NothingLearned,
)
from anabranch_thinking.errors import SessionEnded, SessionNotFound
from tests.support.faces import FACES, opened

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from anabranch import Memory
    from anabranch.settings import Settings
    from anabranch_events import Recorded

pytestmark = pytest.mark.timeout(900)


async def types(events: AsyncIterator[Recorded]) -> list[str]:
    """Return the types of events, without the prefix and the version."""
    return [one.decode().type.removeprefix("anabranch.")[:-3] async for one in events]


async def test_a_session_opens_with_its_task(either: Memory) -> None:
    """The handle knows where it stands, and shows what it was opened with."""
    session = await either.open_session(
        "plan the trip", role="focus", priority="high", attributes={"ticket": 7}
    )

    view = await session.show()
    assert (view.session_id, view.task, view.role) == (session.session_id, "plan the trip", "focus")
    assert (view.priority, view.status, view.root_id) == ("high", "open", session.root_id)
    assert session.position == session.receipt.position == view.position == either.position
    assert (session.parent_id, session.forked_at) == (None, None)


async def test_a_session_without_a_task_is_refused(either: Memory) -> None:
    """Nothing is stored, and the field is named."""
    with pytest.raises(InputInvalid) as caught:
        await either.open_session("")

    assert caught.value.field == "task"
    assert await types(either.replay()) == []


async def test_a_session_is_found_by_its_id(either: Memory) -> None:
    """The handle of an id is the session's; an id that is none is refused, a strange one unknown."""
    session = await either.open_session("plan")
    branch = await session.branch("trains")

    found = await either.session(branch.session_id)

    assert (found.session_id, found.root_id) == (branch.session_id, session.session_id)
    assert (found.parent_id, found.forked_at) == (session.session_id, session.position)
    with pytest.raises(LookupError, match="stored nothing"):
        _ = found.receipt
    with pytest.raises(SessionNotFound):
        await either.session(new_id())
    with pytest.raises(InputInvalid, match="session_id"):
        await either.session("plan")


async def test_what_is_remembered_is_recalled(either: Memory) -> None:
    """The hit is the insight with its session and position, and says why."""
    draft = InsightDraft(text="Ada drinks green tea", kind="preference", tags=("tea",))
    receipt = await either.remember(draft)

    found = await either.recall("What does Ada drink?", after=receipt.position)

    (hit,) = found.hits
    assert (hit.insight_id, hit.session_id) == (receipt.insight_id, receipt.session_id)
    assert (hit.text, hit.kind, hit.position) == (draft.text, "preference", receipt.position)
    assert hit.why.matched


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"tags": "ops"}, "tags"),
        ({"confidence": 2}, "confidence"),
        ({"supersedes": "abc"}, "supersedes"),
        ({"session_id": "abc"}, "session_id"),
    ],
)
async def test_an_insight_that_breaks_a_rule_is_refused(
    either: Memory, fields: Any, field: str
) -> None:
    """The error names the field, and nothing is stored."""
    with pytest.raises(InputInvalid) as caught:
        await either.remember("Ada drinks tea", **fields)

    assert caught.value.field == field
    assert await types(either.replay()) == []


async def test_an_insight_takes_the_place_of_another(either: Memory) -> None:
    """The older one is found only on request; one that does not exist cannot be replaced."""
    old = await either.remember("The port is 5432")
    new = await either.remember("The port is 5433", supersedes=[old.insight_id])

    now = await either.recall("Which port?")
    ever = await either.recall("Which port?", include_retired=True)

    assert [hit.insight_id for hit in now.hits] == [new.insight_id]
    assert {hit.insight_id for hit in ever.hits} == {new.insight_id, old.insight_id}
    with pytest.raises(InsightNotFound):
        await either.remember("The port is 5434", supersedes=[new_id()])


async def test_recall_answers_as_of_a_position(either: Memory) -> None:
    """Nothing from later counts; a position that the log has not reached is refused."""
    first = await either.remember("The port is 5432")
    await either.remember("The port of the cache is 6379")

    then = await either.recall("Which port?", as_of=first.position)

    assert [hit.insight_id for hit in then.hits] == [first.insight_id]
    with pytest.raises(PositionFromFuture):
        await either.recall("Which port?", as_of=first.position + 10_000)
    with pytest.raises(InputInvalid, match="session"):
        await either.recall("Which port?", scope="lineage")


async def test_a_context_is_memory_for_a_prompt(either: Memory) -> None:
    """Consolidations come first, then insights, the most recent of two that differ first."""
    root = await either.open_session("How do we get to Brisa?")
    learned: list[str] = []
    for text in ("The train to Brisa leaves at nine", "The ferry to Brisa is cheapest"):
        branch = await root.branch(text)
        learned += (await branch.complete("found", insights=[text])).insight_ids
    synthesis = await either.consolidate(root.session_id)
    older = await either.remember("The harbour of Brisa has 3 piers")
    newer = await either.remember("The harbour of Brisa has 4 piers")

    known = await either.context("What do we know of Brisa?", tokens=400, after=newer.position)
    brief = await either.context("What do we know of Brisa?", tokens=12)
    narrow = await either.context(
        "What do we know of Brisa?", session_id=root.session_id, scope="session"
    )
    none = await either.context("What do we know of Brisa?", agent="nobody")

    cited = {one.n: one.insight_id for one in known.citations}
    lines = known.text.splitlines()
    assert known.consolidations == (synthesis.consolidation_id,)
    assert lines[0] == "Consolidated:"
    assert set(cited.values()) == {*learned, older.insight_id, newer.insight_id}
    assert known.text.index("4 piers") < known.text.index("3 piers")
    assert {int(n) for n in re.findall(r"\[(\d+)\]", known.text)} == set(cited)
    assert known.tokens <= 400
    assert brief.text.endswith("…")
    assert (brief.consolidations, len(brief.citations), brief.left_out) == ((), 1, 3)
    assert brief.tokens <= 12
    assert (narrow.text, narrow.nothing_close) == ("", False)
    assert (none.text, none.citations, none.left_out) == ("", (), 0)
    with pytest.raises(InputInvalid) as caught:
        await either.context("Brisa?", tokens=0)
    assert caught.value.field == "tokens"


async def test_a_context_knows_what_was_superseded_and_what_conflicts(either: Memory) -> None:
    """What no longer holds is behind what does; what was forgotten is in no consolidation."""
    old = await either.remember("The keeper of Gull Point is Ada")
    new = await either.update(old.insight_id, "The keeper of Gull Point is Ben")
    root = await either.open_session("Gull Point")
    for text in ("The lamp of Gull Point is green", "The horn of Gull Point is loud"):
        last = await (await root.branch(text)).complete("seen", insights=[text])
    await either.consolidate(root.session_id)

    now = await either.context("Who is the keeper of Gull Point?", include_retired=True)
    then = await either.context("Who is the keeper of Gull Point?", as_of=old.position)
    await either.forget(last.insight_ids[0])
    after = await either.context("Who is the keeper of Gull Point?")

    lines = [line for line in now.text.splitlines() if "keeper" in line]
    first, second = (re.sub(r"^\[\d+\] | \(\d{4}-\d\d-\d\d", "", line) for line in lines)
    number = next(one.n for one in now.citations if one.insight_id == new.insight_id)
    assert first == "The keeper of Gull Point is Ben)"
    assert second == f"The keeper of Gull Point is Ada; superseded by [{number}])"
    assert [one.insight_id for one in then.citations] == [old.insight_id]
    assert len(now.consolidations) == 1
    assert (after.consolidations, "horn" in after.text) == ((), False)


async def test_a_citation_names_the_recall_it_stands_on(either: Memory) -> None:
    """Each answer has an id of its own, and the event of a citation keeps it."""
    fact = await either.remember("Ada drinks green tea")
    found = await either.recall("What does Ada drink?", after=fact.position)
    again = await either.context("What does Ada drink?")

    cited = await either.cite([fact.insight_id], outcome="confirmed", recall_id=found.recall_id)

    event = (await either.past.event(cited.position)).decode()
    assert found.recall_id is not None
    assert event.data == InsightCited(
        insight_ids=(fact.insight_id,), outcome=Outcome.CONFIRMED, recall_id=found.recall_id
    )
    assert again.recall_id not in {found.recall_id, None}
    with pytest.raises(InputInvalid) as caught:
        await either.cite([fact.insight_id], recall_id="yesterday's")
    assert caught.value.field == "recall_id"


async def test_a_thought_runs_its_branches(either: Memory) -> None:
    """Each branch runs the executor on its own task, and the consolidation cites what they say."""

    async def answer(branch: Any) -> Finding:
        text = f"The {branch.task} leaves at nine"
        return Finding(result=text, insights=(InsightDraft(text=text),))

    heard: list[str] = []
    thought = await either.think(
        "When do they leave?",
        branches=["train", BranchTask(task="ferry", role="risk analysis")],
        executor=CallableExecutor(answer),
        on_event=lambda event, _position: heard.append(event.type),
    )

    assert [one.result for one in thought.branches] == [
        "The train leaves at nine",
        "The ferry leaves at nine",
    ]
    assert thought.consolidation is not None
    assert len(thought.consolidation.sources) == thought.total_branches == 2
    assert heard.count("anabranch.branch.completed.v1") == 2
    with pytest.raises(InputInvalid, match="count"):
        await either.think("When?", count=0)


async def test_a_thought_is_consolidated_again(either: Memory) -> None:
    """What its branches learned is cited; where there is nothing, that is an error."""
    root = await either.open_session("plan")
    for name in ("train", "ferry"):
        branch = await root.branch(name)
        await branch.complete(f"by {name}", insights=[f"The {name} leaves at nine"])

    found = await either.consolidate(root.session_id)

    assert len(found.sources) == 2
    empty = await either.open_session("nothing")
    with pytest.raises(NothingLearned):
        await either.consolidate(empty.session_id)


async def test_cypher_reads_the_graph(either: Memory) -> None:
    """A query sees what was just written, in this namespace; one that writes is refused."""
    await either.remember("Ada drinks tea")
    query = "MATCH (i:Insight) WHERE i.namespace = $namespace AND i.text = $text RETURN i.text"

    found = await either.cypher(query, {"text": "Ada drinks tea"})

    assert (found.rows, found.truncated) == ([{"i.text": "Ada drinks tea"}], False)
    with pytest.raises(InputInvalid):
        await either.cypher("CREATE (n)")


async def test_sessions_are_listed_and_shown(either: Memory) -> None:
    """The newest comes first, a thought keeps its own, and its tree begins at the root."""
    root = await either.open_session("plan")
    branch = await root.branch("trains")
    other = await either.open_session("other")

    listed = await either.list_sessions()
    thought = await either.list_sessions(root_id=root.session_id)
    tree = await either.session_tree(branch.session_id)
    then = await either.session_tree(root.session_id, as_of=root.position)
    shown = await either.show_session(branch.session_id)

    ids = [root.session_id, branch.session_id, other.session_id]
    assert [one.session_id for one in listed] == ids[::-1]
    assert [one.session_id for one in thought] == ids[1::-1]
    assert [one.session_id for one in tree] == ids[:2]
    assert [one.session_id for one in then] == ids[:1]
    assert (shown.session_id, shown.parent_id) == (branch.session_id, root.session_id)
    with pytest.raises(InputInvalid, match="limit"):
        await either.list_sessions(limit=0)
    with pytest.raises(SessionNotFound):
        await either.show_session(new_id())
    with pytest.raises(SessionNotFound):
        await either.session_tree(new_id())


async def test_the_log_is_replayed(either: Memory) -> None:
    """Events come in order, of all sessions or of one, between two positions."""
    session = await either.open_session("plan")
    receipt = await session.remember("Ada drinks tea")
    await either.remember("Bob drinks coffee")

    every = await types(either.replay())
    own = await types(either.replay(session_id=session.session_id))
    part = await types(either.replay(after=session.position - 1, to=receipt.position))

    assert every == ["session.opened", "insight.recorded"] * 2
    assert own == ["session.opened", "insight.recorded"]
    assert part == ["insight.recorded"]
    with pytest.raises(PositionFromFuture):
        await types(either.replay(to=receipt.position + 10_000))


async def test_the_log_is_followed(either: Memory) -> None:
    """What has happened since a position comes first, then what happens."""
    before = either.position
    session = await either.open_session("plan")
    events = either.follow(after=before)

    first = await anext(events)
    receipt = await session.remember("Ada drinks tea")
    second = await anext(events)

    assert [first.position, second.position] == [session.position - 1, receipt.position]
    await events.aclose()  # type: ignore[attr-defined]  # Both are generators.


async def test_the_graph_is_waited_for(either: Memory) -> None:
    """The position reached is returned; one from the future is refused."""
    receipt = await either.remember("Ada drinks tea")

    reached = await either.wait_for(receipt.position)

    assert reached >= receipt.position
    with pytest.raises(PositionFromFuture):
        await either.wait_for(receipt.position + 10_000)


async def test_the_status_says_where_the_log_is(either: Memory) -> None:
    """The log's last position is at least the last one written here."""
    receipt = await either.remember("Ada drinks tea")

    status = await either.status()

    assert status.log.last >= receipt.position
    assert status.namespace == either.namespace


async def test_the_graph_has_a_digest_and_letters(either: Memory) -> None:
    """The same events give the same digest; no event was put aside."""
    await either.remember("Ada drinks tea")

    first, second = await either.graph.digest(), await either.graph.digest()
    letters = await either.graph.dead_letters()

    assert first == second
    assert await letters.all() == []
    assert [one.state for one in await either.graph.generations()] == ["live"]


async def test_the_past_is_asked(either: Memory) -> None:
    """The life of an insight, the change since a position, and one event by its position."""
    before = either.position
    receipt = await either.remember("Ada drinks tea")

    life = await either.past.history(receipt.insight_id)
    diff = await either.past.diff(before, receipt.position)
    event = await either.past.event(receipt.position)

    assert [one.position for one in life] == [receipt.position]
    assert (diff.after, diff.to) == (before, await either.past.position_of(receipt.position))
    assert event.decode().session_id == receipt.session_id
    with pytest.raises(EventNotFound):
        await either.past.event(0)


async def test_events_go_out_and_come_in(either: Memory, tmp_path: Path) -> None:
    """What was exported is left out when it is imported where it came from."""
    await either.remember("Ada drinks tea")
    out = io.BytesIO()

    count = await either.transfer.export(out, chained=False)
    lines = out.getvalue().splitlines()
    imported = await either.transfer.import_lines(lines)
    await either.transfer.snapshot(tmp_path / "log.zip")

    assert count == len(lines) == 2
    assert json.loads(lines[1])["data"]["text"] == "Ada drinks tea"
    assert (imported.imported, imported.skipped) == (0, 2)
    assert (tmp_path / "log.zip").stat().st_size > 0


async def test_a_session_learns_notes_and_completes(either: Memory) -> None:
    """The handle moves along with what it stores; after its end it takes no more."""
    session = await either.open_session("plan")
    learned = await session.remember("The train leaves at nine", tags=["rail"])
    noted = await session.note("window", {"from": 9})
    found = await session.recall("When does the train leave?")

    done = await session.complete("by train", insights=["The ferry is full"])

    view = await session.show()
    assert [hit.insight_id for hit in found.hits] == [learned.insight_id]
    assert learned.position < noted.position < done.position == session.position
    assert (view.status, view.result) == ("completed", "by train")
    assert view.working_memory == {"window": {"from": 9}}
    assert [one.insight_id for one in view.insights or ()] == [
        learned.insight_id,
        *done.insight_ids,
    ]
    for call in (
        session.remember("too late"),
        session.note("too", "late"),
        session.complete("again"),
        session.branch("too late"),
    ):
        with pytest.raises(SessionEnded):
            await call


async def test_a_branch_knows_what_its_parent_knew(either: Memory) -> None:
    """What the parent learns after the fork is not in the branch's own line."""
    root = await either.open_session("plan")
    early = await root.remember("The train leaves at nine")
    branch = await root.branch("trains", role="focus", priority="low")
    await root.remember("The train leaves at ten")

    found = await branch.recall("When does the train leave?")

    assert [hit.insight_id for hit in found.hits] == [early.insight_id]
    assert (branch.parent_id, branch.forked_at) == (root.session_id, early.position)


async def test_a_session_is_handed_off(either: Memory) -> None:
    """The heir has the task and the notes, and the session has ended."""
    session = await either.open_session("plan")
    await session.note("window", 9)

    heir = await session.hand_off(summary="ask the ferry", to_agent="bob")

    view, ended = await heir.show(), await session.show()
    assert (view.task, view.agent, view.working_memory) == ("plan", "bob", {"window": 9})
    assert (heir.parent_id, ended.status) == (session.session_id, "handed_off")
    with pytest.raises(SessionEnded):
        await session.hand_off(summary="again")


@pytest.mark.parametrize(
    ("end", "status"), [("fail", "failed"), ("cancel", "cancelled"), ("close", "closed")]
)
async def test_a_session_ends_once(either: Memory, end: str, status: str) -> None:
    """Its status says how, and a second end is refused."""
    session = await either.open_session("plan")

    receipt = await getattr(session, end)("the strike goes on")

    assert (await session.show()).status == status
    assert receipt == session.receipt
    with pytest.raises(SessionEnded):
        await session.close()


@pytest.mark.parametrize("face", FACES)
async def test_a_memory_that_is_closed_says_so(face: str, namespace_settings: Settings) -> None:
    """Its operations, parts and sessions raise MemoryNotOpen; closing it again does nothing."""
    async with opened(face, namespace_settings) as memory:
        await memory.remember("Ada drinks tea")
    await memory.close()

    with pytest.raises(MemoryNotOpen):
        await memory.remember("Bob drinks coffee")
    with pytest.raises(MemoryNotOpen):
        await types(memory.replay())
    with pytest.raises(MemoryNotOpen):
        _ = memory.graph
