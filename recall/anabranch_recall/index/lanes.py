"""The dense part of the index ranker: a score for every eligible insight, by whole columns.

Each number depends on its own row, on the eligible ones and on nothing else. So what was recorded
later changes no bit of it. Words and meaning are weighed among the candidates, the best of each.
So what tells these apart counts, and not how they differ from all others.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from anabranch_recall.dates import closeness
from anabranch_recall.index.best import best_slots
from anabranch_recall.index.evidence import is_evidence

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from anabranch_recall.asked import Asked
    from anabranch_recall.index.eligible import Eligible
    from anabranch_recall.moment import Floats, Moment, Rows
    from anabranch_recall.recipe import Recipe
    from anabranch_recall.timing import Durations


class Scaled(NamedTuple):
    """A lane's values, scaled to 0..1 over the candidates: (value - low) / span."""

    values: Floats
    low: float
    span: float


@dataclass(slots=True)
class Dense:
    """Each slot's share from each part; a lane that has nothing is None.

    The weakest of those that have a word of the question may get nothing for it, so `matched` says
    who has one.
    """

    words: Floats | None
    matched: NDArray[np.bool_]
    meaning: Floats | None
    cosines: Scaled | None
    meaning_share: float
    session: Floats
    substance: NDArray[np.float32]
    priors: dict[str, Floats]
    total: Floats
    has_vector: NDArray[np.bool_] | None


def dense(
    moment: Moment,
    asked: Asked,
    reach: Eligible,
    *,
    vector: NDArray[np.float32] | None,
    recipe: Recipe,
    took: Durations,
) -> Dense:
    """Score every eligible insight by words, meaning, its session, its length and the priors.

    The time of each lane is added to `took`.
    """
    with took.timed("words"):
        stems = occurrences(moment, asked, reach, recipe=recipe)
        said = weighed(stems, reach.count)
    with took.timed("meaning"):
        cosines, has_vector = _cosines(moment, reach, vector)
    is_candidate = _candidates(said, cosines, has_vector, count=recipe.candidates)
    with took.timed("words"):
        words = scaled(weighed(stems, reach.count, among=is_candidate), is_candidate)
    with took.timed("meaning"):
        meaning = None if cosines is None else scaled(cosines, is_candidate, known=has_vector)
    if meaning and words and has_vector is not None:  # Until they are made, words stand for them.
        np.copyto(meaning.values, words.values, where=~has_vector)
    words_share = recipe.words if meaning else 1.0
    meaning_share = recipe.meaning if words else 1.0
    by_words = words_share * words.values if words else None
    by_meaning = meaning_share * meaning.values if meaning else None
    parts = [part for part in (by_words, by_meaning) if part is not None]
    base: Floats = sum(parts[1:], parts[0]) if parts else np.zeros(reach.count)
    session = session_best(moment, reach, base)
    session *= recipe.session
    substance = reach.of(moment.columns.substance)
    total = base + session
    total += recipe.length * substance.astype(np.float64)
    priors = _priors(moment, asked, reach, base, recipe=recipe)
    for prior in priors.values():
        total += prior
    return Dense(
        words=by_words,
        matched=said > 0,
        meaning=by_meaning,
        cosines=meaning,
        meaning_share=meaning_share,
        session=session,
        substance=substance,
        priors=priors,
        total=total,
        has_vector=has_vector,
    )


def occurrences(
    moment: Moment, asked: Asked, reach: Eligible, *, recipe: Recipe
) -> list[tuple[Rows, Floats]]:
    """Return the slots that have each stem of the question, and how much it counts in each.

    That is BM25's count of it, over the average length of exactly the eligible.
    """
    found: list[tuple[Rows, Floats]] = []
    lengths = reach.of(moment.columns.length)
    mean = float(lengths.sum(dtype=np.int64)) / max(1, reach.count) or 1.0
    for stem in asked.stems:
        having = moment.term(stem)
        slots, kept = reach.slots(having.rows)
        counts = having.counts[kept].astype(np.float64)
        norms = recipe.k1 * (1 - recipe.b + recipe.b * lengths[slots] / mean)
        found.append((slots, counts * (recipe.k1 + 1) / (counts + norms)))
    return found


