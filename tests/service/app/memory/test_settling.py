"""Memory settled by hand, by both faces: the report, conflicts and their resolution, profiles."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from anabranch.errors import ConflictNotFound, InputInvalid, PositionFromFuture
from anabranch_thinking.errors import NothingLearned
from tests.support.settled import CHANGED, OPPOSED, SAID_AGAIN

if TYPE_CHECKING:
    from anabranch import Memory

KINDS = ("restated", "superseded", "conflicts")

pytestmark = pytest.mark.timeout(900)


async def _learned(memory: Memory, texts: tuple[str, str]) -> tuple[str, str]:
    older, newer = [(await memory.remember(text.format(7))).insight_id for text in texts]
    return older, newer


async def test_a_dry_run_says_what_settling_records(either: Memory) -> None:
    """Both find the same; only the one records it, and once."""
    same = await _learned(either, SAID_AGAIN)
    changed = await _learned(either, CHANGED)
    opposed = await _learned(either, OPPOSED)
    before = (await either.status()).log.last

    planned = await either.settle(dry_run=True)
    assert (await either.status()).log.last == before
    settled = await either.settle()

    assert planned.model_dump(exclude={"recorded"}) == settled.model_dump(exclude={"recorded"})
    assert (planned.recorded, settled.recorded, settled.insights) == (False, True, 6)
    assert [set(one.sources) for one in settled.restated] == [set(same)]
    assert [(one.older, one.newer) for one in settled.superseded] == [changed]
    assert [(one.older, one.newer) for one in settled.conflicts] == [opposed]
    assert (await either.settle()).insights == 0
    assert (await either.get(changed[0])).superseded_by == (changed[1],)
    again = await either.settle(since=0)
    assert (again.restated, again.superseded, again.conflicts) == ((), (), ())


async def test_settling_joins_no_branch(either: Memory) -> None:
    """An open branch retires nothing in its parent's line, settled or not: only a join does."""
    first, again = (text.format(7) for text in SAID_AGAIN)
    root = await either.open_session("Look at it")
    await root.remember(first)
    green = await root.remember("The gate is painted green")
    branch = await root.branch("Look closer")
    await branch.remember("The gate is painted red", supersedes=[green.insight_id])
    await branch.remember(again)

    settled = await either.settle()
    hits = (await root.recall("Which colour has the gate?", scope="lineage")).hits

    assert len(settled.restated) == 1
    assert hits[0].insight_id == green.insight_id


async def test_who_was_overtaken_goes_on(either: Memory) -> None:
    """Of three that settle at once none fails, and each fact is recorded once."""
    for texts in (SAID_AGAIN, CHANGED, OPPOSED):
        await _learned(either, texts)

    found = await asyncio.gather(*(either.settle() for _ in range(3)))

    assert [sum(len(getattr(one, kind)) for one in found) for kind in KINDS] == [1, 1, 1]
    assert len(await either.conflicts()) == 1


async def test_a_conflict_stands_beside_a_hit_until_it_is_decided(either: Memory) -> None:
    """Recall shows it, as of a moment; the decision keeps who and why, and the other one ends."""
    older, newer = await _learned(either, OPPOSED)
    await either.settle()
    [found] = await either.conflicts()

    beside = await either.recall("limit of gateway number 7")
    receipt = await either.resolve_conflict(found.position, "measured again", holds=newer)
    after = await either.recall("limit of gateway number 7")

    assert {hit.insight_id: [one.insight_id for one in hit.conflicts] for hit in beside} == {
        older: [newer],
        newer: [older],
    }
    assert [(hit.insight_id, hit.conflicts) for hit in after] == [(newer, ())]
    then = await either.recall("limit of gateway number 7", as_of=receipt.position - 1)
    assert [len(hit.conflicts) for hit in then] == [1, 1]
    assert await either.conflicts() == []
    shown = await either.conflict(found.position)
    assert (shown.decision, shown.resolved) == ("measured again", receipt.position)
    assert {shown.one.insight_id, shown.other.insight_id} == {older, newer}
    assert shown.opened_by == "consolidator"
    with pytest.raises(InputInvalid, match="was resolved"):
        await either.resolve_conflict(found.position, "again")


