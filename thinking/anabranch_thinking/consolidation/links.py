"""Associations across sessions: the insights of a thought to link, and how strongly."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Final

import numpy as np

from anabranch_thinking.consolidation.points import (
    TOGETHER_BY_MEANING,
    TOGETHER_BY_WORDS,
    Point,
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
) -> list[WeightedLink]:
    """Link `ours` with each other and with `others`, always across two different sessions.

    `vectors` are unit vectors of `ours` then `others`; without them the words decide on similarity.
    An entity links where it is rare: 2 to 8 of all the insights here mention it. No two insights
    get more than one link, no insight more than five, those in `active` included.

    Links to `others` come first, for within the thought the synthesis tells what belongs together.
    Then the strongest come first. The same input gives the same links.
    """
    taken: Counter[str] = Counter()
    pairs: set[frozenset[str]] = set()
    outside = {point.insight_id for point in others}
    for link in active:
        taken.update((link.from_id, link.to_id))
        pairs.add(frozenset((link.from_id, link.to_id)))
    candidates = [
        *_similar(ours, others, vectors=vectors),
        *_sharing(ours, others),
    ]
    candidates.sort(
        key=lambda one: (
            outside.isdisjoint((one.link.from_id, one.link.to_id)),
            *_strongest_first(one),
        )
    )
    found: list[WeightedLink] = []
    for candidate in candidates:
        ends = (candidate.link.from_id, candidate.link.to_id)
        if frozenset(ends) in pairs or max(taken[end] for end in ends) >= LINKS_MAX:
            continue
        pairs.add(frozenset(ends))
        taken.update(ends)
        found.append(candidate)
    return found


def _strongest_first(candidate: WeightedLink) -> tuple[float, str, str, str]:
    link = candidate.link
    return (-candidate.weight, link.kind, link.from_id, link.to_id)


def _similar(
    ours: Sequence[Point],
    others: Sequence[Point],
    *,
    vectors: Sequence[Sequence[float]] | None,
) -> Iterator[WeightedLink]:
    everything = [*ours, *others]
    near = likeness(everything, vectors=vectors)
    measure, enough, how = (
        (near.words, TOGETHER_BY_WORDS, "in words")
        if vectors is None
        else (near.meaning, TOGETHER_BY_MEANING, "in meaning")
    )
    sessions = np.array([point.session_id for point in everything])
    across = sessions[: len(ours), None] != sessions[None, :]
    eligible = np.where(across & (measure[: len(ours)] >= enough), measure[: len(ours)], 0.0)
    for start, block in ((0, eligible[:, : len(ours)]), (len(ours), eligible[:, len(ours) :])):
        nearest = np.argsort(-block, axis=1, kind="stable")[:, :NEAREST_MAX]
        for row, columns in enumerate(nearest.tolist()):
            for column in columns:
                weight = round(float(block[row, column]), 4)
                if weight > 0:
                    one, other = everything[row], everything[start + column]
                    yield _link(one, other, kind=SIMILAR, weight=weight, reason=f"alike {how}")


def _sharing(ours: Sequence[Point], others: Sequence[Point]) -> Iterator[WeightedLink]:
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
            if across and not own.isdisjoint((one.insight_id, other.insight_id)):
                reason = f"both mention {name}"
                yield _link(one, other, kind=SHARES_ENTITY, weight=weight, reason=reason)


def _link(one: Point, other: Point, *, kind: str, weight: float, reason: str) -> WeightedLink:
    # A UUIDv7 sorts by the time it was made: the newer insight points at the older.
    older, newer = sorted((one.insight_id, other.insight_id))
    return WeightedLink(Link(newer, older, kind), weight=weight, reason=reason)
