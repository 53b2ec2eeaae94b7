"""Recall on every store: what is found, why, and what must never be."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from anabranch_events.identifiers import new_id
from anabranch_store import Graph, GraphRanker, Question, Scope
from anabranch_store.errors import GraphUnavailable
from anabranch_store.recall import lanes
from tests.graphs import empty
from tests.histories import moment
from tests.learning import Account, HashingEmbedder, learn
from tests.rounds import examples

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence

    from anabranch_store import Embedder, Recollection


def both_ways(graph: Graph, *, embedder: Embedder | None = None) -> list[GraphRanker]:
    """Return a ranker that scans what is in reach, and one that goes through the indexes."""
    return [
        GraphRanker(
            graph,
            embedder or HashingEmbedder(),
            scan_max=scan_max,
            timeout_s=5,
            clock=lambda: moment(1000),
        )
        for scan_max in (2000, 0)
    ]


def ids(recollection: Recollection) -> list[str]:
    """Return the ids of the hits, best first."""
    return [hit.insight_id for hit in recollection.hits]


def ask(text: str, **fields: Any) -> Question:
    """Return a question to the namespace `default`."""
    return Question.model_validate({"text": text, "namespace": "default", **fields})


async def test_a_hit_says_what_it_is_and_why(graph: Graph) -> None:
    """The insight that answers comes first, whole, with every part of its score."""
    account = Account()
    river = account.open()
    answer = account.remember(river, "The tide gauge at Delta Bay drifts two centimetres a year.")
    account.remember(river, "Salt content was fine in spring.")
    await learn(graph, account.events)

    for ranker in both_ways(graph):
        found = await ranker.recall(ask("which gauges drift?"))

        [hit, *_] = found.hits
        assert (hit.insight_id, hit.session_id, hit.position) == (answer, river, 2)
        assert hit.text == "The tide gauge at Delta Bay drifts two centimetres a year."
        assert (hit.kind, hit.recorded_at, hit.retired) == ("observation", moment(2), None)
        why = hit.why
        assert why.matched == ("gauges", "drift")
        assert why.events == (2,)
        assert why.cosine is not None
        assert 0 < why.cosine < 1
        parts = (*why.lanes.values(), why.session, why.length, why.path, why.linked)
        assert hit.score == pytest.approx(sum(parts))


async def test_lanes_say_how_far_they_had_come(graph: Graph) -> None:
    """Words reach the graph's checkpoint, meaning that of the vectors."""
    account = Account()
    account.remember(account.open(), "The gauge drifts.")
    await learn(graph, account.events)
    account.remember(account.open(), "The delta silts up.")
    await learn(graph, account.events[2:], vectors=False)

    for ranker in both_ways(graph):
        found = await ranker.recall(ask("gauge"))

        assert found.ranker == "graph"
        assert found.position == 4
        assert {name: (lane.state, lane.position) for name, lane in found.lanes.items()} == {
            "words": ("ok", 4),
            "meaning": ("ok", 2),
            "entities": ("empty", 4),
            "associations": ("empty", 4),
        }


async def test_nothing_in_reach_gives_no_hits(graph: Graph) -> None:
    """An empty memory and an unknown session are no errors: no hits, and lanes that are empty."""
    unknown = [ask("gauge", scope=scope, session_id=new_id()) for scope in list(Scope)[:3]]
    for ranker in both_ways(graph):
        empty_memory = await ranker.recall(ask("anything?"))
        unknown_session = [await ranker.recall(question) for question in unknown]

        assert empty_memory.position == 0
        for found in (empty_memory, *unknown_session):
            assert found.hits == []
            assert {lane.state for lane in found.lanes.values()} == {"empty"}
        assert all("not there" in str(found.lanes["words"].reason) for found in unknown_session)


async def test_scopes_cut_where_the_session_forked(graph: Graph) -> None:
    """A branch sees its ancestors up to the fork, a thought its tree, a namespace its own."""
    account = Account()
    root = account.open()
    before = account.remember(root, "gauge one")
    branch = account.branch(root)
    after = account.remember(root, "gauge two")
    own = account.remember(branch, "gauge three")
    sibling = account.remember(account.branch(root), "gauge four")
    elsewhere = account.remember(account.open(), "gauge five")
    account.remember(account.open("other"), "gauge six")
    await learn(graph, account.events)

    for ranker in both_ways(graph):
        seen = {
            scope: ids(await ranker.recall(ask("gauge", scope=scope, session_id=branch, k=50)))
            for scope in Scope
        }

        assert {scope: set(found) for scope, found in seen.items()} == {
            Scope.SESSION: {own},
            Scope.LINEAGE: {own, before},
            Scope.THOUGHT: {own, before, after, sibling},
            Scope.NAMESPACE: {own, before, after, sibling, elsewhere},
        }


