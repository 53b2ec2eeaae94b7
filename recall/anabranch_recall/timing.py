"""The time that each lane of a question took."""

from __future__ import annotations

from contextlib import contextmanager
from time import perf_counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator


class Durations:
    """Milliseconds by lane, summed over all that was done for it."""

    def __init__(self) -> None:
        self._ms: dict[str, float] = {}

    def of(self, lane: str) -> float:
        """Return the milliseconds that a lane took."""
        return round(self._ms.get(lane, 0.0), 3)

    @contextmanager
    def timed(self, lane: str) -> Generator[None]:
        """Add the time of the block to a lane's."""
        begun = perf_counter()
        try:
            yield
        finally:
            self.add(lane, (perf_counter() - begun) * 1000)

    def add(self, lane: str, milliseconds: float) -> None:
        """Add a time to a lane's."""
        self._ms[lane] = self._ms.get(lane, 0.0) + milliseconds
