"""Numbers of things in words."""

from __future__ import annotations


def counted(number: int, one: str, many: str | None = None) -> str:
    """Return a number with its noun: `1 event`, `2,000 events`, `3 branches`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
