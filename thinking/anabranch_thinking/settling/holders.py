"""The latest insights that hold each stem, as rows of numbers: many are looked up at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

HOLDERS_MAX: Final = 64
"""The number of latest insights that are known for a stem."""
_ROWS_MIN: Final = 256


class Held(NamedTuple):
    """The insights that hold some stems, by number, each with the sum of these stems' weights."""

    numbers: NDArray[np.int32]
    weights: NDArray[np.float64]


class Holders:
    """For each stem a ring of the latest insights that hold it."""

    def __init__(self) -> None:
        self._rows: dict[str, int] = {}
        self._counts: list[int] = []
        self._rings = np.zeros((_ROWS_MIN, HOLDERS_MAX), np.int32)

    def add(self, stem: str, number: int) -> None:
        """Note that an insight holds a stem; the oldest of a full ring makes room."""
        row = self._rows.setdefault(stem, len(self._counts))
        if row == len(self._counts):
            self._counts.append(0)
            if row == len(self._rings):
                self._rings = np.concatenate((self._rings, np.zeros_like(self._rings)))
        self._rings[row, self._counts[row] % HOLDERS_MAX] = number
        self._counts[row] += 1

    def count(self, stem: str) -> int:
        """Return how many insights ever held a stem."""
        row = self._rows.get(stem)
        return 0 if row is None else self._counts[row]

    def held(self, weights: Sequence[tuple[str, float]]) -> Held:
        """Return the latest insights that hold any of the stems, which have a weight each.

        Weights are added in the order of the stems: equal sets of stems give equal sums.
        """
        known = [(self._rows[stem], weight) for stem, weight in weights if stem in self._rows]
        if not known:
            return Held(np.zeros(0, np.int32), np.zeros(0))
        rows = [row for row, _ in known]
        lengths = np.asarray([min(self._counts[row], HOLDERS_MAX) for row in rows])
        filled = np.arange(HOLDERS_MAX) < lengths[:, None]
        numbers, places = np.unique(self._rings[rows][filled], return_inverse=True)
        each = np.repeat([weight for _, weight in known], lengths)
        sums: NDArray[np.float64] = np.bincount(places, weights=each).astype(np.float64, copy=False)
        return Held(numbers, sums)