async def test_as_of_gives_what_was_known_then(graph: Graph) -> None:
    """Before its retirement an insight answers, after it its successor; erased, none ever."""
    account = Account()
    river = account.open()
    old = account.remember(river, "The gauge drifts one centimetre.")
    new = account.remember(river, "The gauge drifts two centimetres.")
    account.supersede(old, new)
    erased = account.remember(river, "The gauge belongs to a neighbour.")
    account.forget(erased)
    await learn(graph, account.events)
    wanted: list[tuple[dict[str, Any], set[str]]] = [
        ({"as_of": 1}, set()),
        ({"as_of": 2}, {old}),
        ({"as_of": 3}, {old, new}),
        ({"as_of": 4}, {new}),
        ({"as_of": 5}, {new}),
        ({}, {new}),
        ({"include_retired": True}, {old, new}),
    ]

    for ranker in both_ways(graph):
        for fields, known in wanted:
            assert set(ids(await ranker.recall(ask("gauge", **fields)))) == known


async def test_a_retired_hit_says_when_it_ended(graph: Graph) -> None:
    """Asked for, a retired insight is shown as retired; as of an earlier position it was not."""
    account = Account()
    account.retract(account.remember(account.open(), "The gauge drifts."))
    await learn(graph, account.events)

    for ranker in both_ways(graph):
        [now] = (await ranker.recall(ask("gauge", include_retired=True))).hits
        [then] = (await ranker.recall(ask("gauge", include_retired=True, as_of=2))).hits

        assert (now.retired, then.retired) == (3, None)


async def test_associations_lift_and_say_so(graph: Graph) -> None:
    """An insight no word leads to comes in by its association, whose event is behind the hit."""
    account = Account()
    answer = account.remember(account.open(), "The gauge drifts.")
    linked = account.remember(account.open(), "Screws rust.")
    account.associate(answer, linked, weight=0.5)
    await learn(graph, account.events, vectors=False)

    for ranker in both_ways(graph):
        found = await ranker.recall(ask("gauge"))

        assert ids(found) == [answer, linked]
        assert found.lanes["associations"].state == "ok"
        [association] = found.hits[1].why.associations
        assert (association.insight_id, association.kind) == (answer, "supports")
        assert association.weight == pytest.approx(0.5 * 2 ** -((1000 - 5) / (14 * 86400)))
        assert found.hits[1].why.events == (4, association.position) == (4, 5)


async def test_an_earlier_moment_knows_no_later_weight(graph: Graph) -> None:
    """As of a position, citations after it have not strengthened; weights decay to the question."""
    account = Account()
    river = account.open()
    one = account.remember(river, "The gauge drifts.")
    other = account.remember(river, "The gauge rusts.")
    account.associate(one, other, weight=0.5)
    account.cite(one, other)
    await learn(graph, account.events)
    wanted: list[tuple[dict[str, Any], set[float]]] = [
        ({"as_of": 3}, set()),
        ({"as_of": 4}, {0.5}),
        ({"as_of": 5, "asked_at": moment(5)}, {0.55}),
        ({"asked_at": moment(5 + 14 * 86400)}, {0.275}),
    ]

    for ranker in both_ways(graph):
        for fields, weights in wanted:
            found = await ranker.recall(ask("gauge drifts", **fields))

            linked = [each for hit in found.hits for each in hit.why.associations]
            assert {round(each.weight, 4) for each in linked} == weights


async def test_a_shared_name_leads_one_hop_on(graph: Graph) -> None:
    """What shares a rare name with the best hit is lifted, and says over which name."""
    account = Account()
    name = ("Delta Institute",)
    answer = account.remember(
        account.open(), "The gauge was lent by Delta Institute.", entities=name
    )
    bridged = account.remember(account.open(), "Delta Institute moves to Basel.", entities=name)
    account.remember(account.open(), "The gauge was painted.")
    await learn(graph, account.events)

    for ranker in both_ways(graph):
        found = await ranker.recall(ask("who lent the gauge?"))

        assert found.lanes["entities"].state == "ok"
        [hit] = [hit for hit in found.hits if hit.insight_id == bridged]
        assert (hit.why.entities, hit.why.seeds) == (name, (answer,))
        assert hit.why.path > 0


