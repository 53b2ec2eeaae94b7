"""Lists that stand on a command line."""

from __future__ import annotations


def listed(given: str) -> list[str]:
    """Return the names of a list with commas."""
    return [one.strip() for one in given.split(",") if one.strip()]
