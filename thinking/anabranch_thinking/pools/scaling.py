"""Scaling: the one formula by which the load of the queue says how many workers there shall be."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

from anabranch_events.errors import InputInvalid

WINDOW_S: Final = 60.0
"""The time for which a pool keeps the workers that it needed last."""

WORKERS_MAX: Final = 10_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Load:
    """The branches that wait for a worker, and those in flight: in a worker's hands."""

    waiting: int = 0
    in_flight: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Bounds:
    """The fewest and the most workers of a pool, and the slots that each of them has.

    Raises InputInvalid where they are none.
    """

    fewest: int
    most: int
    slots: int

    def __post_init__(self) -> None:
        if not 0 <= self.fewest <= self.most <= WORKERS_MAX or not self.most:
            raise InputInvalid(
                f"max: from {self.fewest} to {self.most} workers is no range",
                field="max",
                fix=f"give a maximum of 1 to {WORKERS_MAX} that is not below the minimum",
            )
        if self.slots < 1:
            raise InputInvalid(
                f"slots: {self.slots} is not a number of slots", field="slots", fix="give 1 or more"
            )

    def needed(self, load: Load) -> int:
        """Return the workers for a load: as many as have a slot for each branch, within bounds."""
        branches = load.waiting + load.in_flight
        return min(self.most, max(self.fewest, -(-branches // self.slots)))


class Scaling:
    """The number of workers that there shall be, one load after the other.

    It follows the need up at once, and down to the highest need of the last `window_s` seconds. So
    a pool that grew stays as it is for that long: a load that comes in waves does not make it flap.
    """

    def __init__(self, bounds: Bounds, *, window_s: float = WINDOW_S) -> None:
        if window_s < 0:
            raise InputInvalid(
                f"cooldown: {window_s:g} s is no time", field="cooldown", fix="give 0 or more"
            )
        self.bounds = bounds
        self._window_s = window_s
        # Falling needs, each the highest of those after the one before it.
        self._needs: deque[tuple[float, int]] = deque()

    def wanted(self, load: Load, *, now: float) -> int:
        """Return the number of workers for a load at the time `now`, which never goes back."""
        need = self.bounds.needed(load)
        while self._needs and self._needs[-1][1] <= need:
            self._needs.pop()
        self._needs.append((now, need))
        while self._needs[0][0] <= now - self._window_s and len(self._needs) > 1:
            self._needs.popleft()
        return self._needs[0][1]
