"""Recall through a memory, by each ranker: what answers, what does not, and its price."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from anabranch import Memory
from anabranch.errors import InputInvalid
from anabranch_store import Graph
from tests.support.patience import PATIENCE_S
from tests.support.rounds import in_full_only
from tests.support.settled import SAID_AGAIN

if TYPE_CHECKING:
    from anabranch import Recollection
    from anabranch.settings import Settings

READS_MAX = {"graph": 6, "index": 5}
RANKERS = ("graph", "index")
FACTS = (
    "The staging database moved to port 5433",
    "Backups of the production database run at 01:30 and take forty minutes",
    "The cache of the staging database has two gigabytes",
    "The backup of the production database overlaps a window that starts at 02:00 on Sunday",
    "Mira is on call this week",
    "The cache of the search service needs two gigabytes",
)
QUESTIONS = (
    "When is the database backed up?",
    "What overlaps the window?",
    "How big is the search cache?",
    "Who is on call this week?",
    "Where is the staging database?",
)
RESTATED = "The nightly deploy of the shop runs at 02:00 from the release branch"


async def asked(memory: Memory, query: str, **options: Any) -> Recollection:
    """Ask a memory until its own ranker answers: an index may be behind at first."""
    while True:
        found = await memory.recall(query, **options)
        if found.ranker == memory.settings.ranker:
            return found
        await asyncio.sleep(0.05)


@pytest.mark.parametrize("ranker", RANKERS)
async def test_a_question_costs_few_reads_of_the_graph(
    own_settings: Settings, monkeypatch: pytest.MonkeyPatch, ranker: str
) -> None:
    """The first question of a memory that joined takes a few reads, the second no more."""
    read = Graph.read
    statements: list[str] = []

    async def counted(graph: Graph, statement: str, **parameters: Any) -> list[dict[str, Any]]:
        statements.append(statement)
        return await read(graph, statement, **parameters)

    settings = own_settings.changed(ranker=ranker)
    async with Memory.open(settings=settings) as owner:
        fact = await owner.remember("The pump of the north gate is red")
        await asked(owner, "pump", after=fact.position)
        async with Memory.open(settings=settings) as memory:
            monkeypatch.setattr(Graph, "read", counted)
            first = await memory.recall("Which pump is red?", after=fact.position)
            reads = [tuple(statements)]
            statements.clear()
            again = await memory.recall("Which pump is red?")
            reads.append(tuple(statements))
            monkeypatch.undo()

    assert [hit.insight_id for hit in first.hits] == [fact.insight_id]
    assert [hit.insight_id for hit in again.hits] == [fact.insight_id]
    assert [one for one in reads if len(one) > READS_MAX[ranker]] == []
    assert reads[0]


@pytest.mark.parametrize("ranker", RANKERS)
async def test_several_questions_are_answered_in_order(own_settings: Settings, ranker: str) -> None:
    """Asked together, questions have the answers that each has alone, under ids of their own."""
    async with Memory.open(settings=own_settings.changed(ranker=ranker)) as memory:
        await memory.remember_all(FACTS)
        known = memory.position
        alone = [await asked(memory, each, as_of=known, k=3) for each in QUESTIONS]
        found = await memory.recall_all(QUESTIONS, as_of=known, k=3, timeout_s=PATIENCE_S)
        with pytest.raises(InputInvalid, match="queries"):
            await memory.recall_all("one question")
        with pytest.raises(InputInvalid, match="query"):
            await memory.recall_all(["one", " "])

    assert [each.hits for each in found] == [each.hits for each in alone]
    assert [each.ranker for each in found] == [ranker] * len(QUESTIONS)
    assert len({each.recall_id for each in found}) == len(QUESTIONS)


@in_full_only
@pytest.mark.parametrize("ranker", RANKERS)
async def test_thoughts_do_not_echo(own_settings: Settings, ranker: str) -> None:
    """After ten thoughts the same questions have the same hits; what was derived is asked for."""
    async with Memory.open(settings=own_settings.changed(ranker=ranker)) as memory:
        await memory.remember_all(FACTS)
        known = memory.position
        before = [await asked(memory, each, after=known) for each in QUESTIONS]
        for _ in range(10):
            await memory.think("Should we move the database on Sunday?", count=5)
        thought = memory.position
        after = [await asked(memory, each, after=thought) for each in QUESTIONS]
        derived = await asked(memory, QUESTIONS[0], kinds=["derived"], k=50)

    assert [[hit.text for hit in found] for found in after] == [
        [hit.text for hit in found] for found in before
    ]
    assert all(found.hits for found in before)
    assert {hit.kind for hit in derived} == {"derived"}
    assert len({hit.text for hit in derived}) == len(derived) > 1
    assert max(hit.also_in for hit in derived) >= 9


@pytest.mark.parametrize("ranker", RANKERS)
async def test_a_fact_that_is_stated_again_takes_one_place(
    own_settings: Settings, ranker: str
) -> None:
    """Thirty restatements are one hit, which counts the other sessions."""
    async with Memory.open(settings=own_settings.changed(ranker=ranker)) as memory:
        for number in range(6):
            await memory.remember(f"A deploy of the shop needs approval number {number}")
        for _ in range(30):
            await memory.remember(RESTATED)
        last, query = memory.position, "When does the deploy of the shop run?"
        found = [await asked(memory, query, k=k, after=last) for k in (5, 10)]

    assert [len({hit.text for hit in each}) for each in found] == [len(each) for each in found]
    assert [len(each) for each in found] == [5, 7]
    assert [hit.also_in for each in found for hit in each if hit.text == RESTATED] == [29, 29]


@pytest.mark.parametrize("ranker", RANKERS)
async def test_what_does_not_hold_now_is_asked_for(own_settings: Settings, ranker: str) -> None:
    """A fact whose time is over or to come answers at its time; its hit has its dates."""
    turn, later = datetime(2024, 1, 1, tzinfo=UTC), datetime(2131, 1, 1, tzinfo=UTC)
    query = "What is the office Wi-Fi password?"
    async with Memory.open(settings=own_settings.changed(ranker=ranker)) as memory:
        await memory.remember("The office Wi-Fi password is heron-7", valid_until=turn)
        await memory.remember("The office Wi-Fi password is otter-9", valid_from=turn)
        soon = await memory.remember("The office Wi-Fi password is swift-4", valid_from=later)
        now = await asked(memory, query, after=soon.position)
        then = await asked(memory, query, valid_at=datetime(2023, 6, 1, tzinfo=UTC))
        as_of = await asked(memory, query, as_of=soon.position)
        every = await asked(memory, query, include_retired=True)

    assert [(hit.text[-7:], hit.valid_from) for hit in now] == [("otter-9", turn)]
    assert [(hit.text[-7:], hit.valid_until) for hit in then] == [("heron-7", turn)]
    assert [hit.text[-7:] for hit in as_of] == ["otter-9"]
    assert {hit.text[-7:] for hit in every} == {"heron-7", "otter-9", "swift-4"}


async def test_evidence_is_ranked_down_for_who_wants_it(own_settings: Settings) -> None:
    """By the setting of the process that asks, whoever follows the index; nobody else sees less."""
    settings = own_settings.changed(ranker="index")
    async with Memory.open(settings=settings) as owner:
        same = [(await owner.remember(text.format(7))).insight_id for text in SAID_AGAIN]
        other = await owner.remember(
            "Which backups of the orders database run is said by number 8."
        )
        assert len((await owner.settle()).restated) == 1
        after = (await owner.status()).log.last
        query = "Which backups of the orders database run?"
        plain = await asked(owner, query, after=after)
        async with Memory.open(settings=settings.changed(evidence_prior=-0.9)) as memory:
            found = await asked(memory, query, after=after)

    assert all("evidence" not in hit.why.priors for hit in plain)
    assert {hit.insight_id for hit in plain} == {*same, other.insight_id}
    assert {hit.insight_id for hit in found} == {*same, other.insight_id}
    assert found.hits[-1].insight_id == same[0]
    assert found.hits[-1].why.priors["evidence"] == -0.9


@pytest.mark.parametrize("ranker", RANKERS)
async def test_nothing_close_is_known(own_settings: Settings, ranker: str) -> None:
    """A question far from all has no hits and says so, unless anything at all is asked for."""
    async with Memory.open(settings=own_settings.changed(ranker=ranker)) as memory:
        await memory.remember_all(FACTS[:2])
        far = await asked(memory, "weather in Tokyo?", after=memory.position)
        every = await asked(memory, "weather in Tokyo?", min_similarity=-1)
        near = await asked(memory, "which port?")

    assert (far.hits, far.nothing_close) == ([], True)
    assert (len(every), every.nothing_close) == (2, False)
    assert near.hits[0].text == FACTS[0]
    assert not near.nothing_close
    similarity = near.hits[0].similarity
    assert similarity is not None
    assert all(hit.similarity is not None and hit.similarity < similarity for hit in every)


async def test_filters_go_through_both_faces(either: Memory) -> None:
    """A memory and its sessions filter alike; a session that is named is the scope."""
    session = await either.open_session("Look after the lock", role="keeper", agent="ada")
    lock = await session.remember("The lock of the canal leaks", tags=["ops"], kind="fault")
    await either.remember("The lock of the house is new", tags=["home"])
    query = "Which lock?"

    filters: tuple[dict[str, Any], ...] = (
        {"tags": ["ops"]},
        {"kinds": ("fault",)},
        {"agent": "ada"},
        {"role": "keeper"},
        {"session_id": session.session_id},
    )
    for given in filters:
        [hit] = await either.recall(query, **given)
        assert (hit.insight_id, hit.tags, hit.agent) == (lock.insight_id, ("ops",), "ada")
    assert len(await either.recall(query)) == 2
    assert [hit.insight_id for hit in await session.recall(query, tags=["ops"])] == [
        lock.insight_id
    ]
    assert len(await session.recall(query, scope="namespace", kinds=["observation"])) == 1


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"tags": "ops"}, "tags"),
        ({"kinds": "fact"}, "kinds"),
        ({"min_similarity": 2}, "min_similarity"),
        ({"since": "yesterday"}, "since"),
        ({"agent": 7}, "agent"),
        ({"label": "x"}, "label"),
        ({"since": "2026-01-31T12:00:00.001Z", "until": "2026-01-31T12:00:00Z"}, "until"),
    ],
)
async def test_a_filter_that_is_none_is_refused(either: Memory, given: Any, field: str) -> None:
    """The error names the field; a text is no list."""
    with pytest.raises(InputInvalid) as caught:
        await either.recall("Which lock?", **given)

    assert caught.value.field == field
