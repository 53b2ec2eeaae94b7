"""A row of a benchmark: ours beside theirs, measured in one run."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """One comparison. `ratio` is ours divided by theirs; `goal` says what it should be."""

    name: str
    ours: float
    theirs: float
    ratio: float
    goal: str
    met: bool
    unit: str


def at_most(name: str, *, ours: float, theirs: float, limit: float, unit: str) -> Row:
    """Return the row of something that should cost at most `limit` times theirs."""
    ratio = ours / theirs
    return Row(name, ours, theirs, ratio, f"<= {limit:g}", ratio <= limit, unit)


def at_least(name: str, *, ours: float, theirs: float, limit: float, unit: str) -> Row:
    """Return the row of something that should be at least `limit` times theirs."""
    ratio = ours / theirs
    return Row(name, ours, theirs, ratio, f">= {limit:g}", ratio >= limit, unit)
