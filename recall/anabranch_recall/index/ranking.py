"""The ranking of the index ranker: dense scores, then one hop and associations among the best."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import log
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from anabranch_recall.answer import distinct
from anabranch_recall.index.best import best_slots
from anabranch_recall.index.identified import identified
from anabranch_recall.index.lanes import Dense, dense
from anabranch_recall.moment import moment_of
from anabranch_recall.plasticity import decayed
from anabranch_recall.question import Association
from anabranch_recall.recipe import RECIPE
from anabranch_recall.text.identifiers import lifts
from anabranch_recall.text.language import entities
from anabranch_recall.timing import Durations

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from numpy.typing import NDArray

    from anabranch_recall.asked import Asked
    from anabranch_recall.index.eligible import Eligible
    from anabranch_recall.moment import Floats, LinkThen, Moment, Rows
    from anabranch_recall.recipe import Recipe

RERANKED: Final = 100
"""The number of the best that are compared by the model's own vectors."""
LINKS_MAX: Final = 200
_GROWTH: Final = 4
_ROUNDED: Final = 0.02
"""More than one byte a number takes from a cosine, or adds to it."""


@dataclass(slots=True, eq=False)
class Ranked:
    """An insight, and what each part gave it: the score is their sum.

    `own` is the sum without `path` and `linked`, which other insights give. `matched` says that it
    has a word of the question.
    """

    slot: int
    row: int
    position: int
    insight_id: str
    words: float
    meaning: float
    session: float
    length: float
    priors: dict[str, float]
    cosine: float | None
    own: float
    matched: bool = False
    path: float = 0.0
    linked: float = 0.0
    names: tuple[str, ...] = ()
    seeds: tuple[str, ...] = ()
    associations: list[Association] = field(default_factory=list[Association])
    same: list[Ranked] = field(default_factory=list["Ranked"])

    @property
    def score(self) -> float:
        """The sum of the parts."""
        return self.own + self.path + self.linked

    @property
    def supported(self) -> bool:
        """True where more than its place and its length speaks for it."""
        return bool(self.matched or self.cosine is not None or self.path or self.linked)


class Ranking(NamedTuple):
    """The best of each text, best first, which lanes had something, and the time of each."""

    best: list[Ranked]
    words: bool
    meaning: bool
    vectors: bool
    durations: Durations


class Pool:
    """The insights that may come first, each taken in once."""

    def __init__(
        self,
        moment: Moment,
        reach: Eligible,
        scores: Dense,
        *,
        vector: NDArray[np.float32] | None,
        recipe: Recipe,
    ) -> None:
        self._moment = moment
        self._reach = reach
        self._scores = scores
        self._vector = vector
        self._recipe = recipe
        self._ranked: dict[int, Ranked] = {}

    def add(self, slots: Iterable[int]) -> list[Ranked]:
        """Take in the insights at `slots`; return them in that order."""
        wanted = [int(slot) for slot in slots]
        new = sorted(set(wanted) - self._ranked.keys())
        if new:
            self._ranked |= zip(new, self._read(np.asarray(new, np.int64)), strict=True)
        return [self._ranked[slot] for slot in wanted]

    def ordered(self) -> list[Ranked]:
        """Return all that were taken in, best first."""
        return sorted(self._ranked.values(), key=_order)

    def _exact(self, rows: Rows) -> list[float | None]:
        if self._vector is None or self._scores.has_vector is None:
            return [None] * len(rows)
        cosines = self._moment.exact_similarities(self._vector, rows)
        has = self._moment.columns.scale[rows] > 0
        return [
            cosine if there else None for cosine, there in zip(cosines.tolist(), has, strict=True)
        ]

    def _read(self, slots: Rows) -> Iterator[Ranked]:
        """Yield what each part gives the insights at `slots`."""
        scores, moment = self._scores, self._moment
        rows = self._reach.rows_at(slots)
        nothing = [0.0] * len(slots)
        priors = {name: prior[slots].tolist() for name, prior in scores.priors.items()}
        by_words = nothing if scores.words is None else scores.words[slots].tolist()
        by_meaning = nothing if scores.meaning is None else scores.meaning[slots].tolist()
        for at, (slot, row, position, insight_id, cosine, session, substance, matched) in enumerate(
            zip(
                *(slots.tolist(), rows.tolist(), moment.columns.position[rows].tolist()),
                *(moment.insight_ids(rows), self._exact(rows), scores.session[slots].tolist()),
                *(scores.substance[slots].tolist(), scores.matched[slots].tolist()),
                strict=True,
            )
        ):
            words = by_words[at]
            meaning = self._meaning(by_meaning[at], cosine)
            length = self._recipe.length * substance
            given = {name: prior[at] for name, prior in priors.items() if prior[at]}
            yield Ranked(
                slot=slot,
                row=row,
                position=position,
                insight_id=insight_id,
                words=words,
                meaning=meaning,
                session=session,
                length=length,
                priors=given,
                cosine=cosine,
                own=words + meaning + session + length + sum(given.values()),
                matched=matched,
            )

    def _meaning(self, stand_in: float, cosine: float | None) -> float:
        """Return the share of a cosine; that of words stands in where there is no vector."""
        if cosine is None:
            return stand_in
        cosines = self._scores.cosines
        if cosines is None or cosines.span <= 0:
            return 0.0
        return self._scores.meaning_share * ((cosine - cosines.low) / cosines.span)


