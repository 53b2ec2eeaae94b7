"""The ranking of the index: its best are the best, however many are ranked."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings, strategies

from anabranch_recall.index.best import best_slots
from tests.support.rounds import examples


@settings(max_examples=examples(300), deadline=None)
@given(
    seed=strategies.integers(0, 2**32 - 1),
    size=strategies.integers(1, 9_000),
    count=strategies.integers(1, 120),
    levels=strategies.sampled_from([1, 2, 30, 10_000]),
    left_out=strategies.sampled_from([0.0, 0.5, 0.999]),
)
def test_the_best_are_the_highest_and_of_equal_ones_the_first(
    seed: int, size: int, count: int, levels: int, left_out: float
) -> None:
    """As a stable sort has them, with many equal scores, and with some that are out of reach."""
    chance = np.random.default_rng(seed)
    total = chance.integers(-levels, levels, size) / levels
    total[chance.random(size) < left_out] = -np.inf

    found = best_slots(total, count)

    assert sorted(found) == sorted(np.argsort(-total, kind="stable")[:count].tolist())
