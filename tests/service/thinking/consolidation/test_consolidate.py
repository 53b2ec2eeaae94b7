"""Consolidation on the real log: cited, linked across sessions, the same when run again."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from anabranch_events import Log, new_id
from anabranch_events.event.types import AssociationFormed, ConsolidationRecorded
from anabranch_recall import Scope
from anabranch_thinking import (
    BranchTask,
    InsightDraft,
    NothingLearned,
    Sessions,
    consolidate_thought,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anabranch_events.event.types import EventData

BATH = "The ryokan in Hakone has a private bath."
TRAIN = "The train to Odawara is often late."


@dataclass(frozen=True)
class Hit:
    """A recalled insight."""

    insight_id: str
    session_id: str
    text: str
    kind: str = "observation"
    score: float = 1.0


class Letters:
    """An embedder of one dimension a letter: deterministic, and near for like spellings."""

    model = "letters"
    dimension = 26

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Return the unit vector of letter counts of each text."""
        rows = []
        for text in texts:
            counts = [float(text.lower().count(chr(97 + letter))) for letter in range(26)]
            length = sum(count * count for count in counts) ** 0.5
            rows.append([count / length for count in counts])
        return rows


async def thought_with(sessions: Sessions, *found: Sequence[str]) -> tuple[str, list[str]]:
    """A root session with one completed branch for each of `found`."""
    root = await sessions.open_session("plan the trip")
    forks = await sessions.fan_out(
        root.session_id, [BranchTask(task=f"branch {number}") for number in range(len(found))]
    )
    for fork, texts in zip(forks, found, strict=True):
        await sessions.complete(fork.session_id, "done", insights=list(texts))
    return root.session_id, [fork.session_id for fork in forks]


async def upkeep_of(log: Log, root_id: str, *, namespace: str) -> list[tuple[int, EventData]]:
    """Return the consolidations and associations stored on a root."""
    records = log.read(root_id, namespace=namespace)
    stored = [(recorded.position, recorded.decode().data) async for recorded in records]
    return [
        (position, data)
        for position, data in stored
        if isinstance(data, ConsolidationRecorded | AssociationFormed)
    ]


async def test_a_consolidation_and_its_associations_are_one_batch(
    sessions: Sessions, log: Log, namespace: str
) -> None:
    """The synthesis comes first, its links follow at once, all on the root."""
    root_id, branch_ids = await thought_with(sessions, [BATH], [BATH, TRAIN], [TRAIN])

    made = await consolidate_thought(sessions, root_id, session_ids=branch_ids)

    stored = await upkeep_of(log, root_id, namespace=namespace)
    first = stored[0][0]
    assert [position for position, _ in stored] == [first + n for n in range(len(stored))]
    assert made.position == stored[-1][0]
    assert (len(stored), made.associations) == (3, 2)
    assert made.sessions == tuple(branch_ids)
    assert made.text == (
        "On “plan the trip”: 4 insights of 3 branches, in 2 groups.\n\n"
        f"1. {BATH} [1] [2] (also seen by 1 branch)\n"
        f"2. {TRAIN} [3] [4] (also seen by 1 branch)"
    )


async def test_consolidating_again_changes_nothing(
    sessions: Sessions, log: Log, namespace: str
) -> None:
    """The same insights give the same consolidation, no event more, also once the root is closed."""
    root_id, branch_ids = await thought_with(sessions, [BATH], [BATH, TRAIN], [TRAIN])
    first = await consolidate_thought(sessions, root_id, session_ids=branch_ids)
    await sessions.close(root_id)
    before = await log.bounds()

    again = await consolidate_thought(
        Sessions(log, namespace=namespace), root_id, session_ids=branch_ids
    )

    assert again.model_copy(update={"position": first.position, "associations": 2}) == first
    assert again.associations == 0
    assert await log.bounds() == before


async def test_a_new_insight_gives_a_new_consolidation(sessions: Sessions) -> None:
    """What was learned since is taken up; what was linked stays linked once."""
    root_id, branch_ids = await thought_with(sessions, [BATH], [BATH])
    first = await consolidate_thought(sessions, root_id, session_ids=branch_ids)
    late = await sessions.branch(root_id, "one more")
    await sessions.complete(late.session_id, "done", insights=[BATH])

    second = await consolidate_thought(
        sessions, root_id, session_ids=[*branch_ids, late.session_id]
    )

    assert second.consolidation_id != first.consolidation_id
    assert len(second.sources) == 3
    assert (first.associations, second.associations) == (1, 2)