def _order(each: Ranked) -> tuple[float, int, str]:
    """Best first; ties by position, then id."""
    return (-each.score, each.position, each.insight_id)


def rank(
    moment: Moment,
    asked: Asked,
    reach: Eligible,
    *,
    k: int,
    vector: NDArray[np.float32] | None = None,
    asked_at: datetime | None = None,
    min_similarity: float | None = None,
    recipe: Recipe = RECIPE,
) -> Ranking:
    """Return the best of the eligible, best first, at least `k` where so many are eligible.

    Associations decay to `asked_at`; without it, to the last moment that was recorded. With
    `min_similarity` nothing below it is among them.
    """
    took = Durations()
    if not reach.count:
        return Ranking([], words=False, meaning=False, vectors=False, durations=took)
    scores = dense(moment, asked, reach, vector=vector, recipe=recipe, took=took)
    pool = Pool(moment, reach, scores, vector=vector, recipe=recipe)
    choosing = scores.total if min_similarity is None else _above(scores, min_similarity)
    size = max(k, RERANKED)
    pool.add(best_slots(choosing, size))
    if asked.identifiers:
        identify(pool, moment, asked, reach, scores)
    with took.timed("entities"):
        hop(pool, moment, asked, reach, recipe=recipe)
    with took.timed("associations"):
        link(pool, moment, reach, at=asked_at or last_moment(moment), recipe=recipe)
    return Ranking(
        _best(pool, moment, choosing, k=k, size=size, min_similarity=min_similarity),
        words=scores.words is not None,
        meaning=scores.meaning is not None,
        vectors=scores.has_vector is not None,
        durations=took,
    )


def _best(
    pool: Pool,
    moment: Moment,
    choosing: Floats,
    *,
    k: int,
    size: int,
    min_similarity: float | None,
) -> list[Ranked]:
    """Return the best of each text; where copies leave fewer than `k`, more are taken in."""
    while True:
        ranked = [
            each
            for each in pool.ordered()
            if each.supported
            and (
                min_similarity is None
                or (each.cosine is not None and each.cosine >= min_similarity)
            )
        ]
        best = distinct(ranked, lambda each: moment.document(each.row).said)
        if len(best) >= k or len(best) == len(ranked) or size >= len(choosing):
            return best
        size *= _GROWTH
        pool.add(best_slots(choosing, size))


def _above(scores: Dense, min_similarity: float) -> Floats:
    """Return the totals, with nothing for what is clearly less similar or has no vector."""
    totals = np.full(len(scores.total), -np.inf)
    if scores.cosines is not None and scores.has_vector is not None:
        cosines = scores.cosines.low + scores.cosines.span * scores.cosines.values
        near = scores.has_vector & (cosines >= min_similarity - _ROUNDED)
        totals[near] = scores.total[near]
    return totals


