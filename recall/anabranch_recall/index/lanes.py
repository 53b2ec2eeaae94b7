"""The dense part of the index ranker: a score for every eligible insight, by whole columns.

Each number depends on its own row, on counts over the eligible ones and on nothing else. So what
was recorded later changes no bit of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from anabranch_recall.dates import closeness
from anabranch_recall.index.evidence import is_evidence

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from anabranch_recall.asked import Asked
    from anabranch_recall.index.eligible import Eligible
    from anabranch_recall.moment import Floats, Moment
    from anabranch_recall.recipe import Recipe
    from anabranch_recall.timing import Durations


class Scaled(NamedTuple):
    """A lane's values scaled to 0..1 over the eligible: (value - low) / span."""

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
        said = bm25(moment, asked, reach, recipe=recipe)
        words = scaled(said)
    with took.timed("meaning"):
        meaning, has_vector = _meaning(moment, reach, vector)
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


def bm25(moment: Moment, asked: Asked, reach: Eligible, *, recipe: Recipe) -> Floats:
    """Return BM25 over exactly the eligible: their counts, their average length, Lucene's idf."""
    scores = np.zeros(reach.count)
    lengths = reach.of(moment.columns.length)
    mean = float(lengths.sum(dtype=np.int64)) / max(1, reach.count) or 1.0
    for stem in asked.stems:
        found = moment.term(stem)
        slots, kept = reach.slots(found.rows)
        if not len(slots):
            continue
        counts = found.counts[kept].astype(np.float64)
        idf = log(1 + (reach.count - len(slots) + 0.5) / (len(slots) + 0.5))
        norms = recipe.k1 * (1 - recipe.b + recipe.b * lengths[slots] / mean)
        scores[slots] += idf * counts * (recipe.k1 + 1) / (counts + norms)
    return scores


def scaled(values: Floats, known: NDArray[np.bool_] | None = None) -> Scaled | None:
    """Scale to 0..1; what is not known is 0. None when there is nothing to tell apart."""
    among = values if known is None else values[known]
    if not len(among):
        return None
    low, high = float(among.min()), float(among.max())
    if high <= low:
        return Scaled((values > 0).astype(np.float64), 0.0, high) if high > 0 else None
    found = (values - low) / (high - low)
    if known is not None:
        found[~known] = 0.0
    return Scaled(found, low, high - low)


def session_best(moment: Moment, reach: Eligible, base: Floats) -> Floats:
    """Return for each slot the best of its session."""
    session = reach.of(moment.columns.session)
    best = np.zeros(int(session.max(initial=-1)) + 1)
    np.maximum.at(best, session, base)
    of_session: Floats = best[session]
    return of_session


def _meaning(
    moment: Moment, reach: Eligible, vector: NDArray[np.float32] | None
) -> tuple[Scaled | None, NDArray[np.bool_] | None]:
    if vector is None:
        return None, None
    has_vector = reach.of(moment.columns.scale) > 0
    if not has_vector.any():
        return None, None
    cosines = moment.similarities(vector, reach.rows)
    return scaled(cosines, None if has_vector.all() else has_vector), has_vector


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
    """Return for each insight that follows a short question in its session that one's score."""
    found = np.zeros(reach.count)
    columns = moment.columns
    before = reach.of(columns.before)
    follows = np.flatnonzero((before >= 0) & columns.asks[before])
    slots, kept = reach.slots(before[follows].astype(np.int64))
    found[follows[kept]] = base[slots]
    return found


def _fading(age: NDArray[np.int64], insights: float) -> Floats:
    faded: Floats = np.exp(age.astype(np.float64) / -insights)
    return faded
