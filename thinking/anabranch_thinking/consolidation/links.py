"""Associations across sessions: the insights of a thought to link, and how strongly."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np

from anabranch_thinking.consolidation.points import (
    TOGETHER_BY_MEANING,
    TOGETHER_BY_WORDS,
    Likeness,
    Point,
    across_sessions,
    likeness,
)
from anabranch_thinking.sessions.state import Link

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SIMILAR: Final = "similar"
SHARES_ENTITY: Final = "shares_entity"
LINKS_MAX: Final = 5
NEAREST_MAX: Final = 10
MENTIONS_MAX: Final = 8
_Candidate: TypeAlias = tuple[bool, float, str, str, str, str]
"""A link that may be formed, in the order of their forming: those to others, then the strongest."""


@dataclass(frozen=True, slots=True)
class WeightedLink:
    """An association to be formed, from the newer insight to the older."""

    link: Link
    weight: float
    reason: str


def find_links(
    ours: Sequence[Point],
    others: Sequence[Point] = (),
    *,
    vectors: Sequence[Sequence[float]] | None = None,
    active: frozenset[Link] = frozenset(),
    near: Likeness | None = None,
) -> list[WeightedLink]:
    """Link `ours` with each other and with `others`, always across two different sessions.

    `vectors` are unit vectors of `ours` then `others`; without them the words decide on similarity.
    An entity links where it is rare: 2 to 8 of all the insights here mention it. No two insights
    get more than one link, no insight more than five, those in `active` included.

    Links to `others` come first, for within the thought the synthesis tells what belongs together.
    Then the strongest come first. The same input gives the same links. `near` is the likeness of
    `ours`, where it is known.
    """
    taken: Counter[str] = Counter()
    pairs: set[frozenset[str]] = set()
    for link in active:
        taken.update((link.from_id, link.to_id))
        pairs.add(frozenset((link.from_id, link.to_id)))
    near = likeness([*ours, *others], vectors=vectors) if near is None or others else near
    by_words = vectors is None
    candidates = sorted({*_similar(ours, others, near, by_words=by_words), *_sharing(ours, others)})
    found: list[WeightedLink] = []
    for _, weight, kind, newer, older, reason in candidates:
        ends = frozenset((newer, older))
        if ends in pairs or taken[newer] >= LINKS_MAX or taken[older] >= LINKS_MAX:
            continue
        pairs.add(ends)
        taken.update(ends)
        found.append(WeightedLink(Link(newer, older, kind), weight=-weight, reason=reason))
    return found


def _similar(
    ours: Sequence[Point],
    others: Sequence[Point],
    near: Likeness,
    *,
    by_words: bool,
) -> Iterator[_Candidate]:
    everything = [*ours, *others]
    measure, enough, how = (
        (near.words, TOGETHER_BY_WORDS, "in words")
        if by_words
        else (near.meaning, TOGETHER_BY_MEANING, "in meaning")
    )
    across = across_sessions(ours, everything)
    eligible = np.where(across & (measure[: len(ours)] >= enough), measure[: len(ours)], 0.0)
    for start, block in ((0, eligible[:, : len(ours)]), (len(ours), eligible[:, len(ours) :])):
        nearest = np.argsort(-block, axis=1, kind="stable")[:, :NEAREST_MAX]
        strengths = np.take_along_axis(block, nearest, axis=1).tolist()
        for row, columns in enumerate(nearest.tolist()):
            for column, strength in zip(columns, strengths[row], strict=True):
                if (weight := round(strength, 4)) > 0:
                    one, other = everything[row], everything[start + column]
                    yield _candidate(one, other, SIMILAR, weight, f"alike {how}", outside=start > 0)


def _sharing(ours: Sequence[Point], others: Sequence[Point]) -> Iterator[_Candidate]:
    held: dict[str, list[Point]] = {}
    for point in (*ours, *others):
        for name in point.entities:
            held.setdefault(name, []).append(point)
    own = {point.insight_id for point in ours}
    for name in sorted(held):
        mentions = held[name]
        if not 2 <= len(mentions) <= MENTIONS_MAX:
            continue
        weight = round(1 / len(mentions), 4)
        for one, other in combinations(mentions, 2):
            across = one.session_id != other.session_id
            inside = (one.insight_id in own) + (other.insight_id in own)
            if across and inside:
                reason = f"both mention {name}"
                yield _candidate(one, other, SHARES_ENTITY, weight, reason, outside=inside == 1)


def _candidate(
    one: Point, other: Point, kind: str, weight: float, reason: str, *, outside: bool
) -> _Candidate:
    # A UUIDv7 sorts by the time it was made: the newer insight points at the older.
    older, newer = sorted((one.insight_id, other.insight_id))
    return (not outside, -weight, kind, newer, older, reason)
