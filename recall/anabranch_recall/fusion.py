"""The fusion of lanes into one ranking: a convex sum, a hop over rare names, then associations.

The parameters were chosen on LoCoMo, RealMem and BEAM by measuring (docs/recall.md). The sum is
min-max scaled and convex, instead of reciprocal ranks. The best insight of a session lifts its
session, and short fragments weigh less. Pure functions: the same candidates give the same ranking.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import log, log10
from typing import TYPE_CHECKING, Final

from anabranch_recall.question import Association, Why
from anabranch_recall.text.identifiers import Held, lifts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

WORDS_SHARE: Final = 0.4
MEANING_SHARE: Final = 0.6
SESSION_SHARE: Final = 0.7
LENGTH_SHARE: Final = 0.3
PATH_SHARE: Final = 0.2
LINKED_SHARE: Final = 0.1
SEEDS: Final = 2
SHARED_BY_MAX: Final = 4
LINKED_FROM: Final = 5
NOTHING_HELD: Final = Held()
_SHORT: Final = 20
_OPENING_CHARACTERS: Final = 60


@dataclass(frozen=True, slots=True)
class Candidate:
    """An insight that may answer. `words` and `cosine` are None where a lane has nothing on it.

    `evidence` is its part where a consolidation cites it, `held` the identifiers of the question
    that it has.
    """

    insight_id: str
    session_id: str
    text: str
    position: int
    names: tuple[str, ...] = ()
    words: float | None = None
    cosine: float | None = None
    day: str = ""
    evidence: float = 0.0
    held: Held = NOTHING_HELD


@dataclass(frozen=True, slots=True)
class Link:
    """An association between two insights, its weight decayed to the time of the question."""

    one: str
    other: str
    kind: str
    weight: float
    position: int


@dataclass(slots=True, eq=False)
class Scored:
    """A candidate and its score from each part of the recipe."""

    candidate: Candidate
    words: float = 0.0
    meaning: float = 0.0
    session: float = 0.0
    length: float = 0.0
    identifier: float = 0.0
    path: float = 0.0
    linked: float = 0.0
    entities: tuple[str, ...] = ()
    seeds: tuple[str, ...] = ()
    associations: list[Association] = field(default_factory=list[Association])
    same: list[Scored] = field(default_factory=list["Scored"])

    @property
    def score(self) -> float:
        """The sum of the parts."""
        own = self.words + self.meaning + self.session + self.length
        return own + sum(self.priors.values()) + self.path + self.linked

    @property
    def priors(self) -> dict[str, float]:
        """The parts that no lane gives, by their names."""
        parts = {"evidence": self.candidate.evidence, "identifier": self.identifier}
        return {name: part for name, part in parts.items() if part}

    @property
    def supported(self) -> bool:
        """True when anything but its length speaks for it."""
        found = self.candidate.words or self.candidate.cosine is not None
        return bool(found or self.path or self.linked)

    @property
    def order(self) -> tuple[float, int, str]:
        """Best first; ties by position, then id."""
        return (-self.score, self.candidate.position, self.candidate.insight_id)

    def why(self, matched: tuple[str, ...]) -> Why:
        """Explain the score; `matched` are the question's words in the text."""
        candidate = self.candidate
        lanes = {"words": self.words} if candidate.words else {}
        lanes |= {"meaning": self.meaning} if candidate.cosine is not None else {}
        events = {candidate.position, *(each.position for each in self.associations)}
        return Why(
            lanes=lanes,
            session=self.session,
            length=self.length,
            priors=self.priors,
            path=self.path,
            linked=self.linked,
            cosine=candidate.cosine,
            matched=matched,
            entities=self.entities,
            seeds=self.seeds,
            associations=tuple(self.associations),
            events=tuple(sorted(events)),
        )


