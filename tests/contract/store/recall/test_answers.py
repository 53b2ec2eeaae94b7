"""Answers of recall on every store: a text once, what is near enough, and nothing where none is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from anabranch_recall.question import Floor
from anabranch_store import GraphRanker
from tests.support.histories import insight, moment
from tests.support.learning import Account, HashingEmbedder, learn
from tests.support.patience import PATIENCE_S
from tests.support.recalling import ask, both_ways, ids
from tests.support.rounds import neo4j_in_full_only, two_stores

if TYPE_CHECKING:
    from anabranch_store import Graph

pytestmark = [neo4j_in_full_only, two_stores]

RESTATED = "The deploy of the shop runs at two"
OTHERS = (
    "A deploy of the shop needs two approvals",
    "Each deploy of the shop writes a version",
    "Before a deploy the shop is told",
)
FLOOR = Floor(similarity=0.2, words=0.5)


def restated(times: int) -> Account:
    """Return an account of a few facts, of which one is stated again in many sessions."""
    account = Account()
    first = account.open()
    for other in OTHERS:
        account.remember(first, other)
    for _ in range(times):
        account.remember(account.open(), RESTATED)
    return account


async def test_a_text_that_was_stated_again_is_one_hit(graph: Graph) -> None:
    """Different facts fill the places, and the hit says how many sessions say the same."""
    account = restated(150)
    await learn(graph, account.events)

    for ranker in both_ways(graph):
        found = await ranker.recall(ask("When does the deploy of the shop run?", k=4))

        assert {hit.text for hit in found} == {RESTATED, *OTHERS}
        [hit] = [hit for hit in found if hit.text == RESTATED]
        assert hit.also_in == 149
        assert len(hit.also) == 100
        others = {each.insight_id: each.session_id for each in hit.also}
        assert others.items() <= {
            (insight_id, known.session_id) for insight_id, known in account.insights.items()
        }
        assert hit.insight_id not in others
        assert {hit.also_in for hit in found if hit.text != RESTATED} == {0}


async def test_what_is_said_twice_in_a_session_is_in_no_other(graph: Graph) -> None:
    """A text that differs in white space only is the same; a retired copy does not count."""
    account = Account()
    river = account.open()
    account.remember(river, "The gauge drifts.")
    again = account.remember(river, "The  gauge drifts.\n")
    account.retract(account.remember(account.open(), "The gauge drifts."))
    await learn(graph, account.events)

    for ranker in both_ways(graph):
        [hit] = await ranker.recall(ask("gauge"))

        assert hit.also_in == 0
        assert {hit.insight_id, *(each.insight_id for each in hit.also)} == {insight(1), again}


async def test_what_is_less_similar_is_left_out(graph: Graph) -> None:
    """The hits reach `min_similarity`; where none does, the answer says that nothing is close."""
    account = Account()
    near = account.remember(account.open(), "The gauge drifts.")
    account.remember(account.open(), "The gauge at the bay belongs to a neighbour with a boat.")
    await learn(graph, account.events)

    for ranker in both_ways(graph):
        some = await ranker.recall(ask("gauge drifts", min_similarity=0.9))
        every = await ranker.recall(ask("gauge drifts", min_similarity=-1))
        none = await ranker.recall(ask("gauge boat rust", min_similarity=0.9))

        assert (ids(some), some.nothing_close) == ([near], False)
        assert (len(every), every.nothing_close) == (2, False)
        assert (len(none), none.nothing_close) == (0, True)


async def test_far_from_everything_nothing_is_close(graph: Graph) -> None:
    """Neither words nor meaning near: an empty answer that says so, whatever k is."""
    account = Account()
    account.remember(account.open(), "The gauge drifts.")
    account.remember(account.open(), "Screws rust in the rain.")
    await learn(graph, account.events)

    for ranker in both_ways(graph):
        far = [await ranker.recall(ask("weather Tokyo", k=k, floor=FLOOR)) for k in (1, 10)]
        near = [await ranker.recall(ask("drifting gauge", k=k, floor=FLOOR)) for k in (1, 10)]
        bare = await ranker.recall(ask("weather Tokyo"))

        assert [(found.hits, found.nothing_close) for found in far] == [([], True)] * 2
        assert [len(found) for found in near] == [1, 2]
        assert not any(found.nothing_close for found in (*near, bare))
        assert len(bare) == 2


async def test_an_empty_memory_is_not_far(graph: Graph) -> None:
    """Where nothing was compared, nothing is said about how near it was."""
    await learn(graph, [])

    for ranker in both_ways(graph):
        found = await ranker.recall(ask("weather Tokyo", floor=FLOOR))

        assert (found.hits, found.nothing_close) == ([], False)


async def test_words_are_near_while_vectors_are_missing(graph: Graph) -> None:
    """An insight without a vector has no similarity; a word of the question makes it near."""
    account = Account()
    account.remember(account.open(), "The gauge drifts.")
    await learn(graph, account.events, vectors=False)
    ranker = GraphRanker(graph, HashingEmbedder(), timeout_s=PATIENCE_S, clock=lambda: moment(1000))

    found = await ranker.recall(ask("which gauge is in the far south of Tokyo?", floor=FLOOR))
    asked_for = await ranker.recall(ask("gauge", min_similarity=0))

    assert [hit.similarity for hit in found] == [None]
    assert (asked_for.hits, asked_for.nothing_close) == ([], True)
