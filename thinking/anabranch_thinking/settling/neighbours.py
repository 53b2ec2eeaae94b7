"""The insights to compare a new one with: few, however many there are.

By words it is those that share its rarest stems, anywhere in memory. By meaning it is the nearest
among the latest. Both are bounded, so that settling n insights costs in the order of n.
"""

from __future__ import annotations

from math import log
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from anabranch_thinking.consolidation.exact_cosines import exact_cosines, in_steps
from anabranch_thinking.settling.holders import Holders

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from anabranch_thinking.consolidation.exact_cosines import Vector
    from anabranch_thinking.settling.remembered import Remembered

STEMS_MAX: Final = 24
"""The number of an insight's rarest stems that are looked up."""
BY_WORDS: Final = 12
BY_MEANING: Final = 5
LATEST: Final = 1024
"""The number of latest insights among which meaning is compared."""
NEAREST: Final = 5


class Near(NamedTuple):
    """An insight near a new one; `cosine` is None where either has no vector."""

    insight_id: str
    words: float
    cosine: float | None

    @property
    def strength(self) -> float:
        """The nearness, by meaning where that is known."""
        return self.words if self.cosine is None else self.cosine


class Neighbours:
    """The stems and the latest vectors of a namespace's insights, taken in one after another."""

    def __init__(self) -> None:
        self._holders = Holders()
        self._stems: dict[str, frozenset[str]] = {}
        self._numbers: dict[str, int] = {}
        self._ids: dict[int, str] = {}
        self._held = np.zeros(LATEST, np.bool_)
        self._added = 0
        self._latest = _Latest()
        self._nearest: dict[str, dict[str, float]] = {}

    def add(self, insight: Remembered) -> None:
        """Take in an insight by its words."""
        number = self._added
        self._added += 1
        if number == len(self._held):
            self._held = np.concatenate((self._held, np.zeros_like(self._held)))
        self._held[number] = True
        self._numbers[insight.insight_id] = number
        self._ids[number] = insight.insight_id
        self._stems[insight.insight_id] = insight.wording.stems
        for stem in insight.wording.stems:
            self._holders.add(stem, number)

    def drop(self, insight_id: str) -> None:
        """Leave an insight out from now on."""
        self._stems.pop(insight_id, None)
        number = self._numbers.pop(insight_id, None)
        if number is not None:
            del self._ids[number]
            self._held[number] = False
        self._nearest.pop(insight_id, None)
        self._latest.drop(insight_id)

    def has_vector(self, insight_id: str) -> bool:
        """Tell whether an insight is among the latest, with its vector."""
        return self._latest.get(insight_id) is not None

    def add_vector(self, insight_id: str, vector: Vector) -> None:
        """Make an insight one of the latest with its unit vector."""
        self._latest.put(insight_id, in_steps(vector))

    def linked(self, one: str, other: str, strength: float) -> None:
        """Note that two insights were found near each other before."""
        self._note(one, strength, other)
        self._note(other, strength, one)

    def by_words(self, insight: Remembered) -> list[str]:
        """Return the insights that share most of the rarest stems, without the insight itself."""
        counts = {stem: self._holders.count(stem) for stem in insight.wording.stems}
        rarest = sorted(counts, key=lambda stem: (counts[stem], stem))[:STEMS_MAX]
        found = self._holders.held(
            [(stem, log(1 + len(self._stems) / (1 + counts[stem]))) for stem in rarest]
        )
        among = self._held[found.numbers]
        among &= found.numbers != self._numbers.get(insight.insight_id, -1)
        weights = found.weights[among]
        if len(weights) > BY_WORDS:
            among[among] = weights >= np.partition(weights, -BY_WORDS)[-BY_WORDS]
        numbers, shared = found.numbers[among].tolist(), found.weights[among].tolist()
        ordered = sorted(
            (-weight, self._ids[number]) for weight, number in zip(shared, numbers, strict=True)
        )
        return [insight_id for _, insight_id in ordered[:BY_WORDS]]

    def near(
        self, insight: Remembered, *, vectors: Mapping[str, Vector], known: Callable[[str], bool]
    ) -> list[Near]:
        """Return the insights near a new one, nearest first, and take in its own vector.

        Only those count that are `known`. `vectors` are unit vectors; what has none is compared by
        words alone.
        """
        found = dict.fromkeys(self.by_words(insight))
        cosines: dict[str, float] = {}
        given = vectors.get(insight.insight_id)
        if given is not None:
            self.add_vector(insight.insight_id, given)
        own = self._latest.get(insight.insight_id)
        if own is not None:
            cosines = self._latest.nearest(own, BY_MEANING, besides=insight.insight_id)
            found |= dict.fromkeys(cosines)
            for each in found.keys() - cosines.keys():
                other = self._latest.get(each)
                if other is None and each in vectors:
                    other = in_steps(vectors[each])
                if other is not None:
                    cosines[each] = float(exact_cosines(own, other))
        stems = insight.wording.stems
        near = [
            Near(each, _overlap(stems, self._stems[each]), cosines.get(each))
            for each in found
            if each in self._stems and known(each)
        ]
        near.sort(key=lambda one: (-one.strength, one.insight_id))
        for one in near:
            self._note(one.insight_id, one.strength, insight.insight_id)
        self._nearest[insight.insight_id] = {one.insight_id: one.strength for one in near[:NEAREST]}
        return near

    def mutual(self, one: str, other: str) -> bool:
        """Tell whether each of two insights is among the nearest of the other."""
        return other in self._nearest.get(one, ()) and one in self._nearest.get(other, ())

    def _note(self, of: str, strength: float, other: str) -> None:
        """Keep an insight as one of the nearest of another one, strongest first, if it is."""
        nearest = self._nearest.setdefault(of, {})
        if other in nearest:
            return
        if len(nearest) == NEAREST and strength < next(reversed(nearest.values())):
            return
        found = [*nearest.items(), (other, strength)]
        found.sort(key=lambda one: (-one[1], one[0]))
        self._nearest[of] = dict(found[:NEAREST])


