"""The best of many scores, without sorting them all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from anabranch_recall.moment import Rows

_GROUP: Final = 64
"""The slots of a group: to part them all for the best hundred takes ten times as long."""


def best_slots(total: NDArray[np.float64], count: int) -> list[int]:
    """Return the slots of the highest scores; among equal ones the first."""
    if len(total) <= count:
        return list(range(len(total)))
    near = _near_the_best(total, count)
    scores = total[near]
    least = _lowest_of_best(scores, count)
    above = near[scores > least]
    equal = near[scores == least][: count - len(above)]
    return [*above.tolist(), *equal.tolist()]


def _near_the_best(total: NDArray[np.float64], count: int) -> Rows:
    """Return slots among which are those of the `count` highest scores, with few others.

    Of groups of slots, `count` have one with a certain score or a higher one. So `count` slots
    reach it, and none of the best is below it.
    """
    groups = len(total) // _GROUP
    if groups <= count:
        return np.arange(len(total))
    peaks = total[: groups * _GROUP].reshape(_GROUP, groups).max(axis=0)
    return np.flatnonzero(total >= _lowest_of_best(peaks, count))


def _lowest_of_best(scores: NDArray[np.float64], count: int) -> float:
    """Return the lowest of the `count` highest scores."""
    return float(np.partition(scores, len(scores) - count)[len(scores) - count])
