"""Recall on every store: what is found, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from anabranch_events.event import types
from anabranch_events.event.identifiers import new_id
from anabranch_events.event.types import Outcome
from anabranch_recall import Scope
from tests.support.histories import moment
from tests.support.learning import Account, learn
from tests.support.recalling import ask, both_ways, ids
from tests.support.rounds import neo4j_in_full_only

if TYPE_CHECKING:
    from anabranch_store import Graph

pytestmark = neo4j_in_full_only


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
    """Before its retirement an insight answers, after it its successor; erased, none ever.

    An answer of then counts what it lacks since.
    """
    account = Account()
    river = account.open()
    old = account.remember(river, "The gauge drifts one centimetre.")
    new = account.remember(river, "The gauge drifts two centimetres.")
    account.supersede(old, new)
    erased = account.remember(river, "The gauge belongs to a neighbour.")
    account.forget(erased)
    await learn(graph, account.events)
    wanted: list[tuple[dict[str, Any], set[str], int]] = [
        ({"as_of": 1}, set(), 0),
        ({"as_of": 2}, {old}, 0),
        ({"as_of": 3}, {old, new}, 0),
        ({"as_of": 4}, {new}, 0),
        ({"as_of": 5}, {new}, 1),
        ({"as_of": 6}, {new}, 0),
        ({}, {new}, 0),
        ({"include_retired": True}, {old, new}, 0),
    ]

    for ranker in both_ways(graph):
        for fields, known, lacking in wanted:
            found = await ranker.recall(ask("gauge", **fields))
            assert (set(ids(found)), found.forgotten_since) == (known, lacking)


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
    account.about(types.InsightCited(insight_ids=(one, other), outcome=Outcome.REJECTED), one)
    account.cite(one, other)
    await learn(graph, account.events)
    wanted: list[tuple[dict[str, Any], set[float]]] = [
        ({"as_of": 3}, set()),
        ({"as_of": 4}, {0.5}),
        ({"as_of": 5, "asked_at": moment(5)}, {0.55}),
        ({"as_of": 6, "asked_at": moment(5 + 14 * 86400)}, {0.2475}),
        ({"as_of": 7, "asked_at": moment(7)}, {0.5455}),
        ({"asked_at": moment(7 + 14 * 86400)}, {0.2728}),
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
        [hit] = first.hits
        assert [hit.position, *(each.position for each in hit.also)] == [*range(2, 26, 2)]
