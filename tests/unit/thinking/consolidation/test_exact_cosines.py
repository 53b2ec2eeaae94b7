"""Cosines: equal vectors have equal ones, wherever they stand."""

from __future__ import annotations

from math import fsum

import numpy as np
import pytest

from anabranch_thinking.consolidation.exact_cosines import exact_cosines, in_steps


@pytest.mark.parametrize("count", [1, 2, 3, 5, 7, 13, 101])
def test_equal_vectors_have_equal_cosines(count: int) -> None:
    """In a matrix with a vector, with itself, and each alone; and they are right to eight digits."""
    chance = np.random.default_rng(count)
    one, other = (each / np.linalg.norm(each) for each in chance.normal(size=(2, 384)))
    question = in_steps(one + other) / 2
    rows = in_steps([other.tolist()] * count)

    with_vector = exact_cosines(rows, question)
    with_each = exact_cosines(rows, rows.T)
    alone = exact_cosines(rows[0], question)

    assert set(with_vector.tolist()) == {float(alone)}
    assert len(set(with_each.ravel().tolist())) == 1
    by_hand = fsum((one + other) / 2 * other)
    assert float(alone) == pytest.approx(by_hand, abs=1e-7)
    assert float(with_each[0, 0]) == pytest.approx(1.0, abs=1e-7)
