"""Vectors in one byte a number, compared exactly, beside the model's own vectors.

A vector is kept as whole numbers of -127 to 127 times a scale of its own. Two such vectors are
multiplied in whole numbers, and their product stays below 2^24. So the result is exact in any order
of summing, on any machine, beside any number of other rows, also as a 32-bit float.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import simsimd

from anabranch_projections.recall_index.growing import Growing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from anabranch_recall.moment import Floats, Rows

LEVELS: Final = 127
_EXACT: Final = 2**24
_BLOCK: Final = 2048
"""Rows that are gone through for all questions at once: they stay in the processor's cache."""


class VectorBlock(NamedTuple):
    """Vectors of consecutive rows from `first` on, as codes and as they were made."""

    first: int
    codes: NDArray[np.int8]
    full: NDArray[np.float32]

    @property
    def end(self) -> int:
        """The row after the last."""
        return self.first + len(self.codes)

    def without(self, rows: Sequence[int]) -> VectorBlock:
        """Return the block with vectors of nothing in `rows`."""
        places = np.asarray(rows, np.int64) - self.first
        codes, full = self.codes.copy(), self.full.copy()
        codes[places] = 0
        full[places] = 0.0
        return VectorBlock(self.first, codes, full)


class Asked(NamedTuple):
    """A question's vector as codes, and what one unit of a product with them is worth."""

    codes: NDArray[np.int8]
    scale: float


class OpenVectors:
    """Vectors of the rows that are in no segment yet."""

    def __init__(self, first: int, dimension: int) -> None:
        self.first = first
        self._codes = Growing(np.int8, width=dimension)
        self._full = Growing(np.float32, width=dimension)

    def extend(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Add vectors of the next rows; return their scales, 0 for a vector of nothing."""
        codes, scales = quantised(vectors)
        self._full.extend(vectors)
        self._codes.extend(codes)
        return scales

    def erase(self, row: int) -> None:
        """Make a row's vector one of nothing."""
        if self.first <= row < self.first + len(self._codes):
            self._codes.put(row - self.first, 0)
            self._full.put(row - self.first, 0.0)

    @property
    def nbytes(self) -> int:
        """Their memory in bytes."""
        return self._codes.nbytes + self._full.nbytes

    def block(self) -> VectorBlock:
        """Return what is there now."""
        end = len(self._codes)
        return VectorBlock(self.first, self._codes.cut(end), self._full.cut(end))


def joined_vectors(blocks: Sequence[VectorBlock]) -> VectorBlock:
    """Return vectors of consecutive rows as one block."""
    return VectorBlock(
        blocks[0].first,
        np.concatenate([block.codes for block in blocks]),
        np.concatenate([block.full for block in blocks]),
    )


def quantised(vectors: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Return vectors as codes, and the scale by which each is multiplied."""
    largest = np.abs(vectors).max(axis=1, initial=0.0)
    scales = (largest / LEVELS).astype(np.float32)
    divisors = np.where(scales > 0, scales, np.float32(1.0))
    codes = np.rint(vectors / divisors[:, None])
    return np.clip(codes, -LEVELS, LEVELS).astype(np.int8), scales


def asked(vector: NDArray[np.float32]) -> Asked:
    """Return a question's vector as codes, in as many levels as stay exact at its dimension."""
    levels = min(LEVELS, (_EXACT - 1) // (LEVELS * max(1, len(vector))))
    largest = float(np.abs(vector).max(initial=0.0))
    scale = largest / levels if largest else 1.0
    return Asked(np.rint(vector / np.float32(scale)).astype(np.int8), scale)


def products(
    blocks: Sequence[VectorBlock], questions: Sequence[Asked], *, end: int
) -> NDArray[np.float32]:
    """Return, a row a question, the product of its codes with each row's, up to `end`.

    It is 0 where there is no vector.
    """
    codes = np.stack([question.codes for question in questions])
    found = np.zeros((len(questions), end), np.float32)
    for block in blocks:
        for start in range(block.first, min(block.end, end), _BLOCK):
            stop = min(start + _BLOCK, block.end, end)
            part = block.codes[start - block.first : stop - block.first]
            found[:, start:stop] = _multiplied(codes, part)
    return found


def products_of(blocks: Sequence[VectorBlock], question: Asked, rows: Rows) -> Floats:
    """Return the product of the question's codes with those of ascending `rows`."""
    found = np.zeros(len(rows))
    for block in blocks:
        start, stop = np.searchsorted(rows, (block.first, block.end))
        if stop > start:
            codes = block.codes[rows[start:stop] - block.first]
            found[start:stop] = _multiplied(question.codes[None], codes)[0]
    return found


def _multiplied(questions: NDArray[np.int8], codes: NDArray[np.int8]) -> NDArray[np.float64]:
    """Return the product of each question's codes with each row's: whole numbers, all exact."""
    found: NDArray[np.float64] = np.asarray(simsimd.cdist(questions, codes, metric="dot"))
    return found


def cosines_of(blocks: Sequence[VectorBlock], vector: NDArray[np.float32], rows: Rows) -> Floats:
    """Return the cosine of ascending `rows` to `vector`, each summed by itself in 64 bits."""
    found = np.zeros(len(rows))
    wide: NDArray[Any] = vector.astype(np.float64)
    for block in blocks:
        start, stop = np.searchsorted(rows, (block.first, block.end))
        full = block.full[rows[start:stop] - block.first]
        found[start:stop] = (full * wide).sum(axis=1)
    return found
