"""Insights corrected by both faces: updated, retracted, forgotten, cited, linked, looked up."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from anabranch import Memory
from anabranch.api.context import Context
from anabranch.api.operations import OPERATIONS
from anabranch.errors import InputInvalid, InsightEnded, MemoryNotOpen
from anabranch.memory.memory import namespace_of
from anabranch.memory.namespaces import Namespaces
from anabranch_events import new_event, new_id
from anabranch_events.event.types import InsightSuperseded
from anabranch_thinking import InsightDraft, InsightNotFound
from anabranch_thinking.errors import SessionEnded
from anabranch_thinking.sessions.insights import REMEMBERED_MAX
from tests.support.faces import FACES, opened

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from anabranch.settings import Settings

pytestmark = pytest.mark.timeout(900)


async def test_an_insight_is_looked_up(either: Memory) -> None:
    """All that was recorded of it comes back, with its session, agent and position."""
    session = await either.open_session("plan", agent="ada")
    source = new_id()
    receipt = await session.remember(
        "The train to Basel leaves at nine",
        subject="the timetable",
        kind="fact",
        confidence=0.5,
        tags=["rail"],
        entities=["Basel"],
        sources=[source],
    )

    found = await either.get(receipt.insight_id)

    assert found.recorded_at.tzinfo is not None
    assert found.model_dump(exclude={"recorded_at"}) == {
        "insight_id": receipt.insight_id,
        "text": "The train to Basel leaves at nine",
        "subject": "the timetable",
        "kind": "fact",
        "confidence": 0.5,
        "tags": ("rail",),
        "entities": ("Basel",),
        "sources": (source,),
        "valid_from": None,
        "valid_until": None,
        "session_id": session.session_id,
        "agent": "ada",
        "position": receipt.position,
        "retired": None,
        "retired_reason": None,
        "supersedes": (),
        "superseded_by": (),
    }
    with pytest.raises(InsightNotFound):
        await either.get(new_id())
    with pytest.raises(InputInvalid, match="insight_id"):
        await either.get("abc")


async def test_what_holds_no_longer_is_not_updated_unasked(either: Memory) -> None:
    """The error names the current version, over several steps; a retracted one has none."""
    first = await either.remember("The port is 5432", tags=["ops"])
    second = await either.update(first.insight_id, "The port is 5433")
    third = await either.update(second.insight_id, "The port is 5434")

    with pytest.raises(InsightEnded, match=f"holds {third.insight_id}") as caught:
        await either.update(first.insight_id, "The port is 5435")
    beside = await either.update(first.insight_id, "The port is 6432", anyway=True)
    await either.retract(third.insight_id, "nobody listens")
    with pytest.raises(InsightEnded, match="nobody listens") as retracted:
        await either.update(third.insight_id, "The port is 5436")

    assert caught.value.current == (third.insight_id,)
    assert retracted.value.current == ()
    assert (await either.get(beside.insight_id)).supersedes == (first.insight_id,)


async def test_what_stands_in_an_insights_place_is_what_was_recorded(
    memory_of_commands: Memory,
) -> None:
    """One that was only named is nothing to update; of several that hold all are named."""
    memory = memory_of_commands
    first = await memory.remember("The port is 5432")
    named = new_id()
    data = InsightSuperseded(insight_id=first.insight_id, by=named)
    backend = namespace_of(memory).backend
    event = new_event(data, session_id=first.session_id, namespace=memory.namespace)
    backend.saw(event, (await backend.log.append(event)).position)

    with pytest.raises(InsightEnded) as unknown:
        await memory.update(first.insight_id, "The port is 5433")
    two = [
        await memory.remember(f"The port is 543{each}", supersedes=[first.insight_id])
        for each in (4, 5)
    ]
    with pytest.raises(InsightEnded) as several:
        await memory.update(first.insight_id, "The port is 5433")

    assert unknown.value.current == ()
    assert "remember the text as a new insight" in unknown.value.fix
    assert several.value.current == tuple(each.insight_id for each in two)
    assert several.value.fix.startswith("update the one that is meant")
    assert f"hold {two[0].insight_id} and {two[1].insight_id}" in several.value.message


async def test_an_insight_is_updated(either: Memory) -> None:
    """The new text takes the old one's place with kind, tags and subject, in one batch."""
    old = await either.remember("The port is 5432", kind="fact", tags=["ops"], subject="postgres")

    new = await either.update(old.insight_id, "The port is 5433", confidence=0.9)

    hits = (await either.recall("Which port?")).hits
    before, after = await either.get(old.insight_id), await either.get(new.insight_id)
    assert [hit.insight_id for hit in hits] == [new.insight_id]
    assert (after.text, after.kind, after.tags) == ("The port is 5433", "fact", ("ops",))
    assert after.subject == "postgres"
    assert (after.confidence, after.supersedes) == (0.9, (old.insight_id,))
    assert (before.retired, before.superseded_by) == (new.position, (new.insight_id,))
    draft = InsightDraft(text="The port is 5434")
    plain = await either.get((await either.update(new.insight_id, draft)).insight_id)
    assert (plain.kind, plain.tags) == ("observation", ())
    with pytest.raises(InsightNotFound):
        await either.update(new_id(), "The port is 5435")


