"""The throughput of a projection, and its other figures."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass
from typing import Final

WINDOW_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class FollowerStatus:
    """A projection's figures at one moment, in this process."""

    active: bool
    """True while it writes; otherwise it stands by for another process that does."""
    position: int
    batch_size: int
    """Events in the last batch."""
    events_per_s: float
    """Over the last seconds."""
    events: int
    """Since the projection was started here."""
    retries: int
    """Transactions that were tried again, since the projection was started here."""
    dead_letters: int
    """Since the projection was started here."""


class Throughput:
    """A count of commits over a window of time."""

    def __init__(self) -> None:
        self._commits: deque[tuple[float, int]] = deque()
        self._started = time.monotonic()
        self._events = 0
        self._batch_size = 0
        self.dead_letters = 0

    def count(self, events: int, *, dead_letters: int) -> None:
        """Note a commit."""
        self._events += events
        self._batch_size = events
        self.dead_letters += dead_letters
        self._commits.append((time.monotonic(), events))
        self._forget()

    def status(self, position: int, *, active: bool, retries: int) -> FollowerStatus:
        """Return the figures as of now."""
        self._forget()
        recent = sum(events for _, events in self._commits)
        span_s = min(WINDOW_S, time.monotonic() - self._started)
        return FollowerStatus(
            active=active,
            position=position,
            batch_size=self._batch_size,
            events_per_s=recent / span_s if span_s > 0 else 0.0,
            events=self._events,
            retries=retries,
            dead_letters=self.dead_letters,
        )

    def _forget(self) -> None:
        """Drop what lies before the window."""
        since = time.monotonic() - WINDOW_S
        while self._commits and self._commits[0][0] < since:
            self._commits.popleft()