def fuse(candidates: Sequence[Candidate]) -> list[Scored]:
    """Score `candidates` by both lanes, their sessions and their lengths; best first.

    A lane that has nothing on any candidate leaves its share to the other. So do the missing
    vectors of single candidates: until they are made, words stand for meaning.
    """
    words = _scaled([candidate.words for candidate in candidates])
    meaning = _scaled([candidate.cosine for candidate in candidates])
    words_share = WORDS_SHARE if meaning else 1.0
    meaning_share = MEANING_SHARE if words else 1.0
    scored = [Scored(candidate) for candidate in candidates]
    best: dict[str, float] = {}
    for at, each in enumerate(scored):
        each.words = words_share * words[at] if words else 0.0
        near = meaning[at] if meaning else 0.0
        if meaning and words and each.candidate.cosine is None:
            near = words[at]
        each.meaning = meaning_share * near
        session_id = each.candidate.session_id
        best[session_id] = max(best.get(session_id, 0.0), each.words + each.meaning)
    for each in scored:
        each.session = SESSION_SHARE * best[each.candidate.session_id]
        length = log10(max(len(each.candidate.text), _SHORT) / _SHORT)
        each.length = LENGTH_SHARE * min(length, 1.0)
    gained = lifts([each.candidate.held for each in scored], [each.score for each in scored])
    for each, part in zip(scored, gained, strict=True):
        each.identifier = part
    return sorted(scored, key=lambda each: each.order)


def hop(ranked: list[Scored], question: str, *, population: int) -> list[Scored]:
    """Lift insights that share a rare name with one of the two best; return them best first.

    A name counts when the question lacks it and 2 to 4 insights have it. The rarer it is, the more
    it counts, and twice where it opens the text. The two best are lifted alike, so they keep their
    places.
    """
    asked = question.lower()
    seeds = ranked[:SEEDS]
    seeking = {
        name: each.candidate.insight_id
        for each in reversed(seeds)
        for name in each.candidate.names
        if name.lower() not in asked
    }
    sharing = _sharing(ranked, seeking)
    if not sharing:
        return ranked
    for name, having in sharing.items():
        rarity = log(max(population, 2) / len(having)) / log(max(population, 2))
        for each in having:
            opens = 0 <= each.candidate.text.find(name) < _OPENING_CHARACTERS
            given = PATH_SHARE * max(rarity, 0.0) * (2 if opens else 1)
            if each not in seeds and given > 0:
                each.path = max(each.path, given)
                each.entities = (*each.entities, name)
                each.seeds = tuple(dict.fromkeys((*each.seeds, seeking[name])))
    lift = max(each.path for each in ranked)
    for each in seeds:
        each.path = lift
    return sorted(ranked, key=lambda each: each.order)


def link(ranked: list[Scored], links: Sequence[Link]) -> list[Scored]:
    """Lift insights that are associated with the best; return them best first.

    The gain is bounded by the association's weight and by the score of its other end. So it settles
    the order among the near, and does not bring the far to the top.
    """
    if not links:
        return ranked
    best = {each.candidate.insight_id: each.score for each in ranked[:LINKED_FROM]}
    top = max(best.values(), default=0.0)
    found = {each.candidate.insight_id: each for each in ranked}
    for each in links:
        for insight_id, other in ((each.one, each.other), (each.other, each.one)):
            if insight_id not in found or other not in best or top <= 0:
                continue
            given = LINKED_SHARE * each.weight * best[other] / top
            found[insight_id].linked = max(found[insight_id].linked, given)
            found[insight_id].associations.append(
                Association(
                    insight_id=other, kind=each.kind, weight=each.weight, position=each.position
                )
            )
    return sorted(ranked, key=lambda each: each.order)


def _scaled(values: Sequence[float | None]) -> list[float]:
    """Scale to 0..1; a missing value is 0. Empty when all are alike."""
    known = [value for value in values if value is not None]
    low, high = min(known, default=0.0), max(known, default=0.0)
    if high <= low:
        return [1.0 if value else 0.0 for value in values] if high > 0 else []
    return [0.0 if value is None else (value - low) / (high - low) for value in values]


def _sharing(ranked: Sequence[Scored], seeking: Mapping[str, str]) -> dict[str, list[Scored]]:
    sharing: dict[str, list[Scored]] = {name: [] for name in seeking}
    for each in ranked:
        for name in seeking.keys() & set(each.candidate.names):
            sharing[name].append(each)
    return {name: who for name, who in sharing.items() if 2 <= len(who) <= SHARED_BY_MAX}