async def test_associations_lead_on(either: Memory) -> None:
    """From an insight, and from the hits of a recall, over as many links as are asked for."""
    ids = [
        (await either.remember(text)).insight_id
        for text in ("The port is 5432", "A firewall stands before it", "Ben holds the keys")
    ]
    await either.associate(ids[0], ids[1], kind="explains", weight=0.5)
    last = await either.associate(ids[1], ids[2], kind="explains", weight=0.5)

    near = await either.associations(ids[0])
    far = await either.associations(ids[0], spread=2)
    found = await either.recall("Which port?", k=1, spread=2, after=last.position)
    plain = await either.recall("Which port?", k=1)

    assert [one.insight_id for one in near] == ids[1:2]
    assert [one.insight_id for one in far] == ids[1:]
    assert [hit.insight_id for hit in found] == ids[:1]
    assert [one.insight_id for one in found.associated] == ids[1:]
    assert found.lanes["spread"].state == "ok"
    assert plain.associated == ()
    with pytest.raises(InputInvalid, match="spread"):
        await either.recall("Which port?", spread=5)
    with pytest.raises(InputInvalid, match="spread"):
        await either.associations(ids[0], spread=0)
    with pytest.raises(InputInvalid, match="limit"):
        await either.associations(ids[0], limit=51)
    with pytest.raises(InsightNotFound):
        await either.associations(new_id())


async def test_an_insight_is_retracted(either: Memory) -> None:
    """Recall leaves it out, unless asked for it; the reason stays."""
    kept = await either.remember("The port is 5432")

    receipt = await either.retract(kept.insight_id, "it was a typo")

    found = await either.get(kept.insight_id)
    retired = (await either.recall("Which port?", include_retired=True)).hits
    assert (found.retired, found.retired_reason) == (receipt.position, "it was a typo")
    assert (await either.recall("Which port?")).hits == []
    assert [hit.insight_id for hit in retired] == [kept.insight_id]
    assert receipt.session_id == kept.session_id
    with pytest.raises(InsightNotFound):
        await either.retract(new_id(), "it was a typo")
    with pytest.raises(InputInvalid, match="reason"):
        await either.retract(kept.insight_id, "")


async def test_an_insight_is_forgotten(either: Memory) -> None:
    """Its text is nowhere, not even where what is retired is asked for."""
    kept = await either.remember("The port is 5432", tags=["secret"])

    receipt = await either.forget(kept.insight_id, receipt="ticket 7")

    found = await either.get(kept.insight_id)
    assert (found.text, found.tags, found.retired) == (None, (), receipt.position)
    assert (await either.recall("Which port?", include_retired=True)).hits == []
    with pytest.raises(InsightNotFound):
        await either.forget(new_id())