def identify(pool: Pool, moment: Moment, asked: Asked, reach: Eligible, scores: Dense) -> None:
    """Take in those with an identifier of the question; lift them above those with its words."""
    pooled = {each.slot for each in pool.ordered()}
    found = identified(moment, asked.identifiers, reach, scores.total, pooled=sorted(pooled))
    slots = [slot for slot, each in found.items() if each.verbatim or slot in pooled]
    ranked = pool.add(slots)
    gained = lifts([found[slot] for slot in slots], [each.own for each in ranked])
    for each, part in zip(ranked, gained, strict=True):
        if part:
            each.priors["identifier"] = part
            each.own += part


def hop(pool: Pool, moment: Moment, asked: Asked, reach: Eligible, *, recipe: Recipe) -> None:
    """Lift insights that share a rare name with one of the best.

    A name counts when the question lacks it and 2 to 6 insights have it. A rarer one counts more,
    and twice where it opens the text. The best are lifted alike, so they keep their places.
    """
    best = pool.ordered()[: recipe.seeds]
    population = log(max(reach.count, 2))
    lifted = 0.0
    for name, seed in _names_beside(moment, asked, best).items():
        found = moment.named(name)
        slots, kept = reach.slots(found.rows)
        if not 2 <= len(slots) <= recipe.shared_by_max:
            continue
        rarity = max(population - log(len(slots)), 0.0) / population
        opens = (found.counts[kept] == 2).tolist()
        for each, twice in zip(pool.add(slots.tolist()), opens, strict=True):
            given = recipe.path * rarity * (2 if twice else 1)
            if each not in best and given > 0:
                each.path = max(each.path, given)
                each.names = (*each.names, name)
                each.seeds = tuple(dict.fromkeys((*each.seeds, seed)))
                lifted = max(lifted, each.path)
    for each in best:
        each.path = lifted


def link(pool: Pool, moment: Moment, reach: Eligible, *, at: datetime, recipe: Recipe) -> None:
    """Lift insights that are associated with the best.

    The gain is bounded by the association's weight and by the other end's score. So it settles the
    order among the near, and does not bring the far to the top.
    """
    best = [each for each in pool.ordered() if each.supported][: recipe.linked_from]
    scores = {each.insight_id: each.score for each in best}
    top = max(scores.values(), default=0.0)
    if top <= 0:
        return
    found: dict[tuple[str, str, str, int], tuple[float, LinkThen]] = {}
    for each in best:
        for then in moment.links(each.insight_id):
            weight = decayed(then.weight, since=moment_of(then.since), at=at)
            found[then.one, then.other, then.kind, then.position] = (weight, then)
    strongest = sorted(found.values(), key=lambda each: (-each[0], each[1].position, each[1][:3]))
    for weight, then in strongest[:LINKS_MAX]:
        for own, other in ((then.one, then.other), (then.other, then.one)):
            lifted = _eligible_one(pool, moment, reach, own)
            if lifted is None or other not in scores:
                continue
            given = recipe.linked * weight * scores[other] / top
            lifted.linked = max(lifted.linked, given)
            lifted.associations.append(
                Association(insight_id=other, kind=then.kind, weight=weight, position=then.position)
            )


def _eligible_one(pool: Pool, moment: Moment, reach: Eligible, insight_id: str) -> Ranked | None:
    row = moment.row(insight_id)
    if row is None:
        return None
    slots, _ = reach.slots(np.asarray([row], np.int64))
    return pool.add(slots.tolist())[0] if len(slots) else None


def _names_beside(moment: Moment, asked: Asked, best: list[Ranked]) -> dict[str, str]:
    """Return the names that the best mention and the question lacks, each with who mentions it."""
    lower = asked.text.lower()
    seeking: dict[str, str] = {}
    for each in best:
        document = moment.document(each.row)
        for name in dict.fromkeys((*document.names, *entities(document.said))):
            if name.lower() not in lower:
                seeking.setdefault(name, each.insight_id)
    return seeking


def last_moment(moment: Moment) -> datetime:
    """Return when the last insight was recorded."""
    return moment_of(int(moment.columns.recorded_at[-1]))