class Broken:
    """An embedder that is there and does not work."""

    model = HashingEmbedder.model
    dimension = HashingEmbedder.dimension

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Fail."""
        raise RuntimeError(f"no power for {len(texts)} texts")


class Hanging(Broken):
    """An embedder that never answers."""

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Wait for ever."""
        await asyncio.Event().wait()
        return await super().embed(texts)


class Flat(Broken):
    """An embedder whose vectors do not fit those of the graph."""

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Return vectors of three numbers."""
        return [[1.0, 0.0, 0.0] for _ in texts]


async def test_a_lane_that_fails_is_reported_and_the_other_answers(graph: Graph) -> None:
    """Without meaning words still answer, and the answer says what is missing."""
    account = Account()
    answer = account.remember(account.open(), "The gauge drifts.")
    await learn(graph, account.events)
    failing: list[tuple[Embedder, str]] = [
        (Broken(), "RuntimeError: no power for 1 texts"),
        (Flat(), ": "),
        (Hanging(), "no answer within 5 s"),
    ]

    for embedder, reason in failing:
        rankers = both_ways(graph, embedder=embedder)
        for found in await asyncio.gather(*(each.recall(ask("gauge")) for each in rankers)):
            assert ids(found) == [answer]
            assert found.lanes["words"].state == "ok"
            assert found.lanes["meaning"].state == "failed"
            assert reason in str(found.lanes["meaning"].reason)


async def test_without_an_embedder_meaning_is_skipped(graph: Graph) -> None:
    """No embedder is no failure; a question that no text has a word of is answered by nothing."""
    account = Account()
    answer = account.remember(account.open(), "The gauge drifts.")
    await learn(graph, account.events)

    for scan_max in (2000, 0):
        ranker = GraphRanker(graph, scan_max=scan_max)
        found = await ranker.recall(ask("gauge"))
        nothing = await ranker.recall(ask("completely unrelated"))

        assert ids(found) == [answer]
        assert found.lanes["meaning"].state == "skipped"
        assert found.lanes["meaning"].reason == "no embedder is set"
        assert nothing.hits == []
        assert nothing.lanes["words"].state == "empty"


async def test_before_the_first_vectors_meaning_is_skipped(graph: Graph) -> None:
    """An insight is found by words at once, and the answer says that vectors are not there yet."""
    account = Account()
    answer = account.remember(account.open(), "The gauge drifts.")
    await learn(graph, account.events, vectors=False)

    found = await both_ways(graph)[0].recall(ask("gauge"))

    assert ids(found) == [answer]
    assert found.lanes["meaning"].state == "skipped"
    assert found.lanes["meaning"].reason == "no vectors of hashing yet"


async def test_when_no_lane_answers_it_is_an_error(graph: Graph) -> None:
    """An empty answer would say that nothing is known; that nobody could look is an error."""
    with pytest.raises(GraphUnavailable, match="no lane"):
        await GraphRanker(graph, Broken(), timeout_s=1e-9).recall(ask("gauge"))


async def test_any_text_is_a_question(graph: Graph) -> None:
    """Query syntax, quotes, signs and length are words at most: nothing fails, the hit is found."""
    account = Account()
    answer = account.remember(account.open(), "The gauge drifts.")
    await learn(graph, account.events)
    texts = [
        'gauge" OR namespace:other AND (drift* ~2 ^3 [a TO z] {b} \\ / && || ! + - : ?',
        "gauge' }) DETACH DELETE (n) //",
        "gauge \U0001f9ab \u4f60\u597d na\u00efve caf\u00e9 \u202egauge",
        "AND OR NOT TO gauge",
        "gauge " + "drifting delta " * 40_000,
    ]

    for ranker in both_ways(graph):
        for text in texts:
            found = await ranker.recall(ask(text))

            assert ids(found) == [answer]
            assert {lane.state for lane in found.lanes.values()} <= {"ok", "empty"}


@pytest.mark.parametrize(("name", "value"), [("FETCH_MAX", 100), ("INDEX_TIMEOUT_S", 0.0)])
async def test_a_few_among_many_are_found(
    graph: Graph, monkeypatch: pytest.MonkeyPatch, name: str, value: float
) -> None:
    """What the vector index hides behind others, or is too slow for, is compared one by one."""
    monkeypatch.setattr(lanes, name, value)
    account = Account()
    others = account.open("other")
    for _ in range(150):
        account.remember(others, "The gauge drifts.")
    few = account.open()
    wanted = [account.remember(few, f"Screw {number} rusts.") for number in range(3)]
    await learn(graph, account.events)

    found = await both_ways(graph)[1].recall(ask("Gauges drift?"))

    assert set(ids(found)) == set(wanted)
    assert found.lanes["meaning"].state == "ok"


async def test_the_same_question_has_the_same_answer(graph: Graph) -> None:
    """Twice the same question, with ties in every lane, gives the same hits, scores and reasons."""
    account = Account()
    for _ in range(12):
        account.remember(account.open(), "The gauge drifts.")
    await learn(graph, account.events)

    for ranker in both_ways(graph):
        first = await ranker.recall(ask("gauge", k=5))
        second = await ranker.recall(ask("gauge", k=5))

        assert first == second
        assert [hit.position for hit in first.hits] == [2, 4, 6, 8, 10]


_STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            [*["remember"] * 4, "open", *["branch"] * 2, "retract", "supersede", "forget", "link"]
        ),
        st.integers(0, 99),
        st.integers(0, 99),
    ),
    max_size=40,
)
_TEXTS = ("The gauge drifts", "Delta Bay floods", "A gauge in Delta Bay", "Screws rust")


def _account(steps: list[tuple[str, int, int]]) -> Account:
    """Return the history that `steps` describe, in two namespaces."""
    account = Account()
    account.open()
    for step, one, other in steps:
        sessions, insights = list(account.lines), list(account.insights)
        where = sessions[one % len(sessions)]
        if step == "open":
            account.open("other" if one % 3 == 0 else "default")
        elif step == "branch":
            opened = account.lines[where].opened
            account.branch(where, forked_at=opened + other % (account.position - opened + 1))
        elif step == "remember":
            account.remember(where, _TEXTS[other % 4], entities=("Delta Bay",) * (other % 2))
        elif insights:
            _end(account, step, insights[one % len(insights)], insights[other % len(insights)])
    return account


def _end(account: Account, step: str, one: str, other: str) -> None:
    if step == "retract":
        account.retract(one)
    elif step == "forget":
        account.forget(one)
    elif one != other and account.insights[one].namespace == account.insights[other].namespace:
        if step == "supersede":
            account.supersede(one, other)
        else:
            account.associate(one, other)


async def test_recall_gives_the_eligible_and_nothing_else(graph: Graph) -> None:
    """Over random histories, in any scope and as of any position: exactly what may be seen.

    Nothing from later, from elsewhere, from another namespace, nothing retired or forgotten; and
    all that is eligible, because there is room for all.
    """
    loop = asyncio.get_running_loop()

    def call(work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, loop).result(60)

    async def answers(account: Account, question: Question) -> dict[str, set[str]]:
        scanned, searched = [await ranker.recall(question) for ranker in both_ways(graph)]
        for hit in (*scanned.hits, *searched.hits):
            linked = {each.insight_id for each in hit.why.associations}
            assert {*hit.why.seeds, *linked} <= account.eligible(question)
        return {"scan": set(ids(scanned)), "indexes": set(ids(searched))}

    async def set_up(account: Account) -> None:
        await empty(graph.address)
        await learn(graph, account.events)

    @seed(20261123)
    @settings(
        max_examples=examples(30 if graph.product.name == "arcadedb" else 5),
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(_STEPS, st.data())
    def holds(steps: list[tuple[str, int, int]], data: st.DataObject) -> None:
        account = _account(steps)
        call(set_up(account))
        for scope in Scope:
            question = Question(
                text="which gauge drifts at the bay?",
                namespace=data.draw(st.sampled_from(["default", "default", "other"])),
                k=100,
                scope=scope,
                session_id=data.draw(st.sampled_from(list(account.lines))),
                as_of=data.draw(st.none() | st.integers(0, account.position)),
                include_retired=data.draw(st.booleans()),
            )

            seen = call(answers(account, question))

            eligible = account.eligible(question)
            assert seen == {"scan": eligible, "indexes": eligible}

    await asyncio.to_thread(holds)