async def test_insights_are_linked_cited_and_unlinked(either: Memory) -> None:
    """Recall says of a hit what it is associated with; a citation makes that stronger."""
    one = await either.remember("The train leaves at nine")
    other = await either.remember("The ferry is full on Sundays")

    await either.associate(one.insight_id, other.insight_id, weight=0.5)
    linked = (await either.recall("When does the train leave?")).hits[0]
    await either.cite([one.insight_id, other.insight_id], outcome="confirmed")
    cited = (await either.recall("When does the train leave?")).hits[0]
    await either.sever(one.insight_id, other.insight_id)
    severed = (await either.recall("When does the train leave?")).hits[0]

    weights = [each.why.associations[0].weight for each in (linked, cited)]
    assert linked.insight_id == cited.insight_id == one.insight_id
    assert linked.why.associations[0].insight_id == other.insight_id
    assert weights[0] < weights[1]
    assert severed.why.associations == ()
    with pytest.raises(InputInvalid, match="outcome"):
        await either.cite([one.insight_id], outcome="liked")
    with pytest.raises(InputInvalid, match="insight_ids"):
        await either.cite(one.insight_id)
    with pytest.raises(InputInvalid, match="association"):
        await either.associate(one.insight_id, one.insight_id)
    with pytest.raises(InsightNotFound):
        await either.sever(one.insight_id, new_id())


async def test_many_are_remembered_at_once(either: Memory) -> None:
    """They stand one behind the other in one session; a bad one among them keeps all out."""
    session = await either.open_session("plan")
    drafts: list[InsightDraft | str] = [
        "The train leaves at nine",
        InsightDraft(text="The ferry is full", tags=("sea",)),
    ]

    alone = await either.remember_all(drafts)
    inside = await session.remember_all(drafts)

    ids = (*alone.insight_ids, *inside.insight_ids)
    found = [await either.get(one) for one in ids]
    assert [one.text for one in found[:2]] == [one.text for one in found[2:]]
    assert [one.position for one in found] == [
        alone.position - 1,
        alone.position,
        inside.position - 1,
        inside.position,
    ]
    assert [one.session_id for one in found[2:]] == [session.session_id] * 2
    last = either.position
    for bad in ([], ["fine", ""], "text", ["x"] * (REMEMBERED_MAX + 1)):
        with pytest.raises(InputInvalid):
            await either.remember_all(bad)
    assert either.position == last
    assert len((await either.remember_all(["x"] * REMEMBERED_MAX)).insight_ids) == REMEMBERED_MAX


async def test_a_session_works_in_the_name_of_its_agent(either: Memory) -> None:
    """What a handle stores carries its agent, and so do its branches that name no other."""
    session = await either.open_session("plan", agent="ada")
    branch = await session.branch("trains")
    other = await session.branch("ferries", agent="bob")
    await session.note("a", 1)
    await other.note("a", 1)
    again = await either.session(branch.session_id, agent="cy")
    await again.note("a", 1)

    agents = [one.decode().agent async for one in either.replay()]

    assert agents == ["ada", "ada", "bob", "ada", "bob", "cy"]


async def test_a_block_ends_its_session(either: Memory) -> None:
    """It is closed at the end, failed by an error, cancelled by a cancellation."""
    async with await either.open_session("plan") as closed:
        await closed.note("a", 1)
        await closed.clear_note("a")
    async with await either.open_session("plan") as completed:
        await completed.complete("by train")
    failed, cancelled = await either.open_session("plan"), await either.open_session("plan")
    with pytest.raises(LookupError):
        async with failed:
            raise LookupError("no train")
    with pytest.raises(asyncio.CancelledError):
        async with cancelled:
            raise asyncio.CancelledError

    views = [await one.show() for one in (closed, completed, failed, cancelled)]
    assert [one.status for one in views] == ["closed", "completed", "failed", "cancelled"]
    assert [one.error for one in views[2:]] == ["LookupError: no train", "CancelledError"]
    assert views[0].working_memory == {}
    with pytest.raises(SessionEnded):
        await closed.clear_note("a")


