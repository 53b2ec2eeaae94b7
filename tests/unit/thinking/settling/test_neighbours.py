"""Neighbours by words: the few of an insight are those that comparing with all would give."""

from __future__ import annotations

from collections import Counter
from math import log
from random import Random
from typing import TYPE_CHECKING

import numpy as np
import pytest

from anabranch_events import new_event, new_id
from anabranch_events.event.types import Insight, InsightRecorded
from anabranch_thinking.settling.holders import HOLDERS_MAX
from anabranch_thinking.settling.neighbours import (
    BY_MEANING,
    BY_WORDS,
    LATEST,
    STEMS_MAX,
    Neighbours,
)
from anabranch_thinking.settling.remembered import Remembered
from tests.support.histories import insight, session

if TYPE_CHECKING:
    from collections.abc import Sequence

INSIGHTS = 700
DIMENSION = 8


def _remembered(number: int, text: str) -> Remembered:
    said = Insight(insight_id=insight(number), text=text)
    data = InsightRecorded(**said.model_dump())
    event = new_event(data, session_id=session(1), namespace="default")
    return Remembered.of(said, event, number)


def _compared_with_all(own: Remembered, known: Sequence[Remembered], gone: set[str]) -> list[str]:
    """Compare an insight with every other one that holds a rare stem of its own, one by one."""
    counts = Counter(stem for one in known for stem in one.wording.stems)
    held = len({one.insight_id for one in known} - gone)
    shared: dict[str, float] = {}
    for stem in sorted(own.wording.stems, key=lambda stem: (counts[stem], stem))[:STEMS_MAX]:
        holders = [one.insight_id for one in known if stem in one.wording.stems]
        for each in holders[-HOLDERS_MAX:]:
            shared[each] = shared.get(each, 0.0) + log(1 + held / (1 + counts[stem]))
    among = [each for each in shared if each not in gone and each != own.insight_id]
    return sorted(among, key=lambda each: (-shared[each], each))[:BY_WORDS]


@pytest.mark.parametrize("words", [30, 400])
def test_neighbours_by_words_are_those_of_comparing_with_all(words: int) -> None:
    """Rings that are full, equal weights, insights that were dropped: the same ids, in order."""
    chance = Random(words)  # noqa: S311 - texts that can be made again.
    numbers = chance.sample(range(INSIGHTS), INSIGHTS)  # Ids in no order of time: ties go by id.
    neighbours, known, gone = Neighbours(), list[Remembered](), set[str]()
    for place, number in enumerate(numbers):
        text = " ".join(f"w{int(words * chance.random() ** 2)}" for _ in range(8))
        one = _remembered(number, text)
        neighbours.add(one)
        known.append(one)
        if chance.random() < 0.1:
            gone.add(left := chance.choice(known).insight_id)
            neighbours.drop(left)

        if place % 7 == 0 or place > INSIGHTS - 20:
            assert neighbours.by_words(one) == _compared_with_all(one, known, gone)


def test_neighbours_by_meaning_are_those_of_comparing_with_all() -> None:
    """Equal vectors go by their ids; one that made room for a newer one is none of them."""
    chance = np.random.default_rng(1)
    neighbours = Neighbours()
    made: dict[str, list[float]] = {}
    for number in range(LATEST + 300):
        one = _remembered(number, f"alone{number}")
        neighbours.add(one)
        made[one.insight_id] = np.sign(chance.normal(size=DIMENSION)).tolist()
        near = neighbours.near(one, vectors=made, known=lambda _: True)

        if number % 50 == 0 or number > LATEST + 280:
            others = list(made)[-LATEST:-1]
            made_before = np.asarray([made[each] for each in others]).reshape(-1, DIMENSION)
            cosines = made_before @ made[one.insight_id]
            best = sorted(zip((-cosines).tolist(), others, strict=True))[:BY_MEANING]
            assert {each.insight_id for each in near} == {each for _, each in best}


@pytest.mark.parametrize("beside", [0, 1, 2, 90])
def test_equal_vectors_are_equally_near_beside_any_others(beside: int) -> None:
    """However many are beside them, and in any order: the first by id are near, all alike.

    numpy 2.4.6 multiplies equal rows of a matrix unequally, by their places in it
    (findings/numpy_equal_rows_have_unequal_products.sh).
    """
    chance = np.random.default_rng(beside)
    made = chance.normal(size=(beside + 2, 384))
    made /= np.linalg.norm(made, axis=1, keepdims=True)
    numbers = chance.permutation(20 + beside).tolist()
    others = [_remembered(number, f"alone{number}") for number in numbers]
    vectors = {
        one.insight_id: made[0 if number < 20 else number - 20 + 2].tolist()
        for number, one in zip(numbers, others, strict=True)
    }
    neighbours = Neighbours()
    for one in others:
        neighbours.add(one)
        neighbours.add_vector(one.insight_id, vectors[one.insight_id])
    new = _remembered(900, "alone")
    question = made[0] + 0.5 * made[1]
    vectors[new.insight_id] = (question / np.linalg.norm(question)).tolist()

    near = neighbours.near(new, vectors=vectors, known=lambda _: True)

    assert [each.insight_id for each in near] == [insight(number) for number in range(BY_MEANING)]
    assert len({each.cosine for each in near}) == 1


def test_one_that_was_dropped_takes_nobodys_place() -> None:
    """Though others are turned away from the new one, and its own row has nothing."""
    neighbours, vectors = Neighbours(), dict[str, list[float]]()
    for number in range(BY_MEANING + 3):
        one = _remembered(number, f"alone{number}")
        neighbours.add(one)
        vectors[one.insight_id] = [1.0, 0.0]
        neighbours.add_vector(one.insight_id, vectors[one.insight_id])
    for number in range(3):
        neighbours.drop(insight(number))
    new = _remembered(900, "alone")
    vectors[new.insight_id] = [-1.0, 0.0]

    near = neighbours.near(new, vectors=vectors, known=lambda _: True)

    assert [each.insight_id for each in near] == [insight(each + 3) for each in range(BY_MEANING)]


def test_an_insight_that_shares_no_word_has_no_neighbour() -> None:
    """Nor has one whose stems nobody holds."""
    neighbours = Neighbours()
    alone = _remembered(1, "Screws rust")

    assert neighbours.by_words(alone) == []
    neighbours.add(alone)
    assert neighbours.by_words(alone) == []
    assert neighbours.by_words(_remembered(2, "Rain falls")) == []
    assert new_id() not in neighbours.by_words(_remembered(3, "Rust"))
