"""The starts of a pool's workers: one that fails is not followed by the next at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection

PAUSE_MAX_S: Final = 60.0


class Starts:
    """The starts of workers: those that end before they ever answered make the next ones wait."""

    def __init__(self) -> None:
        self._failed = 0
        self._not_before = 0.0
        self._answered: set[str] = set()

    def may(self, now: float) -> bool:
        """Tell whether a worker may be started now."""
        return now >= self._not_before

    def seen(self, *, gone: Collection[str], answering: Collection[str], now: float) -> None:
        """Take in the workers that are gone, unless asked to, and those that answer."""
        if set(answering) - self._answered:
            self._failed = 0
        self._answered |= set(answering)
        if set(gone) - self._answered:
            self._failed += 1
            self._not_before = now + min(PAUSE_MAX_S, 2.0**self._failed)
        self._answered -= set(gone)