class _Latest:
    """The vectors of the latest insights, in one matrix: the oldest makes room for a new one."""

    def __init__(self) -> None:
        self._ids: list[str] = []
        self._places: dict[str, int] = {}
        self._next = 0
        self._matrix = np.zeros((0, 0))
        self._held = np.zeros(LATEST, np.bool_)

    def get(self, insight_id: str) -> NDArray[np.float64] | None:
        """Return the vector of an insight in steps, if it is among the latest."""
        place = self._places.get(insight_id)
        return None if place is None else self._matrix[place]

    def put(self, insight_id: str, vector: NDArray[np.float64]) -> None:
        """Add a vector, or put another one in its place."""
        if not self._matrix.size:
            self._matrix = np.zeros((LATEST, len(vector)))
        place = self._places.get(insight_id)
        if place is None:
            place = self._next
            self._next = (self._next + 1) % LATEST
            if place == len(self._ids):
                self._ids.append(insight_id)
            elif self._held[place]:
                del self._places[self._ids[place]]
            self._ids[place] = insight_id
            self._places[insight_id] = place
            self._held[place] = True
        self._matrix[place] = vector

    def drop(self, insight_id: str) -> None:
        """Leave an insight out."""
        place = self._places.pop(insight_id, None)
        if place is not None:
            self._held[place] = False

    def nearest(self, own: NDArray[np.float64], count: int, *, besides: str) -> dict[str, float]:
        """Return the insights with the highest cosines, and these; equal ones go by their ids."""
        among = self._held[: len(self._ids)].copy()
        among[self._places[besides]] = False
        cosines = exact_cosines(self._matrix[: len(among)], own)
        near = np.flatnonzero(among)
        if len(near) > count:
            near = near[cosines[near] >= np.partition(cosines[near], -count)[-count]]
        best = sorted((-float(cosines[place]), self._ids[place]) for place in near.tolist())
        return {insight_id: -cosine for cosine, insight_id in best[:count]}


def _overlap(one: frozenset[str], other: frozenset[str]) -> float:
    both = len(one & other)
    either = len(one) + len(other) - both
    return both / either if either else 0.0
