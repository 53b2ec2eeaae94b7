"""Python's garbage collections in a process of ours."""

from __future__ import annotations

import gc
from typing import Final

_THRESHOLDS: Final = (50_000, 20, 50)
"""Of the three generations; Python's own are 700, 10 and 10."""


def collect_seldom() -> None:
    """Have Python look for cycles seldom, from now on, in the whole process.

    What streams through is freed by its reference counts, and has no cycles. A batch on its way
    outlives the young generations, so that by Python's own thresholds every few batches make it
    go through all there is: a quarter of the time of a projector.
    """
    gc.set_threshold(*_THRESHOLDS)