def weighed(
    stems: Sequence[tuple[Rows, Floats]], count: int, *, among: NDArray[np.bool_] | None = None
) -> Floats:
    """Return BM25 of `count` slots by Lucene's idf, which is over all of them or over some.

    A stem that none of those has tells nothing apart, and counts nothing.
    """
    scores = np.zeros(count)
    population = count if among is None else int(among.sum())
    for slots, counts in stems:
        having = len(slots) if among is None else int(among[slots].sum())
        if having:
            scores[slots] += log(1 + (population - having + 0.5) / (having + 0.5)) * counts
    return scores


def _candidates(
    said: Floats, cosines: Floats | None, has_vector: NDArray[np.bool_] | None, *, count: int
) -> NDArray[np.bool_]:
    """Return who is among the best `count` by words or by meaning; all where there are no more."""
    if not count or len(said) <= count:
        return np.ones(len(said), np.bool_)
    is_candidate = np.zeros(len(said), np.bool_)
    by_words = best_slots(said, count)
    is_candidate[by_words] = said[by_words] > 0
    if cosines is not None and has_vector is not None:
        near = best_slots(np.where(has_vector, cosines, -np.inf), count)
        is_candidate[near] = has_vector[near]
    return is_candidate


def scaled(
    values: Floats, among: NDArray[np.bool_], *, known: NDArray[np.bool_] | None = None
) -> Scaled | None:
    """Scale to 0..1 among some; what is not known is 0. None when there is nothing to tell apart.

    Others go on by the same measure, below 0 where they are lower than all of these.
    """
    chosen = values[among if known is None else among & known]
    if not len(chosen):
        return None
    low, high = float(chosen.min()), float(chosen.max())
    if high <= low:
        low = 0.0  # Others may differ, where these are copies.
    if high <= low:
        return None
    found = (values - low) / (high - low)
    if known is not None:
        found[~known] = 0.0
    return Scaled(found, low, high - low)


def session_best(moment: Moment, reach: Eligible, base: Floats) -> Floats:
    """Return for each slot the best of its session, at least 0."""
    session = reach.of(moment.columns.session)
    best = np.zeros(int(session.max(initial=-1)) + 1)
    np.maximum.at(best, session, base)
    of_session: Floats = best[session]
    return of_session


def _cosines(
    moment: Moment, reach: Eligible, vector: NDArray[np.float32] | None
) -> tuple[Floats | None, NDArray[np.bool_] | None]:
    if vector is None:
        return None, None
    has_vector = reach.of(moment.columns.scale) > 0
    if not has_vector.any():
        return None, None
    return moment.similarities(vector, reach.rows), has_vector


def _priors(
    moment: Moment, asked: Asked, reach: Eligible, base: Floats, *, recipe: Recipe
) -> dict[str, Floats]:
    """Return what each prior that has a say gives each slot."""
    columns = moment.columns
    priors: dict[str, Floats] = {}
    if asked.dates and recipe.date:
        priors["date"] = recipe.date * closeness(reach.of(columns.day), asked.dates)
    codes = [code for name in asked.subjects if (code := moment.code("subject", name)) >= 0]
    if codes and recipe.subject:
        is_subject = np.isin(reach.of(columns.subject), codes)
        priors["subject"] = recipe.subject * is_subject.astype(np.float64)
    if recipe.question:
        priors["question"] = recipe.question * reach.of(columns.asks).astype(np.float64)
    if recipe.answer:
        priors["answer"] = recipe.answer * _of_the_question_before(moment, reach, base)
    if asked.goes_on and recipe.recency:
        rows = np.arange(reach.total) if reach.rows is None else reach.rows
        age = (reach.total - 1) - rows
        priors["recency"] = recipe.recency * _fading(age, recipe.recency_insights)
    if recipe.evidence:
        priors["evidence"] = recipe.evidence * is_evidence(moment, reach).astype(np.float64)
    return priors


def _of_the_question_before(moment: Moment, reach: Eligible, base: Floats) -> Floats:
    """Return for each insight that follows a short question that one's score, at least 0."""
    found = np.zeros(reach.count)
    columns = moment.columns
    before = reach.of(columns.before)
    follows = np.flatnonzero((before >= 0) & columns.asks[before])
    slots, kept = reach.slots(before[follows].astype(np.int64))
    found[follows[kept]] = np.maximum(base[slots], 0.0)
    return found


def _fading(age: NDArray[np.int64], insights: float) -> Floats:
    faded: Floats = np.exp(age.astype(np.float64) / -insights)
    return faded