async def test_what_no_longer_holds_is_left_out(sessions: Sessions) -> None:
    """Retracted and forgotten insights are neither quoted nor cited."""
    root_id, branch_ids = await thought_with(sessions, [BATH, TRAIN])
    ids = [one.insight_id for one in (await sessions.state(branch_ids[0])).insights]
    await sessions.forget(ids[0], receipt="request 7", session_id=branch_ids[0])

    made = await consolidate_thought(sessions, root_id, session_ids=branch_ids)

    assert made.sources == (ids[1],)
    assert "ryokan" not in made.text


async def test_a_thought_that_learned_nothing_is_not_consolidated(sessions: Sessions) -> None:
    """Without an insight there is nothing to synthesise, and nothing is stored."""
    root_id, branch_ids = await thought_with(sessions, [])

    with pytest.raises(NothingLearned):
        await consolidate_thought(sessions, root_id, session_ids=branch_ids)


async def test_vectors_and_memory_give_links_to_older_sessions(
    sessions: Sessions, log: Log, namespace: str
) -> None:
    """What memory holds near the thought's insights is linked to them, by meaning and by name."""
    old = await sessions.remember("Private baths: the ryokan in Hakone has one.")
    named = await sessions.remember("Kenji will meet us in Odawara on Monday.")
    root_id, branch_ids = await thought_with(sessions, [BATH], [TRAIN])

    async def recall(
        _text: str, *, session_id: str, k: int, scope: Scope = Scope.NAMESPACE
    ) -> list[Hit]:
        assert (session_id, scope) == (root_id, Scope.NAMESPACE)
        return [
            Hit(old.insight_id, old.session_id, "Private baths: the ryokan in Hakone has one."),
            Hit(named.insight_id, named.session_id, "Kenji will meet us in Odawara on Monday."),
        ][:k]

    made = await consolidate_thought(
        sessions, root_id, session_ids=branch_ids, embedder=Letters(), recall=recall
    )

    formed = [
        data
        for _, data in await upkeep_of(log, root_id, namespace=namespace)
        if isinstance(data, AssociationFormed)
    ]
    assert made.associations == len(formed)
    assert old.insight_id in {link.to_id for link in formed}
    assert named.insight_id in {link.to_id for link in formed}
    assert all(0 < link.weight <= 1 for link in formed)
    assert {old.insight_id, named.insight_id}.isdisjoint(made.sources)


async def test_two_that_consolidate_at_once_agree(log: Log, namespace: str) -> None:
    """Of two consolidations of the same thought at once one is stored, and both return it."""
    sessions = Sessions(log, namespace=namespace)
    root_id, branch_ids = await thought_with(sessions, [BATH], [BATH], [TRAIN])

    one, other = await asyncio.gather(
        consolidate_thought(Sessions(log, namespace=namespace), root_id, session_ids=branch_ids),
        consolidate_thought(Sessions(log, namespace=namespace), root_id, session_ids=branch_ids),
    )

    stored = await upkeep_of(log, root_id, namespace=namespace)
    recorded = [data for _, data in stored if isinstance(data, ConsolidationRecorded)]
    assert [data.consolidation_id for data in recorded] == [one.consolidation_id]
    assert other.consolidation_id == one.consolidation_id


async def test_insights_of_the_root_count_too(sessions: Sessions) -> None:
    """What was remembered in the root itself is part of the thought."""
    root_id, branch_ids = await thought_with(sessions, [TRAIN])
    own = await sessions.remember(InsightDraft(text=BATH), session_id=root_id)

    made = await consolidate_thought(sessions, root_id, session_ids=[root_id, *branch_ids])

    assert own.insight_id in made.sources
    assert made.sessions == (root_id, *branch_ids)


async def test_an_unknown_branch_is_refused(sessions: Sessions) -> None:
    """A session that does not exist cannot be consolidated."""
    from anabranch_events.errors import SessionNotFound

    root_id, _ = await thought_with(sessions, [TRAIN])

    with pytest.raises(SessionNotFound):
        await consolidate_thought(sessions, root_id, session_ids=[new_id()])
