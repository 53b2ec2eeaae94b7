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
    """Equal vectors go by their places; one that made room for a newer one is none of them."""
    chance = np.random.default_rng(1)
    neighbours = Neighbours()
    made: dict[str, list[float]] = {}
    for number in range(LATEST + 300):
        one = _remembered(number, f"alone{number}")
        neighbours.add(one)
        made[one.insight_id] = np.sign(chance.normal(size=DIMENSION)).tolist()
        near = neighbours.near(one, vectors=made, known=lambda _: True)

        if number % 50 == 0 or number > LATEST + 280:
            latest = list(made)[-LATEST:]
            places = {each: int(each[-12:], 16) % LATEST for each in latest}
            cosines = np.asarray([made[each] for each in latest]) @ made[one.insight_id]
            best = sorted(range(len(latest)), key=lambda at: (-cosines[at], places[latest[at]]))
            expected = {latest[at] for at in best[: BY_MEANING + 1]} - {one.insight_id}
            assert {each.insight_id for each in near} == expected


def test_an_insight_that_shares_no_word_has_no_neighbour() -> None:
    """Nor has one whose stems nobody holds."""
    neighbours = Neighbours()
    alone = _remembered(1, "Screws rust")

    assert neighbours.by_words(alone) == []
    neighbours.add(alone)
    assert neighbours.by_words(alone) == []
    assert neighbours.by_words(_remembered(2, "Rain falls")) == []
    assert new_id() not in neighbours.by_words(_remembered(3, "Rust"))
