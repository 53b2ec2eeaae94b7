"""Whatever happened before, recall gives what is eligible and nothing else."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from hypothesis import given, seed
from hypothesis import strategies as st

from anabranch_recall import Question, Scope
from tests.support.graphs import empty
from tests.support.learning import Account, learn
from tests.support.properties import OnThisLoop, held
from tests.support.recalling import both_ways, ids

if TYPE_CHECKING:
    from anabranch_store import Graph

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
    call = OnThisLoop()

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
    @held(30 if graph.product.name == "arcadedb" else 5, shrink=True)
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
