"""Recall gives the eligible insights and nothing else, after any history."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from hypothesis import given, seed
from hypothesis import strategies as st

from anabranch_recall import Question, Scope
from tests.support.graphs import empty
from tests.support.learning import Account, learn
from tests.support.properties import OnThisLoop, held
from tests.support.recall_accounts import ACCOUNT_STEPS, account_of
from tests.support.recalling import both_ways, ids
from tests.support.rounds import neo4j_in_full_only, two_stores

if TYPE_CHECKING:
    from anabranch_recall import Recollection
    from anabranch_store import Graph

pytestmark = [neo4j_in_full_only, two_stores]


async def test_recall_gives_the_eligible_and_nothing_else(graph: Graph) -> None:
    """Over random histories, in any scope and as of any position: exactly what may be seen.

    Nothing from later, from elsewhere, from another namespace, nothing retired or forgotten; and
    all that is eligible, because there is room for all.
    """
    call = OnThisLoop()

    async def answers(account: Account, question: Question) -> dict[str, set[str]]:
        scanned, searched = [await ranker.recall(question) for ranker in both_ways(graph)]
        for hit in (*scanned.hits, *searched.hits):
            linked = {each.insight_id for each in hit.why.associations}
            assert {*hit.why.seeds, *linked} <= account.eligible(question)
        return {"scan": _every(scanned), "indexes": _every(searched)}

    async def set_up(account: Account) -> None:
        await empty(graph.address)
        await learn(graph, account.events)

    @seed(20261123)
    @held(30 if graph.product.name == "arcadedb" else 5, shrink=True)
    @given(ACCOUNT_STEPS, st.data())
    def holds(steps: list[tuple[str, int, int]], data: st.DataObject) -> None:
        account = account_of(steps)
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


def _every(found: Recollection) -> set[str]:
    """Return the insights of an answer, those with the text of a hit among them."""
    return {*ids(found), *(each.insight_id for hit in found for each in hit.also)}