async def test_of_two_decisions_at_once_one_counts(either: Memory) -> None:
    """The second one hears that the conflict was resolved: never do both insights go."""
    await _learned(either, OPPOSED)
    await either.settle()
    [found] = await either.conflicts()

    ended = await asyncio.gather(
        either.resolve_conflict(found.position, "measured again", holds=found.one),
        either.resolve_conflict(found.position, "asked again", holds=found.other),
        return_exceptions=True,
    )

    [refused] = [each for each in ended if isinstance(each, BaseException)]
    assert isinstance(refused, InputInvalid)
    assert "was resolved" in refused.message
    assert len(await either.recall("limit of gateway number 7")) == 1


async def test_a_decision_sent_again_is_no_second_one(either: Memory) -> None:
    """After a lost answer the same words for the same insight have the receipt of the first."""
    older, newer = await _learned(either, OPPOSED)
    other = [(await either.remember(text.format(8))).insight_id for text in reversed(OPPOSED)]
    await either.settle()
    conflicts = {frozenset((one.one, one.other)): one for one in await either.conflicts()}
    held, both = conflicts[frozenset((older, newer))], conflicts[frozenset(other)]

    first = await either.resolve_conflict(held.position, "measured again", holds=newer)
    kept = await either.resolve_conflict(both.position, "each is right")
    again = await asyncio.gather(
        *(either.resolve_conflict(held.position, "measured again", holds=newer) for _ in range(2)),
        either.resolve_conflict(both.position, "each is right"),
    )

    assert again == [first, first, kept]
    assert (await either.past.history(newer))[-1].position == first.position + 2
    for position, decision, holds in (
        (held.position, "measured again", older),
        (held.position, "measured again", None),
        (held.position, "asked again", newer),
        (both.position, "each is right", other[0]),
    ):
        with pytest.raises(InputInvalid, match="was resolved"):
            await either.resolve_conflict(position, decision, holds=holds)


async def test_of_the_same_decision_twice_at_once_both_have_one_receipt(either: Memory) -> None:
    """A client that does not wait for its first answer decides once."""
    await _learned(either, OPPOSED)
    await either.settle()
    [found] = await either.conflicts()

    one, same = await asyncio.gather(
        *(
            either.resolve_conflict(found.position, "measured again", holds=found.one)
            for _ in range(2)
        )
    )

    assert one == same


async def test_what_a_decision_says_holds_is_confirmed(either: Memory) -> None:
    """The citation is in the batch, with the recall that had it; where both stay there is none."""
    older, newer = await _learned(either, OPPOSED)
    await either.settle()
    [found] = await either.conflicts()
    asked = await either.recall("limit of gateway number 7")

    with pytest.raises(InputInvalid, match="recall_id"):
        await either.resolve_conflict(found.position, "both", recall_id=asked.recall_id)
    receipt = await either.resolve_conflict(
        found.position, "measured again", holds=newer, recall_id=asked.recall_id
    )

    cited = (await either.past.history(newer))[-1]
    assert (cited.type, cited.position) == ("anabranch.insight.cited.v1", receipt.position + 2)
    assert cited.session_id == receipt.session_id
    assert "confirmed" in cited.happened
    assert (await either.get(older)).superseded_by == (newer,)


async def test_what_is_asked_of_conflicts_is_checked(either: Memory) -> None:
    """A position without a conflict, a third insight and a moment to come are refused."""
    await _learned(either, OPPOSED)
    await either.settle()
    [found] = await either.conflicts()

    with pytest.raises(ConflictNotFound):
        await either.conflict(found.position + 1)
    with pytest.raises(InputInvalid, match="neither of the two"):
        await either.resolve_conflict(found.position, "no", holds="another")
    with pytest.raises(PositionFromFuture):
        await either.settle(since=10_000_000)