async def test_commands_correct_memory_too(
    memory_of_commands: Memory, namespace_settings: Settings
) -> None:
    """Each operation of the table stands on the same functions, and answers with its model."""
    table = {one.name: one for one in OPERATIONS}
    namespaces = Namespaces(namespace_of(memory_of_commands).backend)

    async def ask(name: str, key: str = "a", **fields: object) -> dict[str, object]:
        context = Context(namespaces.of(namespace_settings.namespace), key=key)
        request = table[name].request.model_validate(fields)
        answer = await table[name].run(context, request)
        assert type(answer) is table[name].answer
        return answer.model_dump(mode="json")

    many = await ask(
        "remember_all", insights=["The port is 5432", "The cache is red", "The door is red"]
    )
    ids = many["insight_ids"]
    assert isinstance(ids, list)
    port, cache, door = ids
    known = await ask("context", query="Which port?", tokens=50)
    updated = await ask("update", insight_id=port, text="The port is 5433")
    own = await ask("open_session", task="count the doors")
    owner = own["session_id"]
    replaced = await ask("update", insight_id=door, text="The door is blue", session_id=owner)
    await ask("close", session_id=owner)
    asked = [
        await ask("associate", from_id=cache, to_id=port),
        await ask("cite", insight_ids=[cache]),
        await ask("sever", from_id=cache, to_id=port),
        await ask("retract", insight_id=cache, reason="it is blue"),
        await ask("forget", insight_id=port),
    ]

    assert str(known["text"]).startswith("[1] The port is 5432 (")
    assert updated == await ask("update", insight_id=port, text="The port is 5433")
    assert replaced == await ask(
        "update", insight_id=door, text="The door is blue", session_id=owner
    )
    assert asked[1] == await ask("cite", insight_ids=[cache])
    assert (await ask("get", insight_id=port))["text"] is None
    assert (await ask("get", insight_id=port))["superseded_by"] == [updated["insight_id"]]
    assert (await ask("get", insight_id=cache))["retired_reason"] == "it is blue"


@pytest.fixture
async def memory_of_commands(namespace_settings: Settings) -> AsyncIterator[Memory]:
    """Open a memory; its operations are asked as a surface asks them."""
    async with Memory.open(settings=namespace_settings) as memory:
        yield memory


@pytest.mark.parametrize("face", FACES)
async def test_what_stands_on_a_closed_memory_says_so(
    face: str, namespace_settings: Settings
) -> None:
    """Sessions and parts that were taken before the end raise MemoryNotOpen after it."""
    async with opened(face, namespace_settings) as memory:
        session = await memory.open_session("plan")
        past, graph, transfer = memory.past, memory.graph, memory.transfer

    for call in (
        session.note("a", 1),
        session.recall("tea"),
        session.show(),
        past.event(1),
        graph.digest(),
        transfer.import_lines([]),
    ):
        with pytest.raises(MemoryNotOpen):
            await call


async def test_a_memory_is_awaited_and_closed(namespace_settings: Settings) -> None:
    """Where no block fits `await` opens it, and it may be opened again."""
    memory = await Memory.open(settings=namespace_settings)
    receipt = await memory.remember("Ada drinks tea")
    await memory.close()
    await memory.close()

    async with memory as same:
        found = await same.get(receipt.insight_id)

    assert same is memory
    assert found.text == "Ada drinks tea"


async def test_answers_have_a_length_and_are_iterated(either: Memory) -> None:
    """A recollection gives its hits, and a query's result its rows."""
    receipt = await either.remember("Ada drinks tea")

    found = await either.recall("What does Ada drink?")
    rows = await either.cypher("MATCH (i:Insight) WHERE i.namespace = $namespace RETURN i.id AS id")

    assert [hit.insight_id for hit in found] == [receipt.insight_id]
    assert (len(found), len(rows)) == (1, 1)
    assert list(rows) == [{"id": receipt.insight_id}]


async def test_a_moment_is_a_position_or_a_time(either: Memory) -> None:
    """A text is read as the command line reads it; anything else is refused, and named."""
    receipt = await either.remember("Ada drinks tea")

    then = [await either.recall("tea", as_of=one) for one in (str(receipt.position), "2026-01-01")]

    assert [len(one) for one in then] == [1, 0]
    bad: tuple[Any, ...] = (True, b"1", 1.5, "yesterday")
    for one in bad:
        with pytest.raises(InputInvalid, match="as_of"):
            await either.recall("tea", as_of=one)
    text: Any = b"Ada drinks tea"
    with pytest.raises(InputInvalid, match="text"):
        await either.remember(text)
    with pytest.raises(InputInvalid, match="text"):
        await either.recall(text)


async def test_a_traceback_shows_what_to_do(either: Memory) -> None:
    """The fix is a note on the error."""
    with pytest.raises(InsightNotFound) as caught:
        await either.get(new_id())

    assert caught.value.__notes__ == [f"To fix it: {caught.value.fix}"]
