"""Products of vectors in one byte a number: exact, whatever the processor's instructions."""

from __future__ import annotations

import numpy as np
import pytest

from anabranch_projections.recall_index.vectors import (
    LEVELS,
    Asked,
    OpenVectors,
    VectorBlock,
    asked,
    products,
    products_of,
)

ROWS = 5_000


@pytest.mark.parametrize("dimension", [1, 7, 64, 383, 384, 1536])
def test_products_are_those_of_whole_numbers(dimension: int) -> None:
    """Over blocks, for several questions at once and for chosen rows, the least numbers too."""
    chance = np.random.default_rng(dimension)
    codes = chance.integers(-LEVELS, LEVELS + 1, (ROWS, dimension)).astype(np.int8)
    codes[:3] = [[-LEVELS], [LEVELS], [0]]
    blocks = [
        VectorBlock(first, codes[first:end], codes[first:end].astype(np.float32))
        for first, end in ((0, 1), (1, 2_100), (2_100, ROWS))
    ]
    vectors = [np.ones(dimension), -np.ones(dimension), chance.standard_normal(dimension)]
    questions = [asked(vector.astype(np.float32)) for vector in vectors]
    rows = np.array([0, 1, 2, 2_099, 2_100, ROWS - 1])
    whole = np.stack([one.codes for one in questions]).astype(np.int64) @ codes.T.astype(np.int64)

    together = products(blocks, questions, end=ROWS - 1)
    few = [products_of(blocks, one, rows) for one in questions]

    assert np.array_equal(together, whole[:, :-1])
    assert np.array_equal(few, whole[:, rows])
    assert np.array_equal(
        products(blocks[:2], questions, end=ROWS)[:, 2_100:], np.zeros((3, 2_900))
    )


def test_nothing_is_near_nothing() -> None:
    """Without rows, without vectors, or asked by a vector of nothing, products are 0."""
    blocks = [OpenVectors(0, 8).block()]
    nothing = Asked(np.zeros(8, np.int8), 1.0)

    assert products(blocks, [nothing], end=3).tolist() == [[0.0, 0.0, 0.0]]
    assert products_of(blocks, nothing, np.array([], np.int64)).tolist() == []
