"""Words and meaning are weighed among the best of each, by what tells these apart."""

from __future__ import annotations

from dataclasses import replace
from math import log

import numpy as np
import pytest

from anabranch_events.event.types import InsightRecorded
from anabranch_recall import Question
from anabranch_recall.asked import read
from anabranch_recall.index.eligible import eligible
from anabranch_recall.index.lanes import scaled, weighed
from anabranch_recall.index.ranking import rank
from anabranch_recall.recipe import RECIPE
from tests.support.histories import at, insight
from tests.support.indexed_histories import index_over, vector_of

EVERYWHERE = np.array([0, 1, 2, 3, 4]), np.ones(5)
RARE = np.array([3]), np.ones(1)
TWO_OF_FOUR = np.array([0, 1, 4]), np.array([1.0, 2.0, 1.0])


def test_a_stem_counts_by_how_rare_it_is_among_the_candidates() -> None:
    """One that each of them has counts little, one that none of them has counts nothing."""
    among = np.array([True, True, True, False, True])

    scores = weighed([EVERYWHERE, RARE, TWO_OF_FOUR], 5, among=among)

    in_all = log(1 + 0.5 / 4.5)
    in_three = log(1 + 1.5 / 3.5)
    expected = [in_all + in_three, in_all + 2 * in_three, in_all, in_all, in_all + in_three]
    assert scores == pytest.approx(expected)


def test_the_scale_is_of_the_candidates_and_goes_on_below_them() -> None:
    """So those that are no candidates keep their order."""
    values = np.array([0.9, 0.5, 0.7, 0.3, 0.1])

    found = scaled(values, np.array([True, True, True, False, False]))

    assert found is not None
    assert found.values == pytest.approx([1.0, 0.0, 0.5, -0.5, -1.0])
    assert (found.low, found.span) == pytest.approx((0.5, 0.4))


def test_candidates_that_are_all_alike_are_above_the_others() -> None:
    """They may be copies of one text: what is weaker stays so."""
    values = np.array([0.8, 0.8, 0.4, 0.0, -0.4])
    among, known = np.array([True, True, False, False, False]), np.array([True] * 4 + [False])

    found = scaled(values, among, known=known)

    assert found is not None
    assert found.values == pytest.approx([1.0, 1.0, 0.5, 0.0, 0.0])
    assert (found.low, found.span) == pytest.approx((0.0, 0.8))
    assert scaled(-values, among) is None


def test_among_many_alike_the_word_that_differs_decides() -> None:
    """Of a word that is rare in all, but in each that is near, little is left."""
    texts = [f"the ledger of wharf {number}" for number in range(60)]
    texts += [f"a sack of barley {number}" for number in range(400)]
    texts[7] = "the ledger of the drawbridge"
    cut = index_over(
        at(place, InsightRecorded(insight_id=insight(place), text=text))
        for place, text in enumerate(texts, start=1)
    ).cut(None)
    question = Question(text="Where is the drawbridge ledger?", namespace="default")

    def shares(candidates: int) -> list[float]:
        ranking = rank(
            cut,
            read(question.text),
            eligible(cut, question),
            k=10,
            vector=vector_of(question.text),
            recipe=replace(RECIPE, candidates=candidates),
        )
        by_row = {each.row: each.words for each in ranking.best}
        return [by_row[row] / by_row[7] for row in (0, 1)]

    among_all, among_few = shares(0), shares(50)

    assert max(among_few) < min(among_all)
