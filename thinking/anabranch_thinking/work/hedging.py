"""Hedging: which running branches are slow for their kind, and get a second copy."""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass
from statistics import quantiles
from typing import TYPE_CHECKING, Final, NamedTuple

from anabranch_events.event.types import Priority

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

KINDS_MAX: Final = 1000
SAMPLES_MAX: Final = 200
_SLOW: Final = 0.95


class Kind(NamedTuple):
    """The kind of a branch: those of one kind take about as long."""

    namespace: str
    role: str | None
    executor: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Hedging:
    """The terms of hedging: the priorities that get it, and the ended branches that it needs.

    Of fewer than `samples_min` of its kind, ended by other workers, nobody can tell that a branch
    is slow.
    """

    priorities: AbstractSet[Priority] = frozenset({Priority.CRITICAL})
    samples_min: int = 20


class Paces:
    """The durations of the last ended branches of each kind, and the one that 95 of 100 keep."""

    def __init__(self, samples_min: int) -> None:
        self._samples_min = max(2, samples_min)
        self._ended: OrderedDict[Kind, deque[tuple[str, float]]] = OrderedDict()

    def note(self, kind: Kind, worker: str, duration_ms: float) -> None:
        """Note how long a worker took for a branch of a kind."""
        found = self._ended.setdefault(kind, deque(maxlen=SAMPLES_MAX))
        found.append((worker, duration_ms))
        self._ended.move_to_end(kind)
        if len(self._ended) > KINDS_MAX:
            self._ended.popitem(last=False)

    def slow_after_s(self, kind: Kind, worker: str) -> float | None:
        """Return the seconds after which a worker is slow at a kind; None while too few ended.

        Its own branches do not count: one that is always slow would make that the usual pace.
        """
        found = [taken for by, taken in self._ended.get(kind, ()) if by != worker]
        if len(found) < self._samples_min:
            return None
        cuts = quantiles(found, n=100, method="inclusive")
        return cuts[round(_SLOW * 100) - 1] / 1000
