"""The strength of an association at a moment: a function of citations, never of a sweep."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

HALF_LIFE: Final = timedelta(days=14)


def decayed(weight: float, *, since: datetime, at: datetime) -> float:
    """Return the rest of `weight` at `at`: it halves every 14 days since it was last cited.

    Before `since` nothing has decayed yet.
    """
    age = max(at - since, timedelta(0))
    return float(weight * 2.0 ** -(age / HALF_LIFE))
