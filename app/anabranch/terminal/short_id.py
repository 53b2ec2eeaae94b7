"""Ids as people are shown them: by their ends, which any command takes."""

from __future__ import annotations

from typing import Final

_SHOWN: Final = 8


def short_id(whole: str) -> str:
    """Return the end of an id."""
    return whole[-_SHOWN:]
