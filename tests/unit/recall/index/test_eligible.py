"""The index gives the eligible insights and nothing else, after any history."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from anabranch_projections.recall_index.namespace_index import NamespaceIndex
from anabranch_recall import Question, Scope
from anabranch_recall.asked import read
from anabranch_recall.index.eligible import eligible
from anabranch_recall.index.ranking import rank
from tests.support.indexed_histories import DIMENSION, take_in, vector_of
from tests.support.recall_accounts import ACCOUNT_STEPS, account_of
from tests.support.rounds import examples

if TYPE_CHECKING:
    from tests.support.learning import Account


def _indexes(account: Account) -> dict[str, NamespaceIndex]:
    """Return an index a namespace, over the account's events."""
    found: dict[str, NamespaceIndex] = {}
    for each in account.events:
        index = found.setdefault(
            each.namespace, NamespaceIndex(each.namespace, dimension=DIMENSION)
        )
        take_in(index, each)
    return found


@settings(max_examples=examples(300), deadline=None)
@given(ACCOUNT_STEPS, st.data())
def test_recall_gives_the_eligible_and_nothing_else(
    steps: list[tuple[str, int, int]], data: st.DataObject
) -> None:
    """In any scope and as of any position: exactly what may be seen by the words of the design.

    The account of the graph's own test says what that is, so both rankers see the same.
    """
    account = account_of(steps)
    indexes = _indexes(account)
    text = "which gauge drifts at the bay?"
    for scope in Scope:
        question = Question(
            text=text,
            namespace=data.draw(st.sampled_from(["default", "default", "other"])),
            k=100,
            scope=scope,
            session_id=data.draw(st.sampled_from(list(account.lines))),
            as_of=data.draw(st.none() | st.integers(0, account.position)),
            include_retired=data.draw(st.booleans()),
        )
        index = indexes.get(question.namespace, NamespaceIndex("other", dimension=DIMENSION))
        cut = index.cut(question.as_of)

        reach = eligible(cut, question)
        ranking = rank(cut, read(text), reach, k=100, vector=vector_of(text))

        found = [one for each in ranking.best for one in (each, *each.same)]
        assert {each.insight_id for each in found} == account.eligible(question)