async def test_a_profile_has_what_holds_then(either: Memory) -> None:
    """What names it or is about it stands there with its source, as of a moment."""
    first = await either.remember("The gate in Basel is closed at night.", entities=["Basel"])
    about = await either.remember("Its bridges were built by hand.", subject="basel")
    await either.remember("The harbour of Genoa is deep.", entities=["Genoa"])
    await either.retract(first.insight_id, "it is open now")

    now = await either.about("Basel")
    then = await either.about("basel", as_of=about.position)

    assert [one.insight_id for one in now.insights] == [about.insight_id]
    assert [one.insight_id for one in then.insights] == [about.insight_id, first.insight_id]
    assert now.insights[0].session_id == about.session_id
    unknown = await either.about("Atlantis")
    assert (unknown.insights, unknown.near, now.near) == ((), (), ())
    assert (await either.about("Basle")).near == ("basel",)
    assert (await either.about("the harbour Genoa")).near == ("Genoa",)
    with pytest.raises(InputInvalid, match="name"):
        await either.about("  ")


async def test_a_profile_has_names_that_open_a_sentence(either: Memory) -> None:
    """They are no entity, since any word may open one; whole words with a capital count."""
    texts = [
        "Xanthippe moved to Uji",
        "Her dog was Zoë",
        "Rose prices fell",
        "X(y) \\E it",
        "田中さん",
    ]
    for text in [*texts, "Xanthippes are ships", "prices rose"]:
        await either.remember(text)

    names = ("xanthippe", "Zoe\u0308", "rose", "X(y) \\E", "田中")
    found = [[one.text for one in (await either.about(name)).insights] for name in names]

    assert found == [[text] for text in texts]


async def test_a_replay_gives_the_same_graph(either: Memory) -> None:
    """All that settling records is in the log: folded again it gives the same digest."""
    for texts in (SAID_AGAIN, CHANGED, OPPOSED):
        await _learned(either, texts)
    await either.settle()

    live = await either.graph.digest()

    assert await either.graph.digest(as_of=(await either.status()).log.last) == live
    assert len(await either.conflicts()) == 1


async def test_a_subject_is_put_together_once(either: Memory) -> None:
    """A name, a session and a time: what holds is cited, conflicts side by side; never twice."""
    older, newer = await _learned(either, OPPOSED)
    session = await either.open_session("Look after the gateway")
    own = await session.remember("The gateway of Basel is old", entities=["Basel"])
    other = await either.remember("Nobody guards the gateway", subject="Basel")
    gone = await either.remember("The gateway is new", entities=["Basel"])
    await either.retract(gone.insight_id, "it is old")
    await either.settle()

    first = await either.synthesise(entity="basel")
    again = await either.synthesise(entity="Basel")
    of_session = await either.synthesise(session_id=session.session_id)
    of_time = await either.synthesise(since=0, until=other.position)

    assert {*first.sources} == {own.insight_id, other.insight_id}
    assert "Basel: Nobody guards the gateway [" in first.text
    assert (again.consolidation_id, again.position) == (first.consolidation_id, first.position)
    assert of_session.sources == (own.insight_id,)
    assert {*of_time.sources} == {older, newer, own.insight_id, other.insight_id}
    one, two = (of_time.sources.index(each) + 1 for each in (older, newer))
    last = of_time.text.splitlines()[-1]
    assert last.startswith("In conflict: ")
    assert f"[{one}]" in last
    assert f"[{two}]" in last
    with pytest.raises(NothingLearned, match="Atlantis"):
        await either.synthesise(entity="Atlantis")
    with pytest.raises(InputInvalid, match="one of them"):
        await either.synthesise(entity="Basel", since=1)
    for since, until in ((3, 2), ("2026-01-02", "2026-01-01")):
        with pytest.raises(InputInvalid, match=r"until: .* is earlier than since, ") as caught:
            await either.synthesise(since=since, until=until)
        assert caught.value.field == "until"
