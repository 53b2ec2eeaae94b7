"""Candidates for ranking, made from the rows read of insights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from anabranch_recall.fusion import Candidate, Scored, fuse, hop
from anabranch_recall.text.identifiers import held, identifiers_in
from anabranch_recall.text.language import asked_words, bm25, date_words, entities, tokens, words_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


CHARACTERS_MAX: Final = 4096
NO_EVIDENCE: Final[Mapping[str, float]] = {}
RESTATED: Final = "restated"
"""The method of a consolidation of insights that all say one fact."""


class Row(NamedTuple):
    """The ranking's data of an insight; the text with its subject, up to `CHARACTERS_MAX`."""

    insight_id: str
    session_id: str
    text: str
    position: int
    day: str
    entities: tuple[str, ...]


def rank_all(
    question: str,
    rows: Sequence[Row],
    cosines: Mapping[str, float],
    *,
    evidence: Mapping[str, float] = NO_EVIDENCE,
) -> list[Scored]:
    """Rank a whole reach: names and their rarity are those of `rows`."""
    names = {row.insight_id: (*row.entities, *entities(row.text)) for row in rows}
    candidates = candidates_of(question, rows, cosines, names, evidence=evidence)
    return hop(fuse(candidates), question, population=len(rows))


def rank_chosen(
    question: str,
    rows: Sequence[Row],
    cosines: Mapping[str, float],
    *,
    shared: Mapping[str, Sequence[str]],
    population: int,
    evidence: Mapping[str, float] = NO_EVIDENCE,
) -> list[Scored]:
    """Rank the indexes' choice out of `population`; `shared` has the insights by shared name."""
    names: dict[str, tuple[str, ...]] = {}
    for name, ids in shared.items():
        for insight_id in ids:
            names[insight_id] = (*names.get(insight_id, ()), name)
    candidates = candidates_of(question, rows, cosines, names, evidence=evidence)
    return hop(fuse(candidates), question, population=population)


def candidates_of(
    question: str,
    rows: Sequence[Row],
    cosines: Mapping[str, float],
    names: Mapping[str, tuple[str, ...]],
    *,
    evidence: Mapping[str, float] = NO_EVIDENCE,
) -> list[Candidate]:
    """Return `rows` as candidates, with BM25 over exactly them.

    A text is ranked together with its day, because people ask by month and year. `evidence` has the
    part of each insight that a standing consolidation cites.
    """
    documents = [words_of(_dated(row.text, row.day)) for row in rows]
    scores = bm25(asked_words(question), documents)
    needed = {one: set(tokens(one)) for one in identifiers_in(question)}
    return [
        Candidate(
            insight_id=row.insight_id,
            session_id=row.session_id,
            text=row.text,
            day=row.day,
            position=row.position,
            names=names.get(row.insight_id, ()),
            words=score,
            cosine=cosines.get(row.insight_id),
            evidence=evidence.get(row.insight_id, 0.0),
            held=held(
                (one for one, words in needed.items() if words <= document.counts.keys()), row.text
            ),
        )
        for row, document, score in zip(rows, documents, scores, strict=True)
    ]


def matched_words(question: str, candidate: Candidate) -> tuple[str, ...]:
    """Return the words of `question` that the candidate's text or day has, as they were asked."""
    found = words_of(_dated(candidate.text, candidate.day)).counts
    return tuple(word for stem, word in asked_words(question).items() if stem in found)


def _dated(text: str, day: str) -> str:
    return f"{text}\n{date_words(day)}"
