"""Insights side by side: the likeness of each two, in meaning, in words, in evidence."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from anabranch_recall import entities, tokens
from anabranch_recall.text.subject import with_subject
from anabranch_thinking.consolidation.exact_cosines import exact_cosines, in_steps

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anabranch_events.event.types import Insight

Matrix: TypeAlias = NDArray[np.float64]

TOGETHER_BY_MEANING: Final = 0.6
TOGETHER_BY_WORDS: Final = 0.4
TOGETHER_BY_SOURCES: Final = 0.5
SAME_BY_MEANING: Final = 0.92
SAME_BY_WORDS: Final = 0.8


@dataclass(frozen=True, slots=True)
class Point:
    """One point of a synthesis, made from an insight."""

    insight_id: str
    session_id: str
    text: str
    confidence: float = 1.0
    entities: frozenset[str] = frozenset()
    sources: frozenset[str] = frozenset()

    @classmethod
    def of(cls, insight: Insight, *, session_id: str) -> Point:
        """Read `insight`, which `session_id` produced."""
        return cls(
            insight_id=insight.insight_id,
            session_id=session_id,
            text=with_subject(insight.text, insight.subject),
            confidence=insight.confidence,
            entities=frozenset(insight.entities or entities(insight.text)),
            sources=frozenset(insight.sources),
        )


@dataclass(frozen=True, slots=True)
class Likeness:
    """Square matrices over the same points, each from 0 to 1."""

    meaning: Matrix
    words: Matrix
    sources: Matrix

    @property
    def together(self) -> NDArray[np.bool_]:
        """True for each two that belong together."""
        return (
            (self.meaning >= TOGETHER_BY_MEANING)
            | (self.words >= TOGETHER_BY_WORDS)
            | (self.sources >= TOGETHER_BY_SOURCES)
        )

    @property
    def same(self) -> NDArray[np.bool_]:
        """True for each two that say nearly the same."""
        return (self.meaning >= SAME_BY_MEANING) | (self.words >= SAME_BY_WORDS)

    @property
    def strength(self) -> Matrix:
        """The strength between each two, by the strongest of the three."""
        return np.maximum(np.maximum(self.meaning, self.words), self.sources)


def likeness(
    points: Sequence[Point], *, vectors: Sequence[Sequence[float]] | None = None
) -> Likeness:
    """Compare every two of `points`; `vectors` are unit vectors in the same order.

    Meaning is the cosine, words and sources are the Jaccard overlap of stems and of sources.
    Costs the square of their number in memory: 32 MB for 2,000.
    """
    count = len(points)
    meaning = np.zeros((count, count))
    if vectors is not None and count:
        matrix = in_steps(vectors)
        meaning = np.clip(exact_cosines(matrix, matrix.T), 0.0, 1.0)
    return Likeness(
        meaning=meaning,
        words=_overlap([frozenset(tokens(point.text)) for point in points]),
        sources=_overlap([point.sources for point in points]),
    )


def across_sessions(points: Sequence[Point], others: Sequence[Point]) -> NDArray[np.bool_]:
    """Tell of each of `points` and each of `others` whether two sessions have produced them."""
    # By numbers: to compare each two ids takes longer than all the rest of a synthesis.
    numbers: dict[str, int] = {}
    rows, columns = (
        np.array([numbers.setdefault(one.session_id, len(numbers)) for one in some], dtype=np.intp)
        for some in (points, others)
    )
    apart: NDArray[np.bool_] = rows[:, None] != columns[None, :]
    return apart


def _overlap(sets: Sequence[frozenset[str]]) -> Matrix:
    # A member of one set alone is in no overlap: most stems are, and they would be most columns.
    held = Counter(chain.from_iterable(sets))
    if not held:
        return np.zeros((len(sets), len(sets)))
    columns = {member: column for column, member in enumerate(one for one in held if held[one] > 1)}
    holds = np.zeros((len(sets), max(1, len(columns))))
    for row, members in enumerate(sets):
        holds[row, [columns[member] for member in members if member in columns]] = 1.0
    shared = holds @ holds.T
    sizes = np.array([len(members) for members in sets], dtype=np.float64)
    np.fill_diagonal(shared, sizes)
    either = sizes[:, None] + sizes[None, :] - shared
    overlap: Matrix = np.divide(shared, either, out=np.zeros_like(shared), where=either > 0)
    return overlap
